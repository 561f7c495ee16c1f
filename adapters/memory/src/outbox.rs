//! The outbox: what was committed and has not been delivered.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Backlog, Delivery, Outbox, Retry};
use portcullis_domain::ports::store::StoreError;

use crate::store::MemoryStore;

#[async_trait]
impl Outbox for MemoryStore {
    async fn claim(&self, limit: u32, at: Timestamp, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut state = self.shared.write();
        let mut held_back: HashSet<String> = HashSet::new();
        let mut claimed = Vec::new();
        for waiting in state.outbox.values_mut() {
            if claimed.len() == limit {
                break;
            }
            if !waiting.is_due(at) || held_back.contains(&waiting.delivery.subject) {
                if !waiting.parked {
                    held_back.insert(waiting.delivery.subject.clone());
                }
                continue;
            }
            claimed.push(waiting.lease(at.plus(lease)));
        }
        Ok(claimed)
    }

    async fn done(&self, ids: &[EventId]) -> Result<(), StoreError> {
        let ids: HashSet<&EventId> = ids.iter().collect();
        self.shared.write().outbox.retain(|_, waiting| !ids.contains(&waiting.delivery.id));
        Ok(())
    }

    async fn retry(&self, retries: &[Retry]) -> Result<(), StoreError> {
        let mut state = self.shared.write();
        for waiting in state.outbox.values_mut() {
            let claim = |retry: &&Retry| retry.id == waiting.delivery.id && retry.attempts == waiting.delivery.attempts;
            let Some(retry) = retries.iter().find(claim) else { continue };
            waiting.leased_until = None;
            waiting.not_before = Some(retry.not_before);
            waiting.delivery.refusals = retry.refusals;
            waiting.parked = retry.parked;
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let state = self.shared.read();
        let parked = state.outbox.values().filter(|waiting| waiting.parked).count();
        let others = state.outbox.values().filter(|waiting| !waiting.parked);
        Ok(Backlog {
            waiting: state.outbox.len() as u64,
            parked: parked as u64,
            oldest: others.map(|waiting| waiting.delivery.occurred_at).min(),
        })
    }

    async fn committed(&self) {
        self.shared.committed.notified().await;
    }
}
