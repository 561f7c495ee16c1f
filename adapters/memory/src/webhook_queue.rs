//! The webhook queue: what was committed for webhooks and has not been sent.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::Retry;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::{WebhookDelivery, WebhookQueue};

use crate::store::MemoryStore;

#[async_trait]
impl WebhookQueue for MemoryStore {
    async fn claim(
        &self,
        limit: u32,
        each: u32,
        at: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut state = self.shared.write();
        let mut due: Vec<_> = state.queue.iter_mut().filter(|(_, waiting)| waiting.due_at() <= at).collect();
        due.sort_by_key(|(_, waiting)| (waiting.due_at(), waiting.delivery.sequence));
        let mut taken: HashMap<WebhookId, u32> = HashMap::new();
        let mut claimed = Vec::new();
        for ((webhook, _), waiting) in due {
            let taken = taken.entry(*webhook).or_default();
            if claimed.len() < limit && *taken < each {
                *taken += 1;
                claimed.push(WebhookDelivery { webhook: *webhook, delivery: waiting.lease(at.plus(lease)) });
            }
        }
        claimed.sort_by_key(|claimed| claimed.delivery.sequence);
        Ok(claimed)
    }

    async fn done(&self, webhook: WebhookId, event: EventId) -> Result<(), StoreError> {
        self.shared.write().queue.remove(&(webhook, event));
        Ok(())
    }

    async fn retry(&self, webhook: WebhookId, retry: &Retry) -> Result<(), StoreError> {
        let mut state = self.shared.write();
        let waiting = state.queue.get_mut(&(webhook, retry.id));
        if let Some(waiting) = waiting.filter(|waiting| waiting.delivery.attempts == retry.attempts) {
            waiting.leased_until = None;
            waiting.not_before = Some(retry.not_before);
        }
        Ok(())
    }

    async fn discard(&self, webhook: WebhookId) -> Result<u64, StoreError> {
        let mut state = self.shared.write();
        let before = state.queue.len();
        state.queue.retain(|(owner, _), _| *owner != webhook);
        Ok((before - state.queue.len()) as u64)
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        Ok(self.shared.read().queue.len() as u64)
    }
}
