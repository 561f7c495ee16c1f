//! The webhook queue under load.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::webhooks::WebhookQueue;

use super::Storage;
use super::samples::{RACERS, at, begin, kept, noted, race, sent_to, session, stored_user, user};
use super::webhook_queue::{LEASE, announce, hook, waiting};

type Seen = Arc<Mutex<Vec<(WebhookId, EventId)>>>;

/// Claims until `expected` have been seen by all.
async fn drain(queue: Arc<dyn WebhookQueue>, seen: Seen, count: Arc<AtomicUsize>, expected: usize, done: bool) {
    while count.load(Ordering::SeqCst) < expected {
        let claimed = kept(queue.claim(4, 3, at(1), LEASE).await, "what waits is claimed");
        if claimed.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        }
        count.fetch_add(claimed.len(), Ordering::SeqCst);
        for claimed in claimed {
            if done {
                kept(queue.done(claimed.webhook, claimed.delivery.id).await, "a delivery is done");
            }
            seen.lock().unwrap_or_else(PoisonError::into_inner).push((claimed.webhook, claimed.delivery.id));
        }
    }
}

fn once(seen: &Seen, expected: usize) {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!(seen.len(), distinct.len(), "two claimers shared one although its lease held");
    assert_eq!(distinct.len(), expected, "everything that waits comes");
}

/// Each of 240 comes to one of 24.
pub async fn of_racing_claimers_no_two_share_one(storage: &Storage) {
    let hooks = [hook(storage).await.id, hook(storage).await.id, hook(storage).await.id];
    let ann = user("ann");
    announce(storage, at(0), &hooks, (0..80).map(|number| noted(&ann, number)).collect()).await;
    let (seen, count) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    race(RACERS, |_| drain(storage.queue.clone(), seen.clone(), count.clone(), 240, false)).await;
    once(&seen, 240);
}

/// Committers and claimers on several webhooks: everything comes, once.
pub async fn nothing_is_lost_while_committers_and_claimers_race(storage: &Storage) {
    let hooks = [hook(storage).await.id, hook(storage).await.id];
    let (seen, count) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let ann = stored_user(&storage.store, "ann").await;
    race(RACERS + 4, |number| {
        let (store, queue) = (storage.store.clone(), storage.queue.clone());
        let (seen, count, ann) = (seen.clone(), count.clone(), ann.clone());
        async move {
            if number >= RACERS {
                return drain(queue, seen, count, RACERS * 10, true).await;
            }
            for round in 0..5 {
                let mut tx = begin(&store).await;
                kept(tx.sessions().insert(&session(&ann, at(0))).await, "a session is added");
                let effect = sent_to(&hooks, noted(&user("ben"), round));
                kept(tx.commit(at(0), vec![effect]).await, "units that share no row do not fail");
            }
        }
    })
    .await;
    once(&seen, RACERS * 10);
    assert_eq!(waiting(storage).await, 0, "nothing is left");
}

/// Whoever logs in does not suffer for a webhook that is deleted at the same moment.
pub async fn a_commit_that_races_the_deletion_of_its_webhook_is_not_refused(storage: &Storage) {
    let ann = stored_user(&storage.store, "ann").await;
    for round in 0..5 {
        let (going, staying) = (hook(storage).await.id, hook(storage).await.id);
        let answers = race(RACERS, |number| {
            let (store, ann) = (storage.store.clone(), ann.clone());
            async move {
                let mut tx = begin(&store).await;
                if number == 0 {
                    tx.webhooks().delete(going).await?;
                    return tx.commit(at(0), Vec::new()).await;
                }
                tx.sessions().insert(&session(&ann, at(number as i64))).await?;
                tx.commit(at(0), vec![sent_to(&[going, staying], noted(&user("ben"), number))]).await
            }
        })
        .await;
        let answers: Result<Vec<()>, StoreError> = answers.into_iter().collect();
        kept(answers, "a commit that races the deletion of its webhook is not refused");
        let expected = (RACERS as u64 - 1) * (round + 1);
        assert_eq!(waiting(storage).await, expected, "what waits is for the webhook that stays, all of it");
    }
}
