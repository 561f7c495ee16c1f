//! The suite `webhook_queue`: [`WebhookQueue`](portcullis_domain::ports::webhooks::WebhookQueue) and what commits put
//! into it.

use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::event::Event;
use portcullis_domain::ids::{EventId, WebhookId};
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::ports::store::Effect;
use portcullis_domain::ports::webhooks::WebhookDelivery;
use portcullis_domain::webhooks::Webhook;

pub use super::webhook_queue_claims::*;
pub use super::webhook_queue_races::*;

use super::Storage;
use super::samples::{
    RANDOM, at, begin, commit, email, kept, noted, publish, refused, sent_to, session, stored_user, stored_webhook,
    user, webhook,
};

/// Runs the suite `webhook_queue` on what `async fn factory() -> contract::Storage` gives.
#[macro_export]
macro_rules! webhook_queue_contract {
    ($factory:expr) => {
        $crate::promises!(
            webhook_queue,
            $factory,
            an_event_waits_for_a_webhook_exactly_when_its_unit_is_committed,
            an_event_for_no_webhook_waits_for_none,
            nothing_waits_for_a_webhook_that_does_not_exist,
            a_webhook_of_the_same_unit_exists,
            the_event_is_the_one_that_is_in_the_outbox,
            every_field_of_a_webhook_delivery_survives,
            an_event_waits_once_for_each_of_its_webhooks,
            a_commit_without_writes_still_waits_for_its_webhooks,
            hundreds_of_events_of_a_unit_all_wait,
            what_is_claimed_is_not_claimed_again_while_its_lease_holds,
            a_lease_that_ran_out_frees_it,
            the_same_content_comes_at_every_attempt,
            what_is_done_never_comes_again,
            a_claim_takes_no_more_than_its_limit,
            a_claim_takes_no_more_than_its_share_of_each_webhook,
            the_oldest_come_first,
            a_retry_waits_for_its_instant,
            a_failed_one_holds_up_neither_others_nor_its_own_webhook,
            what_was_given_back_does_not_wait_behind_what_came_later,
            a_late_claimer_cannot_give_back_what_another_has_claimed_since,
            discarding_takes_what_waits_for_one_webhook,
            a_deleted_webhook_takes_what_waits_for_it_along,
            what_waits_is_counted_leased_or_not,
            of_racing_claimers_no_two_share_one,
            nothing_is_lost_while_committers_and_claimers_race,
            a_commit_that_races_the_deletion_of_its_webhook_is_not_refused,
        );
    };
}

pub(super) const LEASE: Duration = Duration::from_secs(20);

/// Stores a new webhook.
pub(super) async fn hook(storage: &Storage) -> Webhook {
    let webhook = webhook();
    stored_webhook(&storage.store, &webhook).await;
    webhook
}

/// Commits effects that are sent to these webhooks, and nothing else.
pub(super) async fn announce(storage: &Storage, now: Timestamp, webhooks: &[WebhookId], effects: Vec<Effect>) {
    let effects = effects.into_iter().map(|effect| sent_to(webhooks, effect)).collect();
    kept(begin(&storage.store).await.commit(now, effects).await, "effects are committed");
}

/// Commits an effect that carries `note`.
pub(super) async fn tell(storage: &Storage, now: Timestamp, webhooks: &[WebhookId], note: impl ToString) {
    announce(storage, now, webhooks, vec![noted(&user("ann"), note)]).await;
}

pub(super) async fn claim(storage: &Storage, limit: u32, now: Timestamp) -> Vec<WebhookDelivery> {
    kept(storage.queue.claim(limit, limit, now, LEASE).await, "what waits for webhooks is claimed")
}

pub(super) async fn waiting(storage: &Storage) -> u64 {
    kept(storage.queue.waiting().await, "what waits for webhooks is counted")
}

/// The notes of what [`tell`] announced.
pub(super) fn notes(claimed: &[WebhookDelivery]) -> Vec<String> {
    let note = |claimed: &WebhookDelivery| match &claimed.delivery.event {
        Event::UserUpdated { changed, .. } => changed.join(","),
        other => panic!("a delivery came that nobody committed: {other:?}"),
    };
    claimed.iter().map(note).collect()
}

/// Committed: there. Dropped, or refused at the commit: not there.
pub async fn an_event_waits_for_a_webhook_exactly_when_its_unit_is_committed(storage: &Storage) {
    let promise = "an event waits for a webhook exactly when its unit is committed";
    let (hook, ann) = (hook(storage).await, stored_user(&storage.store, "ann").await);
    assert_eq!(claim(storage, 10, at(0)).await, [], "{promise}: nothing was announced");
    let mut tx = begin(&storage.store).await;
    refused(tx.users().insert(&ann).await, "an account is added once");
    let never = sent_to(&[hook.id], noted(&ann, "never"));
    refused(tx.commit(at(0), vec![never]).await, "a unit that failed is not committed");
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&user("ben")).await, promise);
    assert_eq!(waiting(storage).await, 0, "{promise}: before the commit there is nothing");
    kept(tx.commit(at(0), vec![sent_to(&[hook.id], noted(&ann, "yes"))]).await, promise);
    assert_eq!(notes(&claim(storage, 10, at(0)).await), ["yes"], "{promise}");
}

/// The usual case.
pub async fn an_event_for_no_webhook_waits_for_none(storage: &Storage) {
    let hook = hook(storage).await;
    tell(storage, at(0), &[], "nobody's").await;
    assert_eq!(waiting(storage).await, 0, "an event for no webhook waits for none");
    let mixed = vec![noted(&user("ann"), "nobody's"), sent_to(&[hook.id], noted(&user("ann"), "its own"))];
    kept(begin(&storage.store).await.commit(at(0), mixed).await, "effects are committed");
    assert_eq!(notes(&claim(storage, 10, at(0)).await), ["its own"], "each event goes its own ways");
}

/// Never created, deleted before, deleted in this very unit: the unit is committed all the same.
pub async fn nothing_waits_for_a_webhook_that_does_not_exist(storage: &Storage) {
    let promise = "nothing waits for a webhook that does not exist";
    let (gone, going, staying) = (hook(storage).await, hook(storage).await, hook(storage).await);
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.webhooks().delete(gone.id).await, promise), "a webhook is deleted");
    commit(tx).await;
    let stranger = WebhookId::new(at(0), &RANDOM);
    tell(storage, at(0), &[gone.id, stranger], "lost").await;
    assert_eq!(waiting(storage).await, 0, "{promise}");
    let mut tx = begin(&storage.store).await;
    assert!(kept(tx.webhooks().delete(going.id).await, promise), "a webhook is deleted");
    let effect = sent_to(&[gone.id, going.id, staying.id, stranger], noted(&user("ann"), "kept"));
    kept(tx.commit(at(0), vec![effect]).await, "a unit is committed although a webhook is gone");
    let claimed = claim(storage, 10, at(0)).await;
    assert_eq!(claimed.len(), 1, "{promise}, and no other is forgotten for it");
    assert_eq!(claimed[0].webhook, staying.id, "{promise}");
    let backlog = kept(storage.outbox.backlog().await, "the backlog is counted");
    assert_eq!(backlog.waiting, 2, "the events are in the outbox all the same");
}

/// A unit sees its own writes to the end.
pub async fn a_webhook_of_the_same_unit_exists(storage: &Storage) {
    let webhook = webhook();
    let mut tx = begin(&storage.store).await;
    kept(tx.webhooks().insert(&webhook).await, "a webhook is added");
    kept(tx.commit(at(0), vec![sent_to(&[webhook.id], noted(&user("ann"), "first"))]).await, "it is committed");
    assert_eq!(notes(&claim(storage, 10, at(0)).await), ["first"], "a webhook of the same unit exists");
}

/// A consumer that gets it on both ways can tell.
pub async fn the_event_is_the_one_that_is_in_the_outbox(storage: &Storage) {
    let (one, two) = (hook(storage).await, hook(storage).await);
    let failed = publish(Event::LoginFailed { user_id: None, ip: None, user_agent: None });
    let effects = vec![noted(&user("ann"), 1), failed, noted(&user("ben"), 2)];
    announce(storage, at(7), &[one.id, two.id], effects).await;
    let mut outbox = kept(storage.outbox.claim(10, at(7), LEASE).await, "deliveries are claimed");
    let sent = claim(storage, 10, at(7)).await;
    for webhook in [one.id, two.id] {
        let mut mine: Vec<_> = sent.iter().filter(|sent| sent.webhook == webhook).map(|sent| &sent.delivery).collect();
        mine.sort_by_key(|delivery| delivery.id);
        outbox.sort_by_key(|delivery| delivery.id);
        let content = |delivery: &Delivery| {
            let Delivery { id, subject, occurred_at, event, traceparent, .. } = delivery.clone();
            (id, subject, occurred_at, event, traceparent)
        };
        let mine: Vec<_> = mine.into_iter().map(content).collect();
        let expected: Vec<_> = outbox.iter().map(content).collect();
        assert_eq!(mine, expected, "the event is the one that is in the outbox, down to its id");
    }
}

/// Event, instant, subject, trace and count, for every kind of event.
pub async fn every_field_of_a_webhook_delivery_survives(storage: &Storage) {
    let (ann, hook) = (user("ann"), hook(storage).await);
    let micro = Timestamp::from_unix_micros(at(3).as_unix_micros() + 1);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let events = super::publisher_events::every_kind(&ann, &session(&ann, at(0)));
    for (number, event) in events.into_iter().enumerate() {
        let traceparent = (number % 2 == 0).then(|| trace.to_owned());
        let (event, webhooks) = (event.clone(), vec![hook.id]);
        let effect = Effect::Publish { event: event.clone(), traceparent: traceparent.clone(), webhooks };
        kept(begin(&storage.store).await.commit(micro, vec![effect]).await, "an effect is committed");
        let claimed = claim(storage, 10, at(10)).await;
        let [WebhookDelivery { webhook, delivery }] = claimed.as_slice() else {
            panic!("one event for one webhook is one delivery, not {}", claimed.len());
        };
        assert_eq!(*webhook, hook.id, "it is for its webhook");
        assert_eq!(delivery.event, event, "the event survives");
        assert_eq!(delivery.occurred_at, micro, "the instant of the commit is the event's time");
        assert_eq!(delivery.traceparent, traceparent, "the trace context survives");
        assert_eq!(delivery.subject, event.subject(delivery.id), "the subject is the event's");
        assert_eq!(delivery.attempts, 1, "the first claim counts as the first attempt");
        kept(storage.queue.done(hook.id, delivery.id).await, "a delivery is done");
    }
}

/// Named twice it waits once; what is done for one still waits for the others.
pub async fn an_event_waits_once_for_each_of_its_webhooks(storage: &Storage) {
    let promise = "an event waits once for each of its webhooks";
    let (one, two, three) = (hook(storage).await, hook(storage).await, hook(storage).await);
    tell(storage, at(0), &[one.id, two.id, one.id], "event").await;
    assert_eq!(waiting(storage).await, 2, "{promise}");
    let claimed = claim(storage, 10, at(0)).await;
    let mut whose: Vec<_> = claimed.iter().map(|claimed| claimed.webhook).collect();
    whose.sort();
    let mut expected = [one.id, two.id];
    expected.sort();
    assert_eq!(whose, expected, "{promise}");
    let event: EventId = claimed[0].delivery.id;
    kept(storage.queue.done(three.id, event).await, "what waits for nobody is done too");
    kept(storage.queue.done(one.id, event).await, "it is done for one");
    let left = claim(storage, 10, at(100)).await;
    assert_eq!((left.len(), left[0].webhook), (1, two.id), "{promise}: the other still waits");
}

/// A refused login changes nothing but is announced.
pub async fn a_commit_without_writes_still_waits_for_its_webhooks(storage: &Storage) {
    let hook = hook(storage).await;
    let mut tx = begin(&storage.store).await;
    kept(tx.users().by_email(&email("nobody@example.com")).await, "nobody is found");
    let event = publish(Event::LoginFailed { user_id: None, ip: None, user_agent: None });
    kept(tx.commit(at(0), vec![sent_to(&[hook.id], event)]).await, "a unit that only read is committed");
    assert_eq!(claim(storage, 10, at(0)).await.len(), 1, "a commit without writes still waits for its webhooks");
}

/// An import announces a thousand at once.
pub async fn hundreds_of_events_of_a_unit_all_wait(storage: &Storage) {
    let (one, two) = (hook(storage).await, hook(storage).await);
    let ann = user("ann");
    announce(storage, at(0), &[one.id, two.id], (0..700).map(|number| noted(&ann, number)).collect()).await;
    assert_eq!(waiting(storage).await, 1_400, "hundreds of events of a unit all wait");
    let claimed = claim(storage, 2_000, at(0)).await;
    let mine: Vec<_> = claimed.into_iter().filter(|claimed| claimed.webhook == one.id).collect();
    let expected: Vec<_> = (0..700).map(|number| number.to_string()).collect();
    assert_eq!(notes(&mine), expected, "in their order");
}
