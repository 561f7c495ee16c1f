//! Webhooks whose changes overlook each other, and commits that do not think of them.

use async_trait::async_trait;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::WebhookRepository;
use portcullis_domain::webhooks::Webhook;
use portcullis_memory::contract;

use crate::caught;
use crate::stores::{BrokenTx, Fault, broken};

#[async_trait]
impl WebhookRepository for BrokenTx {
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.tx().webhooks().insert(webhook).await
    }

    async fn update(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        if self.fault == Fault::OverlooksVersions
            && let Some(stored) = self.by_id(webhook.id).await?
        {
            return self.tx().webhooks().update(&Webhook { version: stored.version, ..webhook.clone() }).await;
        }
        self.tx().webhooks().update(webhook).await
    }

    async fn delete(&mut self, id: WebhookId) -> Result<bool, StoreError> {
        self.tx().webhooks().delete(id).await
    }

    async fn by_id(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.tx().webhooks().by_id(id).await
    }

    async fn all(&mut self) -> Result<Vec<Webhook>, StoreError> {
        let mut all = self.tx().webhooks().all().await?;
        if self.fault == Fault::OverlooksVersions {
            all.reverse();
        }
        Ok(all)
    }
}

#[test]
fn a_store_that_overlooks_the_version_of_a_webhook_is_caught() {
    let storage = broken(Fault::OverlooksVersions);
    caught(move || async move { contract::storage::of_racing_updates_of_a_webhook_one_succeeds(&storage).await });
    let storage = broken(Fault::OverlooksVersions);
    caught(move || async move {
        contract::storage::an_update_of_an_old_version_of_a_webhook_is_a_conflict(&storage).await;
    });
}

#[test]
fn a_store_whose_webhooks_come_in_another_order_is_caught() {
    let storage = broken(Fault::OverlooksVersions);
    caught(move || async move { contract::storage::webhooks_come_by_id(&storage).await });
}

#[test]
fn a_store_that_forgets_the_webhooks_is_caught() {
    let storage = broken(Fault::ForgetsTheWebhooks);
    caught(move || async move {
        contract::webhook_queue::an_event_waits_for_a_webhook_exactly_when_its_unit_is_committed(&storage).await;
    });
}

#[test]
fn a_store_that_gives_webhooks_an_event_of_its_own_is_caught() {
    let storage = broken(Fault::AnnouncesTwice);
    caught(move || async move {
        contract::webhook_queue::the_event_is_the_one_that_is_in_the_outbox(&storage).await;
    });
}
