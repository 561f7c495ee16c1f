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
            let leased = waiting.leased_until.is_some_and(|until| at < until);
            let early = waiting.not_before.is_some_and(|not_before| at < not_before);
            if leased || early || held_back.contains(&waiting.delivery.subject) {
                if !waiting.parked {
                    held_back.insert(waiting.delivery.subject.clone());
                }
                continue;
            }
            waiting.leased_until = Some(at.plus(lease));
            waiting.delivery.attempts = waiting.delivery.attempts.saturating_add(1);
            claimed.push(waiting.delivery.clone());
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
