//! Claiming deliveries.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Delivery, Retry};
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Iterable, Statement};

use crate::column::{corrupt, count, instant};
use crate::entity::names;
use crate::entity::outbox::{Column, Model};
use crate::error::store_error;
use crate::store::Shared;
use crate::unit::finish_with_rows;

/// How long a row that cannot be read is left alone: a newer replica may be able to.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(30);
/// A row that could not be read so often is parked.
const PARK_AFTER: u32 = 8;

/// Due, and nothing earlier of the same subject is leased or waits for its instant, unless that is parked.
macro_rules! due {
    () => {
        "FROM outbox AS o WHERE (o.due_at IS NULL OR o.due_at <= $1) AND NOT EXISTS (SELECT 1 FROM outbox AS e \
         WHERE e.subject = o.subject AND e.sequence < o.sequence AND e.due_at > $1 AND NOT e.parked)"
    };
}
const ANY: &str = concat!("SELECT 1 ", due!(), " LIMIT 1");
const SQLITE: &str = concat!(
    "UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE sequence IN (SELECT o.sequence ",
    due!(),
    " ORDER BY o.sequence LIMIT $3) RETURNING "
);
const POSTGRES: &str = concat!(
    "WITH due AS MATERIALIZED (SELECT o.sequence AS place ",
    due!(),
    " ORDER BY o.sequence LIMIT $3 FOR UPDATE OF o SKIP LOCKED) \
     UPDATE outbox SET due_at = $2, attempts = attempts + 1 FROM due WHERE outbox.sequence = due.place RETURNING "
);
/// The columns by their names: a statement that says `*` would break when a newer replica adds one.
static CLAIM_ON_SQLITE: LazyLock<String> = LazyLock::new(|| format!("{SQLITE}{}", names(Column::iter())));
static CLAIM_ON_POSTGRES: LazyLock<String> = LazyLock::new(|| format!("{POSTGRES}{}", names(Column::iter())));

/// The statement that claims.
pub(crate) fn statement(backend: DbBackend, limit: u32, at: Timestamp, lease: Duration) -> Statement {
    let sql = match backend {
        DbBackend::Postgres => CLAIM_ON_POSTGRES.as_str(),
        _ => CLAIM_ON_SQLITE.as_str(),
    };
    let values = [at.as_unix_micros().into(), at.plus(lease).as_unix_micros().into(), i64::from(limit).into()];
    Statement::from_sql_and_values(backend, sql, values)
}

/// One claimer after the other, and one who gives back: the next sees what this one has done, because its statement
/// begins after the lock is held. In a queue the statistics are always old: the plan must not depend on them.
pub(super) const LOCK: &str = "SELECT set_config('enable_seqscan', 'off', true), \
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true), \
    pg_advisory_xact_lock(hashtext('portcullis.outbox'), hashtext(current_schema()))::text";

pub(super) async fn claim(
    shared: &Shared,
    limit: u32,
    at: Timestamp,
    lease: Duration,
) -> Result<Vec<Delivery>, StoreError> {
    // Unless something has just been committed there is mostly nothing: that is found out without a transaction, or a
    // turn at writing.
    if !shared.announced.swap(false, Ordering::SeqCst) {
        let reading = shared.reading();
        let any = reading.statement(ANY, [at.as_unix_micros().into()]);
        if reading.query_one_raw(any).await.map_err(store_error)?.is_none() {
            return Ok(Vec::new());
        }
    }
    let link = shared.writing().await.map_err(store_error)?;
    let backend = link.get_database_backend();
    if backend == DbBackend::Postgres {
        link.query_one_raw(link.statement(LOCK, [])).await.map_err(store_error)?;
    }
    let update = statement(backend, limit, at, lease);
    let rows = finish_with_rows(link, update).await?;
    let rows = rows.iter().map(|row| Model::from_query_result(row, "")).collect::<Result<Vec<_>, _>>();
    let mut rows = rows.map_err(store_error)?;
    rows.sort_unstable_by_key(|row| row.sequence);
    readable(shared, rows, at).await
}

/// A row that cannot be read must not stop the others: it is given back, and parked in the end. Those of its subject
/// that come after it wait like behind any failed delivery.
async fn readable(shared: &Shared, rows: Vec<Model>, at: Timestamp) -> Result<Vec<Delivery>, StoreError> {
    let mut deliveries: Vec<Delivery> = Vec::with_capacity(rows.len());
    let mut unreadable: Vec<Retry> = Vec::new();
    let mut stuck: Vec<String> = Vec::new();
    for row in rows {
        let id = EventId::from_uuid(row.id);
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        let (parked, refusals) = (row.parked, count("outbox.refusals", row.refusals).unwrap_or_default());
        if stuck.contains(&row.subject) {
            let why = "waits for an earlier delivery of its subject".to_owned();
            unreadable.push(Retry { id, attempts, refusals, not_before: at, why, parked });
            continue;
        }
        let subject = row.subject.clone();
        match delivery(row) {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) => {
                tracing::error!(%id, %error, "an event in the outbox cannot be read");
                let parked = parked || attempts >= PARK_AFTER;
                let not_before = at.plus(UNREADABLE_PAUSE);
                unreadable.push(Retry { id, attempts, refusals, not_before, why: error.to_string(), parked });
                if !parked {
                    stuck.push(subject);
                }
            }
        }
    }
    if !unreadable.is_empty() {
        super::settle::retry(shared, &unreadable).await?;
    }
    Ok(deliveries)
}

fn delivery(row: Model) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: EventId::from_uuid(row.id),
        sequence: u64::try_from(row.sequence).map_err(|_| corrupt("outbox.sequence"))?,
        subject: row.subject,
        occurred_at: instant("outbox.occurred_at", row.occurred_at)?,
        event: serde_json::from_str(&row.event).map_err(|_| corrupt("outbox.event"))?,
        traceparent: row.traceparent,
        attempts: count("outbox.attempts", row.attempts)?,
        refusals: count("outbox.refusals", row.refusals)?,
    })
}
