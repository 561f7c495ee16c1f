//! From the outbox to the publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_domain::event::Event;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::delivery::{Backlog, Delivery, Outbox, PublishError};
use portcullis_domain::ports::store::{Effect, Store};
use portcullis_domain::relay::{Relay, RelaySettings};

use crate::world::{MINUTE, SECOND, World};

/// Announces that something about `name`'s account changed; gives the subject.
async fn announce(world: &World, subject: &portcullis_domain::accounts::User, notes: &[&str]) {
    let tx = world.store.begin().await.expect("a unit of work");
    let effects = notes.iter().map(|note| {
        let event = Event::UserUpdated { user_id: subject.id, changed: vec![(*note).to_owned()] };
        Effect::publish(event, &Origin::default())
    });
    tx.commit(world.now(), effects.collect()).await.expect("a commit");
}

fn note(event: &Event) -> String {
    match event {
        Event::UserUpdated { changed, .. } => changed.join(","),
        other => panic!("an event that nobody announced: {other:?}"),
    }
}

fn notes(world: &World) -> Vec<String> {
    world.publisher.events().iter().filter(|event| matches!(event, Event::UserUpdated { .. })).map(note).collect()
}

/// A world with two people whose registrations have been delivered.
async fn two() -> (World, portcullis_domain::accounts::User, portcullis_domain::accounts::User) {
    let world = World::new().await;
    let (ann, ben) = (world.register("ann").await, world.register("ben").await);
    world.events().await;
    (world, ann, ben)
}

async fn backlog(world: &World) -> Backlog {
    world.relay.backlog().await.expect("the backlog")
}

#[tokio::test]
async fn what_is_committed_is_delivered_once_and_in_order() {
    let (world, ann, ben) = two().await;
    announce(&world, &ann, &["a1", "a2"]).await;
    announce(&world, &ben, &["b1"]).await;
    announce(&world, &ann, &["a3"]).await;
    let round = world.round().await;
    assert_eq!((round.claimed, round.delivered, round.failed, round.unavailable), (4, 4, 0, false));
    assert_eq!(world.round().await.claimed, 0, "what is delivered never comes again");
    let order: Vec<_> = notes(&world).into_iter().filter(|note| note.starts_with('a')).collect();
    assert_eq!(order, ["a1", "a2", "a3"]);
    assert_eq!(backlog(&world).await, Backlog::default());
}

#[tokio::test]
async fn a_broker_that_is_away_loses_nothing_and_parks_nothing_m11() {
    let (world, ann, ben) = two().await;
    announce(&world, &ann, &["a1", "a2"]).await;
    announce(&world, &ben, &["b1"]).await;
    world.publisher.fail_when(|_| Err(PublishError::Unavailable("the connection broke".to_owned())));
    let mut rounds = 0;
    for _ in 0..400 {
        let round = world.round().await;
        assert_eq!((round.delivered, round.parked), (0, 0), "an outage parks nothing");
        if round.claimed > 0 {
            assert!(round.unavailable && round.why.is_some(), "the round says why: {round:?}");
            rounds += 1;
        }
        world.clock.advance(SECOND);
    }
    assert!(rounds > 60, "it keeps trying, at least every 5 s: {rounds} rounds in 400 s");
    assert_eq!(backlog(&world).await, Backlog { waiting: 3, parked: 0, oldest: backlog(&world).await.oldest });
    world.publisher.recover();
    world.clock.advance(5 * SECOND);
    assert_eq!(world.round().await.delivered, 3, "when the broker is back, the next round delivers everything");
    let order: Vec<_> = notes(&world).into_iter().filter(|note| note.starts_with('a')).collect();
    assert_eq!(order, ["a1", "a2"], "in order");
}

#[tokio::test]
async fn while_the_publisher_is_not_ready_the_outbox_is_left_alone() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["a1"]).await;
    world.publisher.go_away();
    let attempts = world.publisher.attempts();
    for _ in 0..50 {
        let round = world.round().await;
        assert!(round.unavailable && round.claimed == 0, "{round:?}");
        world.clock.advance(MINUTE);
    }
    assert_eq!(world.publisher.attempts(), attempts, "nobody tries in vain");
    world.publisher.recover();
    assert_eq!(world.round().await.delivered, 1, "no lease and no pause is in the way when it is back");
    let published = world.publisher.published();
    assert_eq!(published.last().map(|published| published.delivery.attempts), Some(1), "nothing was wasted");
}

#[tokio::test]
async fn the_pause_between_attempts_grows_to_its_limit() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["a1"]).await;
    world.publisher.fail_when(|_| Err(PublishError::Unavailable("the connection broke".to_owned())));
    let mut pauses = Vec::new();
    let mut last = world.now();
    assert_eq!(world.round().await.claimed, 1);
    while pauses.len() < 9 {
        world.clock.advance(Duration::from_millis(100));
        if world.round().await.claimed > 0 {
            pauses.push(u64::try_from(world.now().since(last).as_millis()).expect("short"));
            last = world.now();
        }
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
}

#[tokio::test]
async fn a_failed_delivery_holds_back_its_subject_and_no_other() {
    let (world, ann, ben) = two().await;
    announce(&world, &ann, &["a1", "a2", "a3"]).await;
    announce(&world, &ben, &["b1", "b2"]).await;
    world.publisher.fail_when(|delivery| match &delivery.event {
        Event::UserUpdated { changed, .. } if changed[0] == "a2" => Err(PublishError::Refused("not now".to_owned())),
        _ => Ok(()),
    });
    let round = world.round().await;
    assert_eq!((round.claimed, round.delivered, round.failed), (5, 3, 2), "a2 fails, a3 waits behind it");
    let mut delivered = notes(&world);
    delivered.sort();
    assert_eq!(delivered, ["a1", "b1", "b2"]);
    announce(&world, &ann, &["a4"]).await;
    assert_eq!(world.round().await.claimed, 0, "nobody passes while a2 waits");
    world.publisher.recover();
    world.clock.advance(SECOND);
    world.round().await;
    let order: Vec<_> = notes(&world).into_iter().filter(|note| note.starts_with('a')).collect();
    assert_eq!(order, ["a1", "a2", "a3", "a4"]);
}

#[tokio::test]
async fn a_delivery_refused_again_and_again_is_parked_and_lets_its_subject_pass() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["bad", "good"]).await;
    world.publisher.fail_when(|delivery| match &delivery.event {
        Event::UserUpdated { changed, .. } if changed[0] == "bad" => {
            Err(PublishError::Refused("unroutable".to_owned()))
        }
        _ => Ok(()),
    });
    let mut refusals = 0;
    while backlog(&world).await.parked == 0 {
        let round = world.round().await;
        refusals += u32::from(round.failed > 0);
        assert!(refusals <= RelaySettings::default().park_after, "a delivery that is refused 8 times is parked");
        assert!(!round.unavailable, "a refusal is no outage");
        if backlog(&world).await.parked == 0 {
            assert_eq!(notes(&world), Vec::<String>::new(), "until it is parked, its subject waits");
        }
        world.clock.advance(SECOND);
    }
    assert_eq!(refusals, RelaySettings::default().park_after);
    world.round().await;
    assert_eq!(notes(&world), ["good"], "once it is parked, its subject goes on");
    assert_eq!(backlog(&world).await, Backlog { waiting: 1, parked: 1, oldest: None }, "parked is not dropped");

    world.clock.advance(5 * MINUTE);
    assert_eq!(world.round().await.claimed, 0, "a parked delivery rests");
    world.clock.advance(6 * MINUTE);
    assert_eq!(world.round().await.parked, 1, "it is tried again, and rests again");
    world.publisher.recover();
    world.clock.advance(11 * MINUTE);
    assert_eq!(world.round().await.delivered, 1);
    assert_eq!(notes(&world), ["good", "bad"], "at last it is delivered");
}

fn is(delivery: &Delivery, note: &str) -> bool {
    matches!(&delivery.event, Event::UserUpdated { changed, .. } if changed[0] == note)
}

#[tokio::test]
async fn refusals_are_counted_and_not_the_claims_of_an_outage() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["a1", "a2"]).await;
    world.publisher.fail_when(|_| Err(PublishError::Unavailable("the connection broke".to_owned())));
    let mut claims = 0;
    while claims < 3 * RelaySettings::default().park_after {
        claims += u32::from(world.round().await.claimed > 0);
        world.clock.advance(5 * SECOND);
    }
    world.publisher.fail_when(|_| Err(PublishError::Refused("not now".to_owned())));
    let round = world.round().await;
    assert_eq!((round.failed, round.parked), (2, 0), "the first refusal after an outage parks nothing");
    assert_eq!(backlog(&world).await.parked, 0);
    world.publisher.recover();
    world.clock.advance(5 * SECOND);
    assert_eq!(world.round().await.delivered, 2);
    assert_eq!(notes(&world), ["a1", "a2"], "nobody has overtaken");
    let published = world.publisher.published();
    let refusals: Vec<_> = published.iter().rev().take(2).map(|published| published.delivery.refusals).collect();
    assert_eq!(refusals, [0, 1], "who waits behind a refused one was not refused");
}

#[tokio::test]
async fn a_parked_delivery_stays_parked_while_the_broker_is_away() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["bad"]).await;
    world.publisher.fail_when(|_| Err(PublishError::Refused("unroutable".to_owned())));
    while backlog(&world).await.parked == 0 {
        world.round().await;
        world.clock.advance(5 * SECOND);
    }
    world.clock.advance(RelaySettings::default().parked_pause);
    world.publisher.fail_when(|_| Err(PublishError::Unavailable("the connection broke".to_owned())));
    let round = world.round().await;
    assert_eq!((round.claimed, round.failed, round.parked), (1, 1, 0), "an outage parks nothing: {round:?}");
    assert_eq!(backlog(&world).await.parked, 1, "what was parked before stays so");

    announce(&world, &ann, &["good"]).await;
    world.publisher.fail_when(|delivery| match is(delivery, "bad") {
        true => Err(PublishError::Unavailable("the connection broke".to_owned())),
        false => Ok(()),
    });
    assert_eq!(world.round().await.delivered, 1);
    assert_eq!(notes(&world), ["good"], "its subject is not held up again");
    world.publisher.recover();
    world.clock.advance(5 * SECOND);
    assert_eq!(world.round().await.delivered, 1, "after the outage it need not rest for as long as after a refusal");
    assert_eq!(notes(&world), ["good", "bad"]);
}

#[tokio::test]
async fn a_queue_that_takes_longer_than_its_lease_is_given_back() {
    let (world, ann, ben) = two().await;
    let all: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
    announce(&world, &ann, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (clock, other) = (world.clock.clone(), world.store.clone());
    // Each publish takes a second, and at the end of each another relay looks for what is free.
    world.publisher.fail_when(move |_| {
        clock.advance(SECOND);
        let claim = other.claim(10, clock.now(), SECOND);
        let claimed = futures_util::FutureExt::now_or_never(claim).expect("memory never waits").expect("a claim");
        assert_eq!(claimed, [], "nobody else has a part of a queue that is being published");
        Ok(())
    });
    let round = world.round().await;
    let (lease, longest) = (RelaySettings::default().lease, RelaySettings::default().longest_publish);
    let in_time = usize::try_from((lease - longest).as_secs()).expect("short");
    assert_eq!((round.claimed, round.delivered, round.failed), (30, in_time, 0), "{round:?}");
    assert_eq!(round.why, None, "nothing went wrong");
    announce(&world, &ben, &["b1"]).await;
    world.publisher.recover();
    let rest = world.round().await;
    assert_eq!((rest.claimed, rest.delivered), (31 - in_time, 31 - in_time), "the rest is due at once");
    let order: Vec<_> = notes(&world).into_iter().filter(|note| note != "b1").collect();
    assert_eq!(order, all, "a subject keeps its order");
    let last = world.publisher.published().into_iter().rfind(|published| is(&published.delivery, "29"));
    let last = last.expect("it was published").delivery;
    assert_eq!((last.attempts, last.refusals), (2, 0), "and is not punished for having waited");
}

#[tokio::test]
async fn queues_that_wait_for_others_are_given_back_before_their_lease_ends() {
    let (world, ann, ben) = two().await;
    announce(&world, &ann, &["a1"]).await;
    announce(&world, &ben, &["b1"]).await;
    let clock = world.clock.clone();
    world.publisher.fail_when(move |_| {
        clock.advance(RelaySettings::default().longest_publish);
        Ok(())
    });
    let settings = RelaySettings { in_flight: 1, ..RelaySettings::default() };
    let narrow = Relay::new(world.store.clone(), world.publisher.clone(), world.clock.clone(), settings);
    let round = narrow.run_once().await.expect("a round");
    assert_eq!((round.claimed, round.delivered, round.failed), (2, 1, 0), "the second did not get its turn: {round:?}");
    assert_eq!(world.round().await.delivered, 1, "and is due at once");
    assert_eq!(notes(&world), ["a1", "b1"]);
}

#[tokio::test]
async fn a_relay_that_died_is_taken_over_when_its_lease_has_run_out_k3() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["a1"]).await;
    let claimed = world.store.claim(10, world.now(), RelaySettings::default().lease).await.expect("a claim");
    assert_eq!(claimed.len(), 1, "a relay that dies right after this");
    assert_eq!(world.round().await.claimed, 0, "its lease holds");
    world.clock.advance(RelaySettings::default().lease);
    assert_eq!(world.round().await.delivered, 1, "then another takes over");
    let published = world.publisher.published();
    let delivery = &published.last().expect("a delivery").delivery;
    assert_eq!((delivery.id, delivery.attempts), (claimed[0].id, 2), "under the same id");
}

#[tokio::test]
async fn a_confirm_that_was_lost_gives_a_duplicate_with_the_same_id_and_bytes_i4() {
    let (world, ann, _) = two().await;
    announce(&world, &ann, &["a1"]).await;
    let lost = Arc::new(AtomicUsize::new(0));
    let (recorder, count) = (world.publisher.clone(), lost.clone());
    // The broker has it, but the answer does not come through.
    let twin = Arc::new(portcullis_memory::RecordingPublisher::new(crate::world::ISSUER));
    let shadow = twin.clone();
    recorder.fail_when(move |delivery| {
        if count.fetch_add(1, Ordering::SeqCst) == 0 {
            let publish = portcullis_domain::ports::delivery::EventPublisher::publish(&*shadow, delivery);
            futures_util::FutureExt::now_or_never(publish).expect("memory never waits").expect("it arrives");
            return Err(PublishError::Unavailable("the connection broke".to_owned()));
        }
        Ok(())
    });
    assert_eq!(world.round().await.failed, 1);
    world.clock.advance(SECOND);
    assert_eq!(world.round().await.delivered, 1);
    let (first, second) = (twin.published(), world.publisher.published());
    let second = second.last().expect("a delivery");
    assert_eq!((first[0].delivery.id, &first[0].body), (second.delivery.id, &second.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_relays_share_the_work_and_keep_the_order_i5() {
    let (world, ann, ben) = two().await;
    let world = Arc::new(world);
    for number in 0..200 {
        announce(&world, if number % 2 == 0 { &ann } else { &ben }, &[&format!("{number:03}")]).await;
    }
    let settings = RelaySettings { batch: 7, in_flight: 3, ..RelaySettings::default() };
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let relay = Relay::new(world.store.clone(), world.publisher.clone(), world.clock.clone(), settings);
            tokio::spawn(async move {
                while relay.backlog().await.expect("the backlog").waiting > 0 {
                    relay.run_once().await.expect("a round");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let all = notes(&world);
    assert_eq!(all.len(), 200, "each is delivered once");
    for parity in [0, 1] {
        let his: Vec<u32> = all.iter().map(|n| n.parse().expect("a number")).filter(|n| n % 2 == parity).collect();
        assert!(his.is_sorted(), "a subject keeps its order");
    }
}

#[tokio::test]
async fn a_commit_wakes_the_relay() {
    let (world, ann, _) = two().await;
    tokio::time::timeout(SECOND, world.relay.committed()).await.expect("what was committed before is not forgotten");
    announce(&world, &ann, &["a1"]).await;
    tokio::time::timeout(SECOND, world.relay.committed()).await.expect("a commit wakes the relay");
    world.round().await;
    assert_eq!(notes(&world), ["a1"]);
}
