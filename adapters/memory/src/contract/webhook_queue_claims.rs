//! Claiming what waits for webhooks, and what becomes of it.

use std::collections::HashMap;

use portcullis_domain::Timestamp;
use portcullis_domain::event::CloudEvent;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::{Delivery, Retry};
use portcullis_domain::ports::webhooks::WebhookDelivery;

use super::Storage;
use super::samples::{RANDOM, at, begin, commit, kept};
use super::webhook_queue::{LEASE, claim, hook, notes, tell, waiting};

fn micro_before(instant: Timestamp) -> Timestamp {
    Timestamp::from_unix_micros(instant.as_unix_micros() - 1)
}

fn later(claimed: &WebhookDelivery, not_before: Timestamp) -> Retry {
    let Delivery { id, attempts, .. } = claimed.delivery;
    Retry { id, attempts, refusals: 0, not_before, why: "it answered 503: 日本 '\"\0".to_owned(), parked: false }
}

async fn give_back(storage: &Storage, claimed: &WebhookDelivery, not_before: Timestamp) {
    let retry = later(claimed, not_before);
    kept(storage.queue.retry(claimed.webhook, &retry).await, "a failed delivery is given back");
}

/// The lease holds until its last microsecond.
pub async fn what_is_claimed_is_not_claimed_again_while_its_lease_holds(storage: &Storage) {
    let hook = hook(storage).await;
    tell(storage, at(0), &[hook.id], "one").await;
    assert_eq!(claim(storage, 10, at(0)).await.len(), 1, "it is claimed");
    for now in [at(0), at(10), micro_before(at(20))] {
        let claimed = claim(storage, 10, now).await;
        assert_eq!(claimed, [], "what is claimed is not claimed again while its lease holds");
    }
}

/// A claimer that died.
pub async fn a_lease_that_ran_out_frees_it(storage: &Storage) {
    let hook = hook(storage).await;
    tell(storage, at(0), &[hook.id], "one").await;
    assert_eq!(claim(storage, 10, at(0)).await.len(), 1, "it is claimed");
    assert_eq!(notes(&claim(storage, 10, at(20)).await), ["one"], "a lease that ran out frees it");
}

/// Only the count of attempts changes; the bytes that are signed are the same.
pub async fn the_same_content_comes_at_every_attempt(storage: &Storage) {
    let hook = hook(storage).await;
    tell(storage, at(0), &[hook.id], "日本").await;
    let mut first: Option<Delivery> = None;
    for attempt in 1..=5_u32 {
        let now = at(i64::from(attempt) * 100);
        let claimed = claim(storage, 10, now).await;
        let [waiting] = claimed.as_slice() else { panic!("attempt {attempt}: one delivery waits") };
        let delivery = &waiting.delivery;
        assert_eq!(delivery.attempts, attempt, "every claim counts as an attempt");
        let expected = Delivery { attempts: attempt, ..first.get_or_insert_with(|| delivery.clone()).clone() };
        assert_eq!(*delivery, expected, "the same content comes at every attempt");
        let bytes = |delivery| kept(serde_json::to_vec(&CloudEvent::new(delivery, "https://id.example")), "JSON");
        assert_eq!(bytes(delivery), bytes(&expected), "the same bytes are sent at every attempt");
        if attempt % 2 == 0 {
            give_back(storage, waiting, now).await;
        }
    }
}

/// `done` is for good, also for what nobody knows.
pub async fn what_is_done_never_comes_again(storage: &Storage) {
    let hook = hook(storage).await;
    for number in 1..=3 {
        tell(storage, at(0), &[hook.id], number).await;
    }
    let claimed = claim(storage, 2, at(0)).await;
    for _ in 0..2 {
        for claimed in &claimed {
            kept(storage.queue.done(hook.id, claimed.delivery.id).await, "what is gone is done too");
        }
    }
    let stranger = EventId::new(at(0), &RANDOM);
    kept(storage.queue.done(WebhookId::new(at(0), &RANDOM), stranger).await, "an unknown webhook is fine");
    kept(storage.queue.done(hook.id, stranger).await, "an unknown event is fine");
    give_back(storage, &claimed[0], at(0)).await;
    assert_eq!(notes(&claim(storage, 10, at(1_000)).await), ["3"], "what is done never comes again");
    assert_eq!(waiting(storage).await, 1, "nor is it counted");
}

/// The limit, over all webhooks, and the rest later.
pub async fn a_claim_takes_no_more_than_its_limit(storage: &Storage) {
    let hooks = [hook(storage).await.id, hook(storage).await.id];
    for number in 0..5 {
        tell(storage, at(number), &hooks, number).await;
    }
    let mut seen = 0;
    for expected in [4, 4, 2, 0] {
        let claimed = claim(storage, 4, at(10)).await.len();
        assert_eq!(claimed, expected, "a claim takes as many as it may, at most its limit");
        seen += claimed;
    }
    assert_eq!(seen, 10, "and all come");
}

/// A webhook for which thousands wait leaves room for the others.
pub async fn a_claim_takes_no_more_than_its_share_of_each_webhook(storage: &Storage) {
    let promise = "a claim takes no more than its share of each webhook";
    let (busy, quiet, third) = (hook(storage).await.id, hook(storage).await.id, hook(storage).await.id);
    for number in 0..50 {
        tell(storage, at(number), &[busy], number).await;
    }
    tell(storage, at(60), &[quiet], "quiet").await;
    tell(storage, at(61), &[third], "third").await;
    let claimed = kept(storage.queue.claim(10, 3, at(100), LEASE).await, promise);
    let mut counts: HashMap<WebhookId, u32> = HashMap::new();
    for claimed in &claimed {
        *counts.entry(claimed.webhook).or_default() += 1;
    }
    assert_eq!(counts, HashMap::from([(busy, 3), (quiet, 1), (third, 1)]), "{promise}, and of each what it may");
    let claimed = kept(storage.queue.claim(2, 3, at(100), LEASE).await, promise);
    assert_eq!(notes(&claimed), ["3", "4"], "{promise}; the limit holds too");
    let claimed = kept(storage.queue.claim(10, 1, at(100), LEASE).await, promise);
    assert_eq!(notes(&claimed), ["5"], "{promise}: one is one");
}

/// In the order of their commits.
pub async fn the_oldest_come_first(storage: &Storage) {
    let hooks = [hook(storage).await.id, hook(storage).await.id];
    for number in 0..12 {
        tell(storage, at(number), &[hooks[number as usize % 2]], number).await;
    }
    for round in 0..4 {
        let expected: Vec<_> = (round * 3..round * 3 + 3).map(|number| number.to_string()).collect();
        assert_eq!(notes(&claim(storage, 3, at(100)).await), expected, "the oldest come first");
    }
}

/// `not_before` holds to the microsecond.
pub async fn a_retry_waits_for_its_instant(storage: &Storage) {
    let hook = hook(storage).await;
    tell(storage, at(0), &[hook.id], "one").await;
    let claimed = claim(storage, 10, at(0)).await;
    give_back(storage, &claimed[0], at(5)).await;
    assert_eq!(claim(storage, 10, micro_before(at(5))).await, [], "a retry waits for its instant");
    assert_eq!(notes(&claim(storage, 10, at(5)).await), ["one"], "and comes at it, although its lease would hold");
}

/// Unlike the outbox it keeps no order.
pub async fn a_failed_one_holds_up_neither_others_nor_its_own_webhook(storage: &Storage) {
    let promise = "a failed one holds up neither others nor its own webhook";
    let (failing, fine) = (hook(storage).await.id, hook(storage).await.id);
    tell(storage, at(0), &[failing], "failed").await;
    let claimed = claim(storage, 1, at(0)).await;
    give_back(storage, &claimed[0], at(1_000)).await;
    tell(storage, at(1), &[failing, fine], "next").await;
    assert_eq!(notes(&claim(storage, 10, at(2)).await), ["next", "next"], "{promise}");
    let again = claim(storage, 10, at(1_000)).await;
    assert!(notes(&again).contains(&"failed".to_owned()), "and it comes at its instant");
}

/// A stream of new events must not starve it.
pub async fn what_was_given_back_does_not_wait_behind_what_came_later(storage: &Storage) {
    let hook = hook(storage).await;
    tell(storage, at(0), &[hook.id], "given back").await;
    let claimed = claim(storage, 1, at(0)).await;
    give_back(storage, &claimed[0], at(5)).await;
    for number in 6..20 {
        tell(storage, at(number), &[hook.id], number).await;
    }
    let first = notes(&claim(storage, 1, at(30)).await);
    assert_eq!(first, ["given back"], "what was given back does not wait behind what came later");
}

/// The lease of the first claimer ran out, and only then it gives up.
pub async fn a_late_claimer_cannot_give_back_what_another_has_claimed_since(storage: &Storage) {
    let promise = "a late claimer cannot give back what another has claimed since";
    let hook = hook(storage).await;
    tell(storage, at(0), &[hook.id], "one").await;
    let first = claim(storage, 10, at(0)).await;
    let second = claim(storage, 10, at(100)).await;
    assert_eq!(notes(&second), ["one"], "a lease that ran out frees it");
    give_back(storage, &first[0], at(100)).await;
    assert_eq!(claim(storage, 10, at(101)).await, [], "{promise}");
    give_back(storage, &second[0], at(101)).await;
    assert_eq!(notes(&claim(storage, 10, at(101)).await), ["one"], "the holder can");
}

/// Leased ones too; how many.
pub async fn discarding_takes_what_waits_for_one_webhook(storage: &Storage) {
    let promise = "discarding takes what waits for one webhook";
    let (tired, fine) = (hook(storage).await.id, hook(storage).await.id);
    for number in 0..5 {
        tell(storage, at(number), &[tired, fine], number).await;
    }
    let leased = claim(storage, 4, at(10)).await;
    assert_eq!(kept(storage.queue.discard(tired).await, promise), 5, "{promise}: it says how many");
    assert_eq!(kept(storage.queue.discard(tired).await, promise), 0, "{promise}: nothing is left");
    assert_eq!(kept(storage.queue.discard(WebhookId::new(at(0), &RANDOM)).await, promise), 0, "{promise}: a stranger");
    for leased in &leased {
        give_back(storage, leased, at(10)).await;
    }
    let left = claim(storage, 100, at(1_000)).await;
    assert!(left.len() == 5 && left.iter().all(|left| left.webhook == fine), "{promise}, and of no other");
    tell(storage, at(1_000), &[tired], "new").await;
    assert_eq!(notes(&claim(storage, 10, at(1_000)).await), ["new"], "it is sent to again");
}

/// Leased ones too, at the commit and not before.
pub async fn a_deleted_webhook_takes_what_waits_for_it_along(storage: &Storage) {
    let promise = "a deleted webhook takes what waits for it along";
    let (gone, fine) = (hook(storage).await.id, hook(storage).await.id);
    for number in 0..5 {
        tell(storage, at(number), &[gone, fine], number).await;
    }
    let leased = claim(storage, 4, at(10)).await;
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.webhooks().delete(gone).await, promise), "a webhook is deleted");
    drop(tx);
    assert_eq!(waiting(storage).await, 10, "a deletion that was given up never happened");
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.webhooks().delete(gone).await, promise), "a webhook is deleted");
    commit(tx).await;
    assert_eq!(waiting(storage).await, 5, "{promise}, and of no other");
    for leased in &leased {
        give_back(storage, leased, at(10)).await;
    }
    let left = claim(storage, 100, at(1_000)).await;
    assert!(left.len() == 5 && left.iter().all(|left| left.webhook == fine), "{promise}: it does not come back");
}

/// Until it is done.
pub async fn what_waits_is_counted_leased_or_not(storage: &Storage) {
    let promise = "what waits is counted, leased or not";
    let hook = hook(storage).await;
    assert_eq!(waiting(storage).await, 0, "{promise}: nothing");
    tell(storage, at(0), &[hook.id], 1).await;
    tell(storage, at(0), &[hook.id], 2).await;
    assert_eq!(waiting(storage).await, 2, "{promise}");
    let claimed = claim(storage, 1, at(0)).await;
    assert_eq!(waiting(storage).await, 2, "{promise}");
    give_back(storage, &claimed[0], at(500)).await;
    assert_eq!(waiting(storage).await, 2, "{promise}");
    kept(storage.queue.done(hook.id, claimed[0].delivery.id).await, "it is done");
    assert_eq!(waiting(storage).await, 1, "{promise}: not what is done");
}
