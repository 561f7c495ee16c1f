//! What became of claimed deliveries.

use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::Retry;
use portcullis_domain::ports::store::StoreError;
use sea_orm::ConnectionTrait;

use crate::error::store_error;
use crate::store::Shared;
use crate::unit::finish;

pub(crate) const DONE: &str = "DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND event_id = $2";
pub(crate) const RETRY: &str = "UPDATE webhook_deliveries SET due_at = $3, why = $4 \
    WHERE webhook_id = $1 AND event_id = $2 AND attempts = $5";
pub(crate) const DISCARD: &str = "DELETE FROM webhook_deliveries WHERE webhook_id = $1";

pub(super) async fn done(shared: &Shared, webhook: WebhookId, event: EventId) -> Result<(), StoreError> {
    let link = shared.writing().await.map_err(store_error)?;
    let statement = link.statement(DONE, [(*webhook.as_uuid()).into(), (*event.as_uuid()).into()]);
    finish(link, vec![statement]).await
}

pub(super) async fn retry(shared: &Shared, webhook: WebhookId, retry: &Retry) -> Result<(), StoreError> {
    let link = shared.writing().await.map_err(store_error)?;
    let values = [
        (*webhook.as_uuid()).into(),
        (*retry.id.as_uuid()).into(),
        retry.not_before.as_unix_micros().into(),
        // PostgreSQL stores no NUL.
        retry.why.replace('\0', " ").into(),
        i64::from(retry.attempts).into(),
    ];
    let statement = link.statement(RETRY, values);
    finish(link, vec![statement]).await
}

pub(super) async fn discard(shared: &Shared, webhook: WebhookId) -> Result<u64, StoreError> {
    let link = shared.writing().await.map_err(store_error)?;
    let statement = link.statement(DISCARD, [(*webhook.as_uuid()).into()]);
    let gone = link.execute_raw(statement).await.map_err(store_error)?;
    finish(link, Vec::new()).await?;
    Ok(gone.rows_affected())
}
