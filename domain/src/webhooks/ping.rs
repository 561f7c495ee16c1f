//! A message that tells nothing but that messages arrive.

use serde::Serialize;

use crate::ids::{EventId, WebhookId};
use crate::ports::store::StoreError;
use crate::ports::webhooks::{SendError, WebhookMessage};
use crate::{Failure, Timestamp};

use super::{Webhooks, secret};

/// A CloudEvent like every other, of a type that is never published.
#[derive(Serialize)]
struct Ping<'a> {
    specversion: &'static str,
    id: EventId,
    source: &'a str,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    r#type: &'static str,
    data: PingData,
}

#[derive(Serialize)]
struct PingData {
    webhook_id: WebhookId,
}

/// Why a test did not go through.
#[derive(Debug, thiserror::Error)]
pub enum TestWebhookError {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    Unknown(WebhookId),
    /// It was sent, and not taken.
    #[error("not delivered: {0}")]
    NotDelivered(#[from] SendError),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for TestWebhookError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Webhooks {
    /// Sends a signed `portcullis.webhook.test.v1` to a webhook, enabled or not, and answers what came of it.
    pub async fn test(&self, id: WebhookId) -> Result<(), TestWebhookError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let Some(webhook) = tx.webhooks().by_id(id).await? else {
            return Err(TestWebhookError::Unknown(id));
        };
        drop(tx);
        let internal = |error: crate::failure::BoxError| Failure::Internal(error);
        let secrets = secret::open(&webhook, &*self.vault, now).map_err(|error| internal(Box::new(error)))?;
        let ping = Ping {
            specversion: "1.0",
            id: EventId::new(now, &*self.random),
            source: &self.issuer,
            subject: format!("webhooks/{id}"),
            time: now,
            datacontenttype: "application/json",
            r#type: "portcullis.webhook.test.v1",
            data: PingData { webhook_id: id },
        };
        let body = serde_json::to_vec(&ping).map_err(|error| internal(Box::new(error)))?;
        let message = WebhookMessage { url: &webhook.url, id: ping.id, at: now, body: &body, secrets: &secrets };
        Ok(self.sender.send(&message).await?)
    }
}
