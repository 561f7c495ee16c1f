//! Webhooks.

use async_trait::async_trait;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::ports::webhooks::WebhookRepository;
use portcullis_domain::webhooks::Webhook;

use crate::state::Changes;
use crate::store::Unit;

fn written(webhook: Webhook) -> Changes {
    let mut changes = Changes::default();
    changes.webhooks.insert(webhook.id, Some(webhook));
    changes
}

#[async_trait]
impl WebhookRepository for Unit {
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.change(|view| {
            if view.webhook(webhook.id).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            Ok(((), written(webhook.clone())))
        })
        .await
    }

    async fn update(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.change(|view| {
            let stored = view.webhook(webhook.id).filter(|stored| stored.version == webhook.version);
            let Some(stored) = stored else { return Err(StoreError::Conflict) };
            let version = webhook.version.checked_add(1);
            let version = version.ok_or_else(|| StoreError::Corrupt("a version beyond counting".to_owned()))?;
            Ok(((), written(Webhook { version, created_at: stored.created_at, ..webhook.clone() })))
        })
        .await
    }

    async fn delete(&mut self, id: WebhookId) -> Result<bool, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            if view.webhook(id).is_some() {
                changes.webhooks.insert(id, None);
            }
            Ok((!changes.webhooks.is_empty(), changes))
        })
        .await
    }

    async fn by_id(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.look(|view| view.webhook(id).cloned())
    }

    async fn all(&mut self) -> Result<Vec<Webhook>, StoreError> {
        self.look(|view| {
            let mut webhooks: Vec<_> = view.webhooks().cloned().collect();
            webhooks.sort_by_key(|webhook| webhook.id);
            webhooks
        })
    }
}
