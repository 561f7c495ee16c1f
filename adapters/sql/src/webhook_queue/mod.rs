//! The webhook queue: written with its cause, claimed by state, and removed when it is delivered.

pub(crate) mod claim;
mod insert;
pub(crate) mod settle;

use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::Retry;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::{WebhookDelivery, WebhookQueue};

use crate::store::SqlStore;

pub(crate) use insert::inserts;

#[async_trait]
impl WebhookQueue for SqlStore {
    async fn claim(
        &self,
        limit: u32,
        each: u32,
        at: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        claim::claim(self.shared(), limit, each, at, lease).await
    }

    async fn done(&self, webhook: WebhookId, event: EventId) -> Result<(), StoreError> {
        settle::done(self.shared(), webhook, event).await
    }

    async fn retry(&self, webhook: WebhookId, retry: &Retry) -> Result<(), StoreError> {
        settle::retry(self.shared(), webhook, retry).await
    }

    async fn discard(&self, webhook: WebhookId) -> Result<u64, StoreError> {
        settle::discard(self.shared(), webhook).await
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        claim::waiting(self.shared()).await
    }
}
