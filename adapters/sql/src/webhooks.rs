//! Webhooks.

use async_trait::async_trait;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::WebhookRepository;
use portcullis_domain::webhooks::{Webhook, WebhookStatus, WebhookUrl};
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QueryOrder, QueryResult, QueryTrait, Value};
use uuid::Uuid;

use crate::column::{corrupt, count, instant, micros, next};
use crate::entity::webhook::{Column, Entity, Model};
use crate::error::{store_error, unavailable};
use crate::signal::telling;
use crate::unit::Unit;

const INSERT: &str = "INSERT INTO webhooks (url, events, sealed_secret, previous_secret, previous_until, disabled_at, \
    disabled_why, updated_at, id, version, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
pub(crate) const UPDATE: &str = "UPDATE webhooks SET url = $1, events = $2, sealed_secret = $3, previous_secret = $4, \
    previous_until = $5, disabled_at = $6, disabled_why = $7, updated_at = $8, version = $11 \
    WHERE id = $9 AND version = $10";
pub(crate) const DELETE: &str = "DELETE FROM webhooks WHERE id = $1";

#[async_trait]
impl WebhookRepository for Unit {
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let values = values(webhook, webhook.created_at.as_unix_micros())?;
        link.query_one_raw(telling(&link, INSERT, values)).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn update(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let values = values(webhook, next("webhooks.version", webhook.version)?)?;
        let written = link.query_one_raw(telling(&link, UPDATE, values)).await.map_err(store_error)?;
        if written.is_none() {
            return Err(StoreError::Conflict);
        }
        self.keep(link);
        Ok(())
    }

    async fn delete(&mut self, id: WebhookId) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let delete = telling(&link, DELETE, [(*id.as_uuid()).into()]);
        let gone = link.query_one_raw(delete).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.is_some())
    }

    async fn by_id(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let link = self.reading()?;
        let found = Entity::find_by_id(*id.as_uuid()).one(&link).await.map_err(store_error)?;
        let found = found.map(webhook).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn all(&mut self) -> Result<Vec<Webhook>, StoreError> {
        let link = self.reading()?;
        let all = Entity::find().order_by_asc(Column::Id).build(link.get_database_backend());
        let rows = link.query_all_raw(all).await.map_err(store_error)?;
        self.keep(link);
        Ok(rows.iter().filter_map(readable).collect())
    }
}

/// A row that cannot be read must not stop the others: it is left out.
fn readable(row: &QueryResult) -> Option<Webhook> {
    match Model::from_query_result(row, "").map_err(store_error).and_then(webhook) {
        Ok(webhook) => Some(webhook),
        Err(error) => {
            let id: Option<Uuid> = row.try_get("", "id").ok();
            tracing::error!(webhook = id.map(tracing::field::display), %error, "a webhook cannot be read: nothing is sent to it");
            None
        }
    }
}

/// What both statements write, and what one of them writes besides.
fn values(webhook: &Webhook, last: i64) -> Result<[Value; 11], StoreError> {
    let events = serde_json::to_string(&webhook.events).map_err(|error| unavailable(error.to_string()))?;
    let (previous, until) = webhook.previous.as_ref().map(|(secret, until)| (secret.clone(), *until)).unzip();
    let (disabled_at, why) = match &webhook.status {
        WebhookStatus::Enabled => (None, None),
        // PostgreSQL stores no NUL.
        WebhookStatus::Disabled { at, why } => (Some(*at), Some(why.replace('\0', " "))),
    };
    Ok([
        webhook.url.as_str().into(),
        events.into(),
        webhook.sealed_secret.clone().into(),
        previous.into(),
        micros(until).into(),
        micros(disabled_at).into(),
        why.into(),
        webhook.updated_at.as_unix_micros().into(),
        (*webhook.id.as_uuid()).into(),
        i64::from(webhook.version).into(),
        last.into(),
    ])
}

fn webhook(row: Model) -> Result<Webhook, StoreError> {
    let previous = match (row.previous_secret, row.previous_until) {
        (Some(secret), Some(until)) => Some((secret, instant("webhooks.previous_until", until)?)),
        _ => None,
    };
    let status = match (row.disabled_at, row.disabled_why) {
        (Some(at), Some(why)) => WebhookStatus::Disabled { at: instant("webhooks.disabled_at", at)?, why },
        _ => WebhookStatus::Enabled,
    };
    Ok(Webhook {
        id: WebhookId::from_uuid(row.id),
        url: WebhookUrl::parse(&row.url).map_err(|_| corrupt("webhooks.url"))?,
        events: serde_json::from_str(&row.events).map_err(|_| corrupt("webhooks.events"))?,
        sealed_secret: row.sealed_secret,
        previous,
        status,
        created_at: instant("webhooks.created_at", row.created_at)?,
        updated_at: instant("webhooks.updated_at", row.updated_at)?,
        version: count("webhooks.version", row.version)?,
    })
}
