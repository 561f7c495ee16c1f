//! From the databases' errors to the domain's: the only place that knows codes and names of constraints.

use std::borrow::Cow;

use portcullis_domain::ports::store::{StoreError, Unique};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use sqlx::error::{DatabaseError, ErrorKind};

/// Unique constraints by the name of their index on PostgreSQL and by their columns on SQLite. Any other is the
/// identifier of a row.
const UNIQUE: [(&str, &str, Unique); 3] = [
    ("users_email_key", "users.email_key", Unique::Email),
    ("users_username_key", "users.username_key", Unique::Username),
    ("signing_keys_ordinal", "signing_keys.algorithm, signing_keys.ordinal", Unique::KeyOrdinal),
];

/// What a database said, without the values it said it about.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Cause(pub(crate) String);

/// The store's answer to a failure of the database.
#[expect(clippy::needless_pass_by_value, reason = "so that it goes into `map_err` as it is")]
pub(crate) fn store_error(error: DbErr) -> StoreError {
    match &error {
        DbErr::Type(why) | DbErr::Json(why) => StoreError::Corrupt(why.clone()),
        DbErr::RecordNotUpdated => StoreError::Conflict,
        DbErr::TryIntoErr { from, into, .. } => StoreError::Corrupt(format!("a {from} that is no {into}")),
        _ => match sqlx_error(&error) {
            Some(sqlx::Error::Database(refusal)) => of_database(refusal.as_ref()),
            Some(sqlx::Error::ColumnDecode { index, .. }) => StoreError::Corrupt(format!("column {index}")),
            _ => unavailable(error.to_string()),
        },
    }
}

/// The store cannot be used, for this reason.
pub(crate) fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(Box::new(Cause(why.into())))
}

fn of_database(refusal: &dyn DatabaseError) -> StoreError {
    match refusal.kind() {
        ErrorKind::UniqueViolation => return StoreError::Duplicate(violated(refusal)),
        // What the row points at has gone in the meantime.
        ErrorKind::ForeignKeyViolation => return StoreError::Conflict,
        // A session gets no id when it must not start.
        ErrorKind::NotNullViolation if refusal.message().ends_with(": sessions.id") => return StoreError::Conflict,
        _ => {}
    }
    let code = refusal.code().unwrap_or_default();
    if is_locked_file(&code) {
        return unavailable("the database file is locked by another program: end it, or try again when it is done");
    }
    if is_conflict(&code) { StoreError::Conflict } else { unavailable(format!("{} ({code})", refusal.message())) }
}

fn violated(refusal: &dyn DatabaseError) -> Unique {
    let known = |(index, columns, _): &&(&str, &str, Unique)| match refusal.constraint() {
        Some(name) => name == *index,
        None => refusal.message().ends_with(&format!(": {columns}")),
    };
    UNIQUE.iter().find(known).map_or(Unique::Id, |(_, _, unique)| *unique)
}

/// Serialization failure, deadlock or lock timeout on PostgreSQL; busy or locked on SQLite, whose extended codes keep
/// the primary one in their lowest byte.
fn is_conflict(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "55P03") || matches!(sqlite_code(code), Some(5 | 6))
}

/// Whether SQLite waited in vain for another process: busy, also while that one recovers the log. A unit of work whose
/// snapshot is too old is a conflict instead.
fn is_locked_file(code: &str) -> bool {
    matches!(code, "5" | "261")
}

fn sqlite_code(code: &str) -> Option<u32> {
    // SQLSTATEs have five characters, SQLite's codes fewer.
    if code.len() < 5 { code.parse::<u32>().ok().map(|code| code & 0xff) } else { None }
}

/// Whether the connection broke, so that a statement that changes nothing may be tried on another one.
pub(crate) fn is_lost(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed) => true,
        // Connection exceptions, and a server that was told to go away or is not there yet.
        Some(sqlx::Error::Database(refusal)) => {
            let code = refusal.code().unwrap_or_default();
            code.starts_with("08") || matches!(code.as_ref(), "57P01" | "57P02" | "57P03")
        }
        _ => false,
    }
}

/// What the database said, in its own words only: its driver adds lines of the server's source.
pub(crate) fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(refusal) => refusal.message().to_owned(),
        sqlx::Error::Io(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// What to do when the server cannot be used.
pub(crate) fn remedy(error: &sqlx::Error) -> &'static str {
    let code = match error {
        sqlx::Error::Database(refusal) => refusal.code().unwrap_or_default(),
        _ => Cow::Borrowed(""),
    };
    match code.as_ref() {
        "3D000" => "create the database (CREATE DATABASE), or correct its name in DATABASE_URL",
        "28000" | "28P01" => "correct user and password in DATABASE_URL, and look at pg_hba.conf of the server",
        "42501" => MISSING_RIGHT,
        "53300" => "let the server have more connections, or this service fewer (database.max_connections)",
        _ => "check that it runs and that DATABASE_URL has the right address, user and password",
    }
}

const MISSING_RIGHT: &str =
    "the user of DATABASE_URL needs the rights CONNECT on the database, and USAGE and CREATE on the schema";

/// What the database said to a migration, and what to do about it.
pub(crate) fn explained(error: &DbErr) -> String {
    match sqlx_error(error) {
        Some(cause @ sqlx::Error::Database(refusal)) if refusal.code().as_deref() == Some("42501") => {
            format!("{}; {MISSING_RIGHT}", said(cause))
        }
        Some(cause) => said(cause),
        None => error.to_string(),
    }
}

/// Whether another process holds the SQLite file.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    matches!(sqlx_error(error), Some(error) if is_busy_file(error))
}

/// Whether another process holds the SQLite file.
pub(crate) fn is_busy_file(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(refusal) if is_conflict(&refusal.code().unwrap_or_default()))
}

/// Whether the table that was asked does not exist.
pub(crate) fn is_no_table(error: &DbErr) -> bool {
    matches!(sqlx_error(error), Some(sqlx::Error::Database(refusal))
        if refusal.code().as_deref() == Some("42P01") || refusal.message().starts_with("no such table"))
}

/// Says where, when the database could not be reached at all.
pub(crate) fn at(address: &str, error: DbErr) -> DbErr {
    let why = match &error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => "no connection in time".to_owned(),
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => "the store is closed".to_owned(),
        DbErr::Conn(cause) => cause.to_string(),
        _ if is_lost(&error) => error.to_string(),
        _ => return error,
    };
    DbErr::Conn(RuntimeErr::Internal(format!("the database at {address} cannot be used: {why}")))
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}
