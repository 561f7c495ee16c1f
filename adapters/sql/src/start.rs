//! The beginning of a session: the statements of a login.

use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::sessions::Session;
use sea_orm::{DbBackend, Statement, Value};

use crate::column::micros;

macro_rules! columns {
    () => {
        "id, user_id, client_id, scope, authenticated_at, created_at, last_seen_at, idle_expires_at, expires_at, \
         revoked_at, revoked_reason, ip, user_agent, generation, refresh_digest, \
         used_at_1, used_at_2, used_at_3, used_at_4, ends_from, impersonator, impersonation_read_only"
    };
}
macro_rules! values {
    () => {
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22"
    };
}
/// The account's other sessions that are live when this one begins.
macro_rules! others {
    () => {
        "(SELECT count(*) FROM sessions AS other WHERE other.user_id = $2 AND other.id <> $1 \
         AND other.revoked_at IS NULL AND other.idle_expires_at > $6 AND other.expires_at > $6)"
    };
}

const INSERT: &str = concat!("INSERT INTO sessions (", columns!(), ") VALUES (", values!(), ")");

/// SQLite has one writer: while this unit has its turn nobody else changes the password, or whether it may be used.
const START_ON_SQLITE: &str = concat!(
    "INSERT INTO sessions (",
    columns!(),
    ") SELECT ",
    values!(),
    " WHERE EXISTS (SELECT 1 FROM credentials WHERE user_id = $2 AND hash = $23 AND state = 0) RETURNING ",
    others!()
);

/// The same among the last statements of a unit, where nobody looks at what it finds: without the password, or the room,
/// there is no id, and a session without an id is refused with all that the unit has done. Its places have no numbers, so
/// that other statements can come after it in one text.
const START_LAST_ON_SQLITE: &str = concat!(
    "INSERT INTO sessions (",
    columns!(),
    ") SELECT (SELECT ? FROM credentials WHERE user_id = ? AND hash = ? AND state = 0 AND \
     (SELECT count(*) FROM sessions AS other WHERE other.user_id = ? AND other.revoked_at IS NULL \
     AND other.idle_expires_at > ? AND other.expires_at > ?) < ?), \
     ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
);

/// The lock on the password comes first and is held until the unit ends. Whoever waited for it sees what the one
/// before has left; only the count is as old as the statement, as the port allows.
const START_ON_POSTGRES: &str = concat!(
    "WITH held AS MATERIALIZED (SELECT ",
    others!(),
    " AS others FROM credentials WHERE user_id = $2 AND hash = $23 AND state = 0 FOR UPDATE), \
     started AS (INSERT INTO sessions (",
    columns!(),
    ") SELECT ",
    values!(),
    " FROM held WHERE others < $24 RETURNING id) SELECT others FROM held, started"
);

/// Adds a session.
pub(crate) fn insert(backend: DbBackend, session: &Session) -> Statement {
    Statement::from_sql_and_values(backend, INSERT, row(session))
}

/// Adds a session if the password is still this one and may be used; a row with the number of other live sessions if it is.
pub(crate) fn start(backend: DbBackend, session: &Session, password: &PasswordHash) -> Statement {
    if backend == DbBackend::Postgres {
        return start_on_postgres(session, password, i64::MAX);
    }
    let values = row(session).into_iter().chain([password.as_str().into()]);
    Statement::from_sql_and_values(backend, START_ON_SQLITE, values)
}

/// The same on PostgreSQL, while there are at most `most` with it.
pub(crate) fn start_on_postgres(session: &Session, password: &PasswordHash, most: i64) -> Statement {
    let values = row(session).into_iter().chain([password.as_str().into(), most.into()]);
    Statement::from_sql_and_values(DbBackend::Postgres, START_ON_POSTGRES, values)
}

/// The same among the last statements of a unit on SQLite; they fail when it is not, or when the account
/// would have more than `most` live sessions.
pub(crate) fn start_last_on_sqlite(session: &Session, password: &PasswordHash, most: u32) -> Statement {
    let [id, user, rest @ ..] = row(session);
    let now: Value = session.created_at.as_unix_micros().into();
    let held = [id, user.clone(), password.as_str().into()];
    let room = [user.clone(), now.clone(), now, i64::from(most).into()];
    let values = held.into_iter().chain(room).chain([user]).chain(rest);
    Statement::from_sql_and_values(DbBackend::Sqlite, START_LAST_ON_SQLITE, values)
}

fn row(session: &Session) -> [Value; 22] {
    let ends = session.idle_expires_at.min(session.expires_at);
    let ends = session.revoked.map_or(ends, |revoked| ends.min(revoked.at));
    let [used_1, used_2, used_3, used_4] = session.family.used_at;
    [
        (*session.id.as_uuid()).into(),
        (*session.user.as_uuid()).into(),
        session.client_id.as_str().into(),
        session.scope.to_string().into(),
        session.authenticated_at.as_unix_micros().into(),
        session.created_at.as_unix_micros().into(),
        session.last_seen_at.as_unix_micros().into(),
        session.idle_expires_at.as_unix_micros().into(),
        session.expires_at.as_unix_micros().into(),
        micros(session.revoked.map(|revoked| revoked.at)).into(),
        session.revoked.map(|revoked| revoked.reason.as_str()).into(),
        session.ip.map(|ip| ip.to_string()).into(),
        session.user_agent.as_deref().into(),
        i64::from(session.family.generation).into(),
        session.family.digest.0.to_vec().into(),
        micros(used_1).into(),
        micros(used_2).into(),
        micros(used_3).into(),
        micros(used_4).into(),
        ends.as_unix_micros().into(),
        session.impersonation.map(|by| *by.by.as_uuid()).into(),
        session.impersonation.map(|by| by.read_only).into(),
    ]
}
