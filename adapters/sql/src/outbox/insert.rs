//! Effects into the outbox, within the transaction of their cause.

use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::{Effect, StoreError};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use crate::error::unavailable;
use crate::link::Link;

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

/// A row to be.
struct Row {
    id: Uuid,
    subject: String,
    event: String,
    traceparent: Option<String>,
}

/// The last statements of a unit of work: its effects, in their order.
pub(crate) fn inserts(
    link: &Link,
    at: Timestamp,
    effects: Vec<Effect>,
    random: &dyn Randomness,
) -> Result<Vec<Statement>, StoreError> {
    let rows = effects.into_iter().map(|effect| row(effect, at, random)).collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(match link.get_database_backend() {
        DbBackend::Postgres => vec![on_postgres(link, rows, at)],
        _ => rows.chunks(CHUNK).map(|rows| on_sqlite(rows, at)).collect(),
    })
}

fn row(effect: Effect, at: Timestamp, random: &dyn Randomness) -> Result<Row, StoreError> {
    let Effect::Publish { event, traceparent } = effect;
    let id = EventId::new(at, random);
    let subject = event.subject(id);
    let event = serde_json::to_string(&event).map_err(|error| unavailable(error.to_string()))?;
    Ok(Row { id: *id.as_uuid(), subject, event, traceparent })
}

fn on_postgres(link: &Link, rows: Vec<Row>, at: Timestamp) -> Statement {
    // An empty text stands for none: that is no trace context.
    let trace = |row: &Row| row.traceparent.clone().unwrap_or_default();
    let at = Value::from(at.as_unix_micros());
    if let [row] = rows.as_slice() {
        let values = [row.id.into(), row.subject.as_str().into(), row.event.as_str().into(), trace(row).into(), at];
        return link.statement(POSTGRES_ONE, values);
    }
    let traces: Vec<String> = rows.iter().map(trace).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let (subjects, events): (Vec<String>, Vec<String>) = rows.into_iter().map(|row| (row.subject, row.event)).unzip();
    link.statement(POSTGRES, [ids.into(), subjects.into(), events.into(), traces.into(), at])
}

fn on_sqlite(rows: &[Row], at: Timestamp) -> Statement {
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
