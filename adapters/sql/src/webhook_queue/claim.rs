//! Claiming deliveries for webhooks.

use std::sync::LazyLock;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::{Delivery, Retry};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::WebhookDelivery;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Iterable, Statement};

use super::settle;
use crate::column::{corrupt, count, instant};
use crate::entity::names;
use crate::entity::webhook_delivery::{Column, Model};
use crate::error::store_error;
use crate::store::Shared;
use crate::unit::finish_with_rows;

/// How long a row that cannot be read is left alone after each attempt more: a newer replica may be able to.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(30);
/// The longest such pause, in pauses.
const MOST_PAUSES: u32 = 120;

pub(crate) const ANY: &str = "SELECT 1 FROM webhooks AS w WHERE EXISTS \
    (SELECT 1 FROM webhook_deliveries AS d WHERE d.webhook_id = w.id AND d.due_at <= $1) LIMIT 1";
const WAITING: &str = "SELECT count(*) FROM webhook_deliveries";
/// Of each webhook those that have been due longest, however many wait behind them.
const SQLITE: &str = "UPDATE webhook_deliveries SET due_at = $2, attempts = attempts + 1 WHERE sequence IN \
    (SELECT d.sequence FROM webhooks AS w CROSS JOIN webhook_deliveries AS d WHERE d.sequence IN \
    (SELECT x.sequence FROM webhook_deliveries AS x WHERE x.webhook_id = w.id AND x.due_at <= $1 \
    ORDER BY x.due_at, x.sequence LIMIT $4) ORDER BY d.due_at, d.sequence LIMIT $3) RETURNING ";
const POSTGRES: &str = "WITH due AS MATERIALIZED (SELECT d.sequence AS place FROM webhooks AS w CROSS JOIN LATERAL \
    (SELECT x.sequence, x.due_at FROM webhook_deliveries AS x WHERE x.webhook_id = w.id AND x.due_at <= $1 \
    ORDER BY x.due_at, x.sequence LIMIT $4 FOR UPDATE SKIP LOCKED) AS d ORDER BY d.due_at, d.sequence LIMIT $3) \
    UPDATE webhook_deliveries SET due_at = $2, attempts = attempts + 1 FROM due \
    WHERE webhook_deliveries.sequence = due.place RETURNING ";
/// The columns by their names: a statement that says `*` would break when a newer replica adds one.
static CLAIM_ON_SQLITE: LazyLock<String> = LazyLock::new(|| format!("{SQLITE}{}", names(Column::iter())));
static CLAIM_ON_POSTGRES: LazyLock<String> = LazyLock::new(|| format!("{POSTGRES}{}", names(Column::iter())));

/// In a queue the statistics are always old: the plan must not depend on them.
const PLAN: &str = "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), \
    set_config('enable_mergejoin', 'off', true)";

/// The statement that claims.
pub(crate) fn statement(backend: DbBackend, limit: u32, each: u32, at: Timestamp, lease: Duration) -> Statement {
    let sql = match backend {
        DbBackend::Postgres => CLAIM_ON_POSTGRES.as_str(),
        _ => CLAIM_ON_SQLITE.as_str(),
    };
    let until = at.plus(lease).as_unix_micros();
    let values = [at.as_unix_micros().into(), until.into(), i64::from(limit).into(), i64::from(each).into()];
    Statement::from_sql_and_values(backend, sql, values)
}

pub(super) async fn claim(
    shared: &Shared,
    limit: u32,
    each: u32,
    at: Timestamp,
    lease: Duration,
) -> Result<Vec<WebhookDelivery>, StoreError> {
    // Mostly there is nothing: that is found out without a transaction, or a turn at writing.
    let reading = shared.reading();
    let any = reading.statement(ANY, [at.as_unix_micros().into()]);
    if reading.query_one_raw(any).await.map_err(store_error)?.is_none() {
        return Ok(Vec::new());
    }
    let link = shared.writing().await.map_err(store_error)?;
    let backend = link.get_database_backend();
    if backend == DbBackend::Postgres {
        link.query_one_raw(link.statement(PLAN, [])).await.map_err(store_error)?;
    }
    let rows = finish_with_rows(link, statement(backend, limit, each, at, lease)).await?;
    let rows = rows.iter().map(|row| Model::from_query_result(row, "")).collect::<Result<Vec<_>, _>>();
    let mut rows = rows.map_err(store_error)?;
    rows.sort_unstable_by_key(|row| row.sequence);
    readable(shared, rows, at).await
}

/// A row that cannot be read must not stop the others: it is given back.
async fn readable(shared: &Shared, rows: Vec<Model>, at: Timestamp) -> Result<Vec<WebhookDelivery>, StoreError> {
    let mut deliveries = Vec::with_capacity(rows.len());
    for row in rows {
        let (webhook, id) = (WebhookId::from_uuid(row.webhook_id), EventId::from_uuid(row.event_id));
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        match delivery(row) {
            Ok(delivery) => deliveries.push(WebhookDelivery { webhook, delivery }),
            Err(error) => {
                tracing::error!(%id, %webhook, %error, "an event for a webhook cannot be read");
                let not_before = at.plus(UNREADABLE_PAUSE * attempts.clamp(1, MOST_PAUSES));
                let retry = Retry { id, attempts, refusals: 0, not_before, why: error.to_string(), parked: false };
                settle::retry(shared, webhook, &retry).await?;
            }
        }
    }
    Ok(deliveries)
}

fn delivery(row: Model) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: EventId::from_uuid(row.event_id),
        sequence: u64::try_from(row.sequence).map_err(|_| corrupt("webhook_deliveries.sequence"))?,
        subject: row.subject,
        occurred_at: instant("webhook_deliveries.occurred_at", row.occurred_at)?,
        event: serde_json::from_str(&row.event).map_err(|_| corrupt("webhook_deliveries.event"))?,
        traceparent: row.traceparent,
        attempts: count("webhook_deliveries.attempts", row.attempts)?,
        refusals: 0,
    })
}

/// How many wait.
pub(super) async fn waiting(shared: &Shared) -> Result<u64, StoreError> {
    let link = shared.reading();
    let row = link.query_one_raw(link.statement(WAITING, [])).await.map_err(store_error)?;
    let number: i64 = match row {
        Some(row) => row.try_get_by_index(0).map_err(store_error)?,
        None => 0,
    };
    u64::try_from(number).map_err(|_| corrupt("webhook_deliveries"))
}
