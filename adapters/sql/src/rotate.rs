//! The use of a refresh token: the statement that runs most.

use std::collections::HashMap;
use std::sync::LazyLock;

use portcullis_domain::ports::store::StoreError;
use portcullis_domain::sessions::{Rotated, Rotation};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, Iterable, QueryResult, Statement, Value,
};
use uuid::Uuid;

use crate::entity::{names, session};
use crate::error::store_error;
use crate::link::Link;
use crate::sessions::session;

/// `Rotation::apply`, on the condition that the token is the live one of a live session.
const ONE: &str = "UPDATE sessions SET generation = generation + 1, refresh_digest = $1, \
    used_at_4 = used_at_3, used_at_3 = used_at_2, used_at_2 = used_at_1, used_at_1 = $2, last_seen_at = $2, \
    idle_expires_at = CASE WHEN expires_at < $3 THEN expires_at ELSE $3 END \
    WHERE id = $4 AND generation = $5 AND refresh_digest = $6 \
    AND revoked_at IS NULL AND idle_expires_at > $2 AND expires_at > $2";

/// Each by its name: a statement that says `*` would break when a newer replica adds a column.
static COLUMNS: LazyLock<String> = LazyLock::new(|| names(session::Column::iter()));
static ONE_RETURNING: LazyLock<String> = LazyLock::new(|| format!("{ONE} RETURNING {}", *COLUMNS));

/// The same for several at once.
const MANY: &str = "UPDATE sessions SET generation = sessions.generation + 1, refresh_digest = use.column1, \
    used_at_4 = used_at_3, used_at_3 = used_at_2, used_at_2 = used_at_1, used_at_1 = use.column2, \
    last_seen_at = use.column2, \
    idle_expires_at = CASE WHEN expires_at < use.column3 THEN expires_at ELSE use.column3 END";
const MANY_ON_POSTGRES: &str = "FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bytea[]) \
    AS use (column1, column2, column3, column4, column5, column6)";
const MANY_LIVE: &str = "WHERE sessions.id = use.column4 AND sessions.generation = use.column5 \
    AND sessions.refresh_digest = use.column6 AND sessions.revoked_at IS NULL \
    AND sessions.idle_expires_at > use.column2 AND sessions.expires_at > use.column2";

/// Follows the end of a session that now comes sooner than when it began.
const END_SOONER: &str = "UPDATE sessions SET ends_from = idle_expires_at WHERE id = $1";

/// The use of a refresh token as the statements take it.
#[derive(Clone)]
pub(crate) struct RotationRow {
    /// The session.
    pub(crate) session: Uuid,
    generation: i64,
    presented: [u8; 32],
    successor: [u8; 32],
    at: i64,
    idle_expires_at: i64,
}

impl RotationRow {
    pub(crate) fn new(rotation: &Rotation) -> Self {
        Self {
            session: *rotation.session.as_uuid(),
            generation: i64::from(rotation.generation),
            presented: rotation.presented.0,
            successor: rotation.successor.0,
            at: rotation.at.as_unix_micros(),
            idle_expires_at: rotation.idle_expires_at.as_unix_micros(),
        }
    }

    fn values(&self) -> [Value; 6] {
        [
            self.successor.to_vec().into(),
            self.at.into(),
            self.idle_expires_at.into(),
            self.session.into(),
            self.generation.into(),
            self.presented.to_vec().into(),
        ]
    }

    /// The statement for this use alone.
    pub(crate) fn statement(&self, backend: DbBackend) -> Statement {
        Statement::from_sql_and_values(backend, ONE_RETURNING.as_str(), self.values())
    }
}

/// One statement for all; their sessions are different ones.
pub(crate) fn many(rows: &[RotationRow], backend: DbBackend) -> Statement {
    if let [row] = rows {
        return row.statement(backend);
    }
    match backend {
        DbBackend::Postgres => on_postgres(rows),
        _ => on_sqlite(rows),
    }
}

/// It is filled up to a power of two with rows that meet no session, so that there are few statements to prepare.
fn on_sqlite(rows: &[RotationRow]) -> Statement {
    let places = rows.len().next_power_of_two();
    let marks = vec!["(?, ?, ?, ?, ?, ?)"; places].join(", ");
    let nothing = std::iter::repeat_n(Value::BigInt(None), 6 * (places - rows.len()));
    let values = rows.iter().flat_map(RotationRow::values).chain(nothing);
    let sql = format!("{MANY} FROM (VALUES {marks}) AS use {MANY_LIVE} RETURNING {}", *COLUMNS);
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// In the order of the sessions, so that two of these do not wait for each other.
fn on_postgres(rows: &[RotationRow]) -> Statement {
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_unstable_by_key(|row| row.session);
    let numbers =
        |number: fn(&RotationRow) -> i64| -> Value { rows.iter().map(|row| number(row)).collect::<Vec<i64>>().into() };
    let digests = |digest: fn(&RotationRow) -> [u8; 32]| -> Value {
        rows.iter().map(|row| digest(row).to_vec()).collect::<Vec<Vec<u8>>>().into()
    };
    let values = [
        digests(|row| row.successor),
        numbers(|row| row.at),
        numbers(|row| row.idle_expires_at),
        rows.iter().map(|row| row.session).collect::<Vec<Uuid>>().into(),
        numbers(|row| row.generation),
        digests(|row| row.presented),
    ];
    let sql = format!("{MANY} {MANY_ON_POSTGRES} {MANY_LIVE} RETURNING {}", *COLUMNS);
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
}

/// The rows by their sessions.
pub(crate) fn by_session(rows: Vec<QueryResult>) -> Result<HashMap<Uuid, QueryResult>, DbErr> {
    rows.into_iter().map(|row| Ok((row.try_get::<Uuid>("", "id")?, row))).collect()
}

/// Uses a refresh token: one conditional update, and a look at the session when it found nothing to change.
pub(crate) async fn rotate(link: &Link, rotation: &Rotation) -> Result<Rotated, StoreError> {
    let Some(row) = link.rotate(RotationRow::new(rotation)).await.map_err(store_error)? else {
        let row = session::Entity::find_by_id(*rotation.session.as_uuid()).one(link).await.map_err(store_error)?;
        return Ok(rotation.verdict(row.map(session).transpose()?));
    };
    let row = session::Model::from_query_result(&row, "").map_err(store_error)?;
    if row.idle_expires_at < row.ends_from {
        link.execute_raw(link.statement(END_SOONER, [row.id.into()])).await.map_err(store_error)?;
    }
    session(row).map(Rotated::First)
}
