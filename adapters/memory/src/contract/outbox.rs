//! The suite `outbox`: [`Outbox`](portcullis_domain::ports::delivery::Outbox) and the effects of commits.

use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::event::{CloudEvent, Event};
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Backlog, Delivery, Retry};
use portcullis_domain::ports::store::Effect;

pub use super::outbox_order::*;

use super::Storage;
use super::samples::{at, begin, email, kept, noted, publish, refused, session, stored_user, user};

/// Runs the suite `outbox` on what `async fn factory() -> contract::Storage` gives.
#[macro_export]
macro_rules! outbox_contract {
    ($factory:expr) => {
        $crate::promises!(
            outbox,
            $factory,
            an_effect_is_in_the_outbox_exactly_when_its_unit_is_committed,
            every_field_of_a_delivery_survives,
            effects_of_a_commit_keep_their_order,
            a_commit_without_writes_still_delivers,
            a_claimed_delivery_is_not_claimed_again_while_its_lease_holds,
            a_lease_that_ran_out_frees_the_delivery,
            the_same_id_and_content_come_at_every_attempt,
            what_is_done_never_comes_again,
            a_late_claimer_cannot_give_back_what_another_has_claimed_since,
            a_claim_takes_no_more_than_its_limit,
            a_retry_waits_for_its_instant,
            a_waiting_delivery_holds_back_its_subject_only,
            a_leased_delivery_holds_back_its_subject_only,
            a_parked_delivery_lets_its_subject_pass,
            refusals_are_those_that_were_given_back_and_no_claims,
            a_delivery_is_chosen_by_state_and_not_by_the_last_one,
            the_backlog_counts_what_waits,
            a_commit_wakes_the_relay,
            of_racing_claimers_no_two_share_a_delivery,
            the_order_of_a_subject_is_the_order_of_its_commits,
            a_subject_keeps_its_order_while_it_is_claimed,
            nothing_is_lost_while_committers_and_claimers_race,
        );
    };
}

pub(super) const LEASE: Duration = Duration::from_secs(20);

/// Commits `effects` and nothing else.
pub(super) async fn announce(storage: &Storage, now: Timestamp, effects: Vec<Effect>) {
    kept(begin(&storage.store).await.commit(now, effects).await, "effects are committed");
}

pub(super) async fn claim(storage: &Storage, limit: u32, now: Timestamp) -> Vec<Delivery> {
    kept(storage.outbox.claim(limit, now, LEASE).await, "deliveries are claimed")
}

/// The notes of deliveries made by [`noted`].
pub(super) fn notes(deliveries: &[Delivery]) -> Vec<String> {
    let note = |delivery: &Delivery| match &delivery.event {
        Event::UserUpdated { changed, .. } => changed.join(","),
        other => panic!("a delivery came that nobody committed: {other:?}"),
    };
    deliveries.iter().map(note).collect()
}

fn ids(deliveries: &[Delivery]) -> Vec<EventId> {
    deliveries.iter().map(|delivery| delivery.id).collect()
}

fn later(delivery: &Delivery, not_before: Timestamp, parked: bool) -> Retry {
    let why = "the broker said no: 日本 '\"".to_owned();
    let Delivery { id, attempts, refusals, .. } = *delivery;
    Retry { id, attempts, refusals, not_before, why, parked }
}

/// Committed: there. Dropped, or refused at the commit: not there.
pub async fn an_effect_is_in_the_outbox_exactly_when_its_unit_is_committed(storage: &Storage) {
    let promise = "an effect is in the outbox exactly when its unit is committed";
    let ann = stored_user(&storage.store, "ann").await;
    assert_eq!(claim(storage, 10, at(0)).await, [], "{promise}: nothing was announced");
    let mut tx = begin(&storage.store).await;
    refused(tx.users().insert(&ann).await, "an account is added once");
    refused(tx.commit(at(0), vec![noted(&ann, "never")]).await, "a unit that failed is not committed");
    let mut tx = begin(&storage.store).await;
    kept(tx.users().insert(&user("ben")).await, promise);
    assert_eq!(claim(storage, 10, at(0)).await, [], "{promise}: before the commit there is nothing");
    kept(tx.commit(at(0), vec![noted(&ann, "yes")]).await, promise);
    assert_eq!(notes(&claim(storage, 10, at(0)).await), ["yes"], "{promise}");
}

/// Event, instant, subject, trace and count, for every kind of event.
pub async fn every_field_of_a_delivery_survives(storage: &Storage) {
    let ann = user("ann");
    let micro = Timestamp::from_unix_micros(at(3).as_unix_micros() + 1);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let events = super::publisher_events::every_kind(&ann, &session(&ann, at(0)));
    for (number, event) in events.into_iter().enumerate() {
        let traceparent = (number % 2 == 0).then(|| trace.to_owned());
        announce(
            storage,
            micro,
            vec![Effect::Publish { event: event.clone(), traceparent: traceparent.clone(), webhooks: Vec::new() }],
        )
        .await;
        let claimed = claim(storage, 10, at(10)).await;
        let [delivery] = claimed.as_slice() else { panic!("one effect is one delivery, not {}", claimed.len()) };
        assert_eq!(delivery.event, event, "the event survives");
        assert_eq!(delivery.occurred_at, micro, "the instant of the commit is the event's time");
        assert_eq!(delivery.traceparent, traceparent, "the trace context survives");
        assert_eq!(delivery.subject, event.subject(delivery.id), "the subject is the event's");
        assert_eq!(delivery.attempts, 1, "the first claim counts as the first attempt");
        kept(storage.outbox.done(&[delivery.id]).await, "a delivery is done");
    }
}

/// Within one commit, over several subjects.
pub async fn effects_of_a_commit_keep_their_order(storage: &Storage) {
    let (ann, ben) = (user("ann"), user("ben"));
    let effects = (0..30).map(|number| noted(if number % 3 == 0 { &ben } else { &ann }, number)).collect();
    announce(storage, at(0), effects).await;
    let claimed = claim(storage, 100, at(0)).await;
    let expected: Vec<_> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!(notes(&claimed), expected, "effects of a commit keep their order");
    assert!(claimed.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "the sequence grows");
}

/// A refused login changes nothing but is announced.
pub async fn a_commit_without_writes_still_delivers(storage: &Storage) {
    let mut tx = begin(&storage.store).await;
    kept(tx.users().by_email(&email("nobody@example.com")).await, "nobody is found");
    let event = Event::LoginFailed { user_id: None, ip: None, user_agent: None };
    kept(tx.commit(at(0), vec![publish(event.clone()), publish(event)]).await, "a unit that only read is committed");
    let claimed = claim(storage, 10, at(0)).await;
    assert_eq!(claimed.len(), 2, "a commit without writes still delivers");
    assert_ne!(claimed[0].subject, claimed[1].subject, "events about nobody hold nobody back");
}

/// The lease holds until its last microsecond.
pub async fn a_claimed_delivery_is_not_claimed_again_while_its_lease_holds(storage: &Storage) {
    announce(storage, at(0), vec![noted(&user("ann"), "one")]).await;
    assert_eq!(claim(storage, 10, at(0)).await.len(), 1, "a delivery is claimed");
    let last = Timestamp::from_unix_micros(at(20).as_unix_micros() - 1);
    for now in [at(0), at(10), last] {
        let claimed = claim(storage, 10, now).await;
        assert_eq!(claimed, [], "a claimed delivery is not claimed again while its lease holds");
    }
}

/// A claimer that died.
pub async fn a_lease_that_ran_out_frees_the_delivery(storage: &Storage) {
    announce(storage, at(0), vec![noted(&user("ann"), "one")]).await;
    assert_eq!(claim(storage, 10, at(0)).await.len(), 1, "a delivery is claimed");
    let claimed = claim(storage, 10, at(21)).await;
    assert_eq!(notes(&claimed), ["one"], "a lease that ran out frees the delivery");
}

/// Only the count of attempts changes; the published bytes are the same.
pub async fn the_same_id_and_content_come_at_every_attempt(storage: &Storage) {
    announce(storage, at(0), vec![noted(&user("ann"), "日本")]).await;
    let mut first: Option<Delivery> = None;
    for attempt in 1..=5_u32 {
        let now = at(i64::from(attempt) * 100);
        let claimed = claim(storage, 10, now).await;
        let [delivery] = claimed.as_slice() else { panic!("attempt {attempt}: one delivery waits") };
        assert_eq!(delivery.attempts, attempt, "every claim counts as an attempt");
        let expected = Delivery { attempts: attempt, ..first.get_or_insert_with(|| delivery.clone()).clone() };
        assert_eq!(*delivery, expected, "the same id and content come at every attempt");
        let bytes = |delivery| kept(serde_json::to_vec(&CloudEvent::new(delivery, "https://id.example")), "JSON");
        assert_eq!(bytes(delivery), bytes(&expected), "the same bytes are published at every attempt");
        if attempt % 2 == 0 {
            kept(storage.outbox.retry(&[later(delivery, now, false)]).await, "a failed delivery is given back");
        }
    }
}

/// The lease of the first claimer ran out, and only then it gives up.
pub async fn a_late_claimer_cannot_give_back_what_another_has_claimed_since(storage: &Storage) {
    announce(storage, at(0), vec![noted(&user("ann"), "one")]).await;
    let first = claim(storage, 10, at(0)).await;
    let second = claim(storage, 10, at(100)).await;
    assert_eq!(notes(&second), ["one"], "a lease that ran out frees the delivery");
    kept(storage.outbox.retry(&[later(&first[0], at(100), false)]).await, "a late retry is fine");
    assert_eq!(claim(storage, 10, at(101)).await, [], "a late claimer cannot give back what another has claimed since");
    kept(storage.outbox.retry(&[later(&second[0], at(101), false)]).await, "the holder gives it back");
    assert_eq!(notes(&claim(storage, 10, at(101)).await), ["one"], "the holder can");
}

/// `done` is for good, also for ids that nobody knows.
pub async fn what_is_done_never_comes_again(storage: &Storage) {
    let ann = user("ann");
    announce(storage, at(0), vec![noted(&ann, 1), noted(&ann, 2), noted(&ann, 3)]).await;
    let claimed = ids(&claim(storage, 2, at(0)).await);
    kept(storage.outbox.done(&claimed).await, "deliveries are done");
    kept(storage.outbox.done(&claimed).await, "ids that are gone are fine");
    kept(storage.outbox.done(&[]).await, "no ids are fine");
    let strangers: Vec<_> = (0..700).map(|_| EventId::new(at(0), &super::samples::RANDOM)).collect();
    kept(storage.outbox.done(&strangers).await, "hundreds of unknown ids are fine");
    let retry =
        Retry { id: strangers[0], attempts: 1, refusals: 9, not_before: at(0), why: String::new(), parked: true };
    kept(storage.outbox.retry(&[retry]).await, "giving back what is gone is fine");
    assert_eq!(notes(&claim(storage, 10, at(0)).await), ["3"], "the next in line comes at once");
    assert_eq!(notes(&claim(storage, 10, at(1_000)).await), ["3"], "what is done never comes again");
}

/// The limit, and the rest later.
pub async fn a_claim_takes_no_more_than_its_limit(storage: &Storage) {
    for number in 0..10 {
        announce(storage, at(0), vec![noted(&user(&format!("user{number}")), number)]).await;
    }
    let mut seen = Vec::new();
    for expected in [4, 4, 2, 0] {
        let claimed = claim(storage, 4, at(0)).await;
        assert_eq!(claimed.len(), expected, "a claim takes as many as it may, at most its limit");
        seen.extend(notes(&claimed));
    }
    let expected: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(seen, expected, "claims go by sequence");
}

/// `not_before` holds to the microsecond.
pub async fn a_retry_waits_for_its_instant(storage: &Storage) {
    announce(storage, at(0), vec![noted(&user("ann"), "one")]).await;
    let claimed = claim(storage, 10, at(0)).await;
    kept(storage.outbox.retry(&[later(&claimed[0], at(5), false)]).await, "a failed delivery is given back");
    let just_before = Timestamp::from_unix_micros(at(5).as_unix_micros() - 1);
    assert_eq!(claim(storage, 10, just_before).await, [], "a retry waits for its instant");
    assert_eq!(notes(&claim(storage, 10, at(5)).await), ["one"], "and comes at it, although its lease would hold");
}

async fn three_and_one(storage: &Storage) -> Vec<Delivery> {
    let (ann, ben) = (user("ann"), user("ben"));
    announce(storage, at(0), vec![noted(&ann, "a1")]).await;
    let claimed = claim(storage, 1, at(0)).await;
    announce(storage, at(0), vec![noted(&ann, "a2"), noted(&ben, "b1"), noted(&ann, "a3")]).await;
    claimed
}

/// Behind a delivery that waits for its instant nobody of its subject passes.
pub async fn a_waiting_delivery_holds_back_its_subject_only(storage: &Storage) {
    let promise = "a waiting delivery holds back its subject, and no other";
    let first = three_and_one(storage).await;
    kept(storage.outbox.retry(&[later(&first[0], at(5), false)]).await, "a failed delivery is given back");
    assert_eq!(notes(&claim(storage, 10, at(1)).await), ["b1"], "{promise}");
    assert_eq!(notes(&claim(storage, 10, at(5)).await), ["a1", "a2", "a3"], "then all come, in order");
}

/// Behind a delivery that somebody else holds nobody of its subject passes.
pub async fn a_leased_delivery_holds_back_its_subject_only(storage: &Storage) {
    let promise = "a leased delivery holds back its subject, and no other";
    let first = three_and_one(storage).await;
    assert_eq!(notes(&claim(storage, 10, at(1)).await), ["b1"], "{promise}");
    kept(storage.outbox.done(&ids(&first)).await, "a delivery is done");
    assert_eq!(notes(&claim(storage, 1, at(2)).await), ["a2"], "when it is done the next may go");
    assert_eq!(notes(&claim(storage, 10, at(2)).await), Vec::<String>::new(), "{promise}: a2 is leased, a3 waits");
}

/// A parked delivery is out of the way: waiting, leased, or due.
pub async fn a_parked_delivery_lets_its_subject_pass(storage: &Storage) {
    let promise = "a parked delivery lets its subject pass";
    let first = three_and_one(storage).await;
    kept(storage.outbox.retry(&[later(&first[0], at(100), true)]).await, "a refused delivery is parked");
    let passed = claim(storage, 2, at(1)).await;
    assert_eq!(notes(&passed), ["a2", "b1"], "{promise} while it waits");
    kept(storage.outbox.done(&ids(&passed)).await, "deliveries are done");
    let parked = claim(storage, 1, at(100)).await;
    assert_eq!(notes(&parked), ["a1"], "a parked delivery comes again at its instant");
    assert_eq!(parked[0].attempts, 2, "and its attempts go on counting");
    assert_eq!(notes(&claim(storage, 1, at(101)).await), ["a3"], "{promise} while it is leased");
    kept(storage.outbox.done(&ids(&parked)).await, "a delivery is done");
}

/// Claims and leases that ran out do not count, and a late claimer changes nothing; the count outlives being parked.
pub async fn refusals_are_those_that_were_given_back_and_no_claims(storage: &Storage) {
    let promise = "refusals are those that were given back, and no claims";
    let (ann, ben) = (user("ann"), user("ben"));
    announce(storage, at(0), vec![noted(&ann, "a1"), noted(&ben, "b1")]).await;
    let counts = |deliveries: &[Delivery]| -> Vec<(u32, u32)> {
        deliveries.iter().map(|delivery| (delivery.attempts, delivery.refusals)).collect()
    };
    let first = claim(storage, 10, at(0)).await;
    assert_eq!(counts(&first), [(1, 0), (1, 0)], "{promise}: a new one was never refused");
    let claimed = claim(storage, 10, at(100)).await;
    assert_eq!(counts(&claimed), [(2, 0), (2, 0)], "{promise}: a lease ran out");

    let refused = Retry { refusals: 3_000_000_000, ..later(&claimed[0], at(200), true) };
    let unlucky = later(&claimed[1], at(200), false);
    let late = Retry { refusals: 7, ..later(&first[1], at(200), false) };
    kept(storage.outbox.retry(&[refused, unlucky, late]).await, "deliveries are given back");
    let claimed = claim(storage, 10, at(200)).await;
    assert_eq!(counts(&claimed), [(3, 3_000_000_000), (3, 0)], "{promise}: each has its own count");
    let claimed = claim(storage, 10, at(300)).await;
    assert_eq!(counts(&claimed), [(4, 3_000_000_000), (4, 0)], "{promise}: a claim leaves it as it is");
    kept(storage.outbox.retry(&[Retry { refusals: 2, ..later(&claimed[0], at(300), false) }]).await, promise);
    assert_eq!(counts(&claim(storage, 1, at(300)).await), [(5, 2)], "{promise}: the last word counts");
}

/// The trap of "greater than the last id": what is older but became free later still comes.
pub async fn a_delivery_is_chosen_by_state_and_not_by_the_last_one(storage: &Storage) {
    let promise = "a delivery is chosen by state, never by being later than the last one";
    announce(storage, at(0), vec![noted(&user("ann"), "old")]).await;
    let old = claim(storage, 1, at(0)).await;
    for number in 0..5 {
        announce(storage, at(50), vec![noted(&user(&format!("user{number}")), number)]).await;
    }
    let newer = claim(storage, 10, at(1)).await;
    assert_eq!(newer.len(), 5, "others go on");
    kept(storage.outbox.done(&ids(&newer)).await, "deliveries are done");
    kept(storage.outbox.retry(&[later(&old[0], at(2), false)]).await, "a failed delivery is given back");
    // An event that says it happened long ago, from a replica whose clock is behind.
    announce(storage, at(-5_000), vec![noted(&user("late"), "late")]).await;
    let mut rest = notes(&claim(storage, 10, at(3)).await);
    rest.sort();
    assert_eq!(rest, ["late", "old"], "{promise}");
}

/// Waiting, parked, oldest.
pub async fn the_backlog_counts_what_waits(storage: &Storage) {
    let promise = "the backlog counts what waits";
    let backlog = || async { kept(storage.outbox.backlog().await, promise) };
    assert_eq!(backlog().await, Backlog::default(), "{promise}: nothing");
    let (ann, ben) = (user("ann"), user("ben"));
    announce(storage, at(1), vec![noted(&ann, 1)]).await;
    announce(storage, at(2), vec![noted(&ben, 2), noted(&ben, 3)]).await;
    assert_eq!(backlog().await, Backlog { waiting: 3, parked: 0, oldest: Some(at(1)) }, "{promise}");
    let claimed = claim(storage, 10, at(3)).await;
    assert_eq!(backlog().await, Backlog { waiting: 3, parked: 0, oldest: Some(at(1)) }, "{promise}: also leased ones");
    kept(storage.outbox.retry(&[later(&claimed[0], at(100), true)]).await, "a refused delivery is parked");
    assert_eq!(backlog().await, Backlog { waiting: 3, parked: 1, oldest: Some(at(2)) }, "{promise}: parked apart");
    kept(storage.outbox.retry(&[later(&claimed[0], at(100), false)]).await, "and may be unparked");
    assert_eq!(backlog().await, Backlog { waiting: 3, parked: 0, oldest: Some(at(1)) }, "{promise}");
    kept(storage.outbox.done(&ids(&claimed)).await, "deliveries are done");
    assert_eq!(backlog().await, Backlog::default(), "{promise}: nothing again");
}

/// `committed` returns at once after a commit, and during the wait for one.
pub async fn a_commit_wakes_the_relay(storage: &Storage) {
    let promise = "a commit wakes the relay";
    let (ann, soon) = (user("ann"), Duration::from_secs(5));
    announce(storage, at(0), vec![noted(&ann, 1)]).await;
    kept(tokio::time::timeout(soon, storage.outbox.committed()).await, "a commit before the call is not forgotten");
    let outbox = storage.outbox.clone();
    let waiting = tokio::spawn(async move { outbox.committed().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    announce(storage, at(0), vec![noted(&ann, 2)]).await;
    kept(kept(tokio::time::timeout(soon, waiting).await, promise), promise);
}
