//! Broken webhook queues.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::Retry;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::{WebhookDelivery, WebhookQueue};
use portcullis_memory::MemoryStore;
use portcullis_memory::contract::{self, Storage};

use crate::{caught, random};

/// What is wrong with a queue.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    LeasesNothing,
    IgnoresShares,
    BelievesLateClaimers,
    DiscardsForAll,
    DropsWhatFails,
    CountsWhatIsDue,
}

struct Broken(Arc<MemoryStore>, Fault);

#[async_trait]
impl WebhookQueue for Broken {
    async fn claim(
        &self,
        limit: u32,
        each: u32,
        at: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let lease = if self.1 == Fault::LeasesNothing { Duration::ZERO } else { lease };
        let each = if self.1 == Fault::IgnoresShares { limit } else { each };
        self.0.claim_for_webhooks(limit, each, at, lease).await
    }

    async fn done(&self, webhook: WebhookId, event: EventId) -> Result<(), StoreError> {
        WebhookQueue::done(&*self.0, webhook, event).await
    }

    async fn retry(&self, webhook: WebhookId, retry: &Retry) -> Result<(), StoreError> {
        match self.1 {
            Fault::DropsWhatFails => WebhookQueue::done(&*self.0, webhook, retry.id).await,
            Fault::BelievesLateClaimers => {
                for attempts in 1..10 {
                    WebhookQueue::retry(&*self.0, webhook, &Retry { attempts, ..retry.clone() }).await?;
                }
                Ok(())
            }
            _ => WebhookQueue::retry(&*self.0, webhook, retry).await,
        }
    }

    async fn discard(&self, webhook: WebhookId) -> Result<u64, StoreError> {
        if self.1 == Fault::DiscardsForAll {
            let all = self.0.claim_for_webhooks(1_000, 1_000, Timestamp::from_unix_micros(i64::MAX), Duration::ZERO);
            for waiting in all.await? {
                WebhookQueue::done(&*self.0, waiting.webhook, waiting.delivery.id).await?;
            }
        }
        self.0.discard(webhook).await
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        if self.1 == Fault::CountsWhatIsDue {
            let due = self.0.claim_for_webhooks(1_000, 1_000, Timestamp::from_unix_micros(0), Duration::ZERO).await?;
            return Ok(due.len() as u64);
        }
        self.0.waiting().await
    }
}

/// Two ports of the store have a `claim`.
#[async_trait]
trait Claims {
    async fn claim_for_webhooks(
        &self,
        limit: u32,
        each: u32,
        at: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookDelivery>, StoreError>;
}

#[async_trait]
impl Claims for MemoryStore {
    async fn claim_for_webhooks(
        &self,
        limit: u32,
        each: u32,
        at: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        WebhookQueue::claim(self, limit, each, at, lease).await
    }
}

fn broken(fault: Fault) -> Storage {
    let store = Arc::new(MemoryStore::new(random()));
    let queue = Arc::new(Broken(store.clone(), fault));
    Storage { outbox: store.clone(), queue, store, guard: Box::new(()) }
}

#[test]
fn a_queue_whose_claimers_share_is_caught() {
    let storage = broken(Fault::LeasesNothing);
    caught(move || async move { contract::webhook_queue::of_racing_claimers_no_two_share_one(&storage).await });
    let storage = broken(Fault::LeasesNothing);
    caught(move || async move {
        contract::webhook_queue::what_is_claimed_is_not_claimed_again_while_its_lease_holds(&storage).await;
    });
}

#[test]
fn a_queue_in_which_one_webhook_takes_all_the_room_is_caught() {
    let storage = broken(Fault::IgnoresShares);
    caught(move || async move {
        contract::webhook_queue::a_claim_takes_no_more_than_its_share_of_each_webhook(&storage).await;
    });
}

#[test]
fn a_queue_that_believes_late_claimers_is_caught() {
    let storage = broken(Fault::BelievesLateClaimers);
    caught(move || async move {
        contract::webhook_queue::a_late_claimer_cannot_give_back_what_another_has_claimed_since(&storage).await;
    });
}

#[test]
fn a_queue_that_discards_what_waits_for_others_is_caught() {
    let storage = broken(Fault::DiscardsForAll);
    caught(move || async move {
        contract::webhook_queue::discarding_takes_what_waits_for_one_webhook(&storage).await;
    });
}

#[test]
fn a_queue_that_drops_what_fails_is_caught() {
    let storage = broken(Fault::DropsWhatFails);
    caught(move || async move { contract::webhook_queue::a_retry_waits_for_its_instant(&storage).await });
}

#[test]
fn a_queue_that_does_not_count_what_is_leased_is_caught() {
    let storage = broken(Fault::CountsWhatIsDue);
    caught(move || async move { contract::webhook_queue::what_waits_is_counted_leased_or_not(&storage).await });
}
