//! Effects into the webhook queue, within the transaction of their cause.

use portcullis_domain::Timestamp;
use portcullis_domain::ids::WebhookId;
use sea_orm::{DbBackend, Statement, Value};
use uuid::Uuid;

use crate::outbox::Row;

/// How many rows one statement adds on SQLite, where each is written out.
const CHUNK: usize = 500;

/// The lock waits for whoever deletes the webhook at the same time, and then finds it gone: the foreign key alone would
/// refuse the whole unit.
const POSTGRES: &str = "INSERT INTO webhook_deliveries \
    (webhook_id, event_id, subject, event, occurred_at, due_at, traceparent) \
    SELECT row.webhook, row.id, row.subject, row.event, $6, $6, nullif(row.traceparent, '') \
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY \
    AS row (webhook, id, subject, event, traceparent, place) JOIN webhooks ON webhooks.id = row.webhook \
    ORDER BY row.place FOR KEY SHARE OF webhooks ON CONFLICT (webhook_id, event_id) DO NOTHING";

/// What the effects put into the queue: nothing when they name no webhooks.
pub(crate) fn inserts(backend: DbBackend, rows: &[Row], at: Timestamp) -> Vec<Statement> {
    let sent: Vec<_> = rows.iter().flat_map(|row| row.webhooks.iter().map(move |webhook| (*webhook, row))).collect();
    match backend {
        _ if sent.is_empty() => Vec::new(),
        DbBackend::Postgres => vec![on_postgres(&sent, at)],
        _ => sent.chunks(CHUNK).map(|sent| chunk_on_sqlite(sent, at)).collect(),
    }
}

fn on_postgres(sent: &[(WebhookId, &Row)], at: Timestamp) -> Statement {
    let webhooks: Vec<Uuid> = sent.iter().map(|(webhook, _)| *webhook.as_uuid()).collect();
    let ids: Vec<Uuid> = sent.iter().map(|(_, row)| row.id).collect();
    let subjects: Vec<String> = sent.iter().map(|(_, row)| row.subject.clone()).collect();
    let events: Vec<String> = sent.iter().map(|(_, row)| row.event.clone()).collect();
    // An empty text stands for none: that is no trace context.
    let traces: Vec<String> = sent.iter().map(|(_, row)| row.traceparent.clone().unwrap_or_default()).collect();
    let at = at.as_unix_micros().into();
    let values = [webhooks.into(), ids.into(), subjects.into(), events.into(), traces.into(), at];
    Statement::from_sql_and_values(DbBackend::Postgres, POSTGRES, values)
}

fn chunk_on_sqlite(sent: &[(WebhookId, &Row)], at: Timestamp) -> Statement {
    let marks = vec!["(?, ?, ?, ?, ?, ?, ?)"; sent.len()].join(", ");
    let sql = format!(
        "INSERT INTO webhook_deliveries (webhook_id, event_id, subject, event, occurred_at, due_at, traceparent) \
         SELECT * FROM (VALUES {marks}) AS row WHERE EXISTS (SELECT 1 FROM webhooks WHERE id = row.column1) \
         ON CONFLICT (webhook_id, event_id) DO NOTHING"
    );
    let at = at.as_unix_micros();
    let values = sent.iter().flat_map(|(webhook, row)| -> [Value; 7] {
        [
            (*webhook.as_uuid()).into(),
            row.id.into(),
            row.subject.as_str().into(),
            row.event.as_str().into(),
            at.into(),
            at.into(),
            row.traceparent.clone().into(),
        ]
    });
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
