//! Effects into the outbox, within the transaction of their cause.

use std::sync::LazyLock;

use portcullis_domain::Timestamp;
use portcullis_domain::audit::AuditEntry;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::{Effect, StoreError};
use sea_orm::{DbBackend, Statement, Value};
use uuid::Uuid;

use crate::audit;
use crate::error::unavailable;

/// How many rows one statement adds on SQLite, where each is written out.
const CHUNK: usize = 500;

/// The locks come first and are held until the commit: so the numbers, which are drawn after them, have the order of
/// the commits within a subject. They are taken in one order, so that two units do not wait for each other.
const POSTGRES: &str = "WITH locked AS MATERIALIZED (SELECT count(pg_advisory_xact_lock(key)) AS held FROM \
    (SELECT DISTINCT hashtextextended(subject, 0) AS key FROM unnest($2::text[]) AS subject ORDER BY key) AS keys) \
    INSERT INTO outbox (id, subject, event, occurred_at, traceparent) \
    SELECT row.id, row.subject, row.event, $5, nullif(row.traceparent, '') FROM locked, \
    unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY \
    AS row (id, subject, event, traceparent, place) WHERE locked.held > 0 ORDER BY row.place";

/// The usual case, without the arrays.
const POSTGRES_ONE: &str = "WITH locked AS MATERIALIZED \
    (SELECT pg_advisory_xact_lock(hashtextextended($2, 0))::text AS held) \
    INSERT INTO outbox (id, subject, event, occurred_at, traceparent) \
    SELECT $1, $2, $3, $5, nullif($4, '') FROM locked WHERE locked.held IS NOT NULL";

/// The usual case with the usual audit entry, in one trip.
static POSTGRES_ONE_NOTED: LazyLock<String> = LazyLock::new(|| {
    let after = POSTGRES_ONE.strip_prefix("WITH ").unwrap_or_default();
    let places = audit::places(DbBackend::Postgres, 5);
    format!("WITH noted AS (INSERT INTO audit ({}) VALUES {places}), {after}", audit::COLUMNS)
});

/// A row to be.
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) subject: String,
    pub(crate) event: String,
    pub(crate) traceparent: Option<String>,
    /// The webhooks that it is sent to besides.
    pub(crate) webhooks: Vec<WebhookId>,
}

/// The rows of a unit's effects, in their order.
pub(crate) fn rows(effects: Vec<Effect>, at: Timestamp, random: &dyn Randomness) -> Result<Vec<Row>, StoreError> {
    effects.into_iter().map(|effect| row(effect, at, random)).collect()
}

fn row(effect: Effect, at: Timestamp, random: &dyn Randomness) -> Result<Row, StoreError> {
    let Effect::Publish { event, traceparent, webhooks } = effect;
    let id = EventId::new(at, random);
    let subject = event.subject(id);
    let event = serde_json::to_string(&event).map_err(|error| unavailable(error.to_string()))?;
    Ok(Row { id: *id.as_uuid(), subject, event, traceparent, webhooks })
}

fn values(row: &Row, at: Timestamp) -> [Value; 5] {
    // An empty text stands for none: that is no trace context.
    let trace = row.traceparent.as_deref().unwrap_or_default();
    [row.id.into(), row.subject.as_str().into(), row.event.as_str().into(), trace.into(), at.as_unix_micros().into()]
}

/// One effect and one audit entry.
pub(crate) fn on_postgres_with(entry: &AuditEntry, row: &Row, at: Timestamp) -> Statement {
    let values = values(row, at).into_iter().chain(audit::values(entry));
    Statement::from_sql_and_values(DbBackend::Postgres, POSTGRES_ONE_NOTED.as_str(), values)
}

/// Any number of effects.
pub(crate) fn on_postgres(rows: Vec<Row>, at: Timestamp) -> Option<Statement> {
    let written = |sql: &str, values: [Value; 5]| Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    match rows.as_slice() {
        [] => return None,
        [row] => return Some(written(POSTGRES_ONE, values(row, at))),
        _ => {}
    }
    let traces: Vec<String> = rows.iter().map(|row| row.traceparent.clone().unwrap_or_default()).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let (subjects, events): (Vec<String>, Vec<String>) = rows.into_iter().map(|row| (row.subject, row.event)).unzip();
    let at = at.as_unix_micros().into();
    Some(written(POSTGRES, [ids.into(), subjects.into(), events.into(), traces.into(), at]))
}

/// Any number of effects.
pub(crate) fn on_sqlite(rows: &[Row], at: Timestamp) -> Vec<Statement> {
    rows.chunks(CHUNK).map(|rows| chunk_on_sqlite(rows, at)).collect()
}

fn chunk_on_sqlite(rows: &[Row], at: Timestamp) -> Statement {
    let mut sql = String::from("INSERT INTO outbox (id, subject, event, occurred_at, traceparent) VALUES ");
    let mut values: Vec<Value> = Vec::with_capacity(rows.len() * 5);
    for (place, row) in rows.iter().enumerate() {
        sql.push_str(if place == 0 { "(?, ?, ?, ?, ?)" } else { ", (?, ?, ?, ?, ?)" });
        values.extend([
            row.id.into(),
            row.subject.as_str().into(),
            row.event.as_str().into(),
            at.as_unix_micros().into(),
            row.traceparent.clone().into(),
        ]);
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
