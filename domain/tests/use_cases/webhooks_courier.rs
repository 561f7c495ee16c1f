//! The courier: at least once, later and later, and at last no more.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::event::Event;
use portcullis_domain::ports::webhooks::{SendError, WebhookQueue};
use portcullis_domain::webhooks::{CourierSettings, Outcome, UpdateWebhook, WebhookStatus};
use portcullis_domain::{App, Timestamp};
use portcullis_memory::Reply;

use crate::webhooks::{URL, courier, created, json, round, stored, taken, url};
use crate::world::{DAY, HOUR, MINUTE, SECOND, World, origin, policy, settings};

pub(crate) async fn waiting(world: &World) -> u64 {
    world.store.waiting().await.expect("the queue")
}

#[tokio::test]
async fn a_webhook_gets_what_the_broker_gets_under_the_same_id() {
    let world = World::new().await;
    created(&world, URL, &[]).await;
    world.register("ann").await;
    let taken = taken(&world).await;
    world.events().await;
    let published = world.publisher.published();
    let mut broker: serde_json::Value = serde_json::from_str(&published[0].body).expect("JSON");
    let mut webhook = json(&taken[0]);
    assert_eq!(taken[0].id, published[0].delivery.id.to_string(), "webhook-id is the event's id");
    assert_eq!((taken[0].url.as_str(), taken[0].content_type.as_str()), (URL, "application/cloudevents+json"));
    assert_eq!(taken[0].timestamp, world.now().as_unix_seconds().to_string());
    for body in [&mut broker, &mut webhook] {
        let sequence = body["sequence"].take();
        assert_eq!(sequence.as_str().map(str::len), Some(20), "each way out counts for itself");
    }
    assert_eq!(webhook, broker);
    assert_eq!(waiting(&world).await, 0);
}

#[tokio::test]
async fn what_was_not_committed_is_not_sent() {
    let world = World::new().await;
    created(&world, URL, &[]).await;
    world.register("ann").await;
    assert!(world.app.accounts.register(crate::world::registration("ann")).await.is_err(), "the name is taken");
    assert_eq!(taken(&world).await.len(), 1);
}

#[tokio::test]
async fn a_failed_delivery_is_tried_later_and_later_for_three_days() {
    let world = World::new().await;
    let webhook = created(&world, URL, &["user.*"]).await;
    world.webhooks.answer(Reply::Status(503));
    world.register("ann").await;
    let (begun, courier) = (world.now(), courier(&world));
    let mut attempts: Vec<Duration> = Vec::new();
    let mut last = None;
    while last.is_none() && world.now().since(begun) < 4 * DAY {
        for (_, outcome) in round(&courier).await.outcomes {
            attempts.push(world.now().since(begun));
            match outcome {
                Outcome::Failed(why) => assert_eq!(why, "it answered 503"),
                other => last = Some(other),
            }
        }
        let young = world.now().since(begun) < 2 * HOUR;
        world.clock.advance(if young { SECOND } else { MINUTE });
    }
    assert_eq!(last, Some(Outcome::Disabled("it answered 503".to_owned())));
    assert_eq!(world.webhooks.posted().len(), attempts.len(), "each attempt was made");
    let given_up = *attempts.last().expect("attempts");
    assert!(given_up >= 3 * DAY && given_up < 3 * DAY + 2 * MINUTE, "it ends on the day: {given_up:?}");
    let pauses: Vec<f64> = attempts.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
    let ideal = [5.0, 30.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 50_400.0];
    for (number, (pause, ideal)) in pauses.iter().zip(ideal).enumerate() {
        assert!(
            *pause >= ideal * 0.8 && *pause <= ideal * 1.2 + 61.0,
            "pause {number}: {pause} s, not about {ideal} s"
        );
    }
    assert!((10..=13).contains(&attempts.len()), "{attempts:?}");
    let exactly = pauses.iter().zip(ideal).filter(|(pause, ideal)| (**pause - ideal).abs() < 1.0).count();
    assert!(exactly < 4, "the pauses are spread: {pauses:?}");

    let kept = stored(&world, webhook.id).await.expect("it is there");
    assert!(
        matches!(&kept.status, WebhookStatus::Disabled { why, .. } if why == "it answered 503"),
        "{:?}",
        kept.status
    );
}

#[tokio::test]
async fn giving_up_disables_the_webhook_tells_everybody_and_discards_what_waits() {
    let world = World::new().await;
    let bad = created(&world, "https://bad.example.com/", &[]).await;
    created(&world, "https://good.example.com/", &["webhook.disabled"]).await;
    world.webhooks.answer_when(|posted| Reply::Status(if posted.url.contains("bad") { 500 } else { 204 }));
    let courier = world.app.webhooks.courier(CourierSettings { give_up_after: MINUTE, ..CourierSettings::default() });
    world.register("ann").await;
    world.acts().await;
    world.events().await;
    let mut disabled_at = None;
    for _ in 0..70 {
        world.clock.advance(SECOND);
        if world.now().since(Timestamp::UNIX_EPOCH).as_secs() % 20 == 0 {
            world.log_in("ann").await;
        }
        let outcomes = round(&courier).await.outcomes;
        if outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Disabled(_))) {
            disabled_at = Some(world.now());
            break;
        }
    }
    let disabled_at = disabled_at.expect("a minute is over");
    let event = Event::WebhookDisabled { webhook_id: bad.id, reason: "failing".to_owned() };
    assert!(world.events().await.contains(&event));
    let acts = world.acts().await;
    let act = acts.iter().find(|act| act.action == Action::DisableWebhook).expect("an entry");
    assert_eq!((&act.actor, act.detail.clone()), (&Actor::Service, Some(bad.id.to_string())));
    let status = stored(&world, bad.id).await.expect("it is there").status;
    assert_eq!(status, WebhookStatus::Disabled { at: disabled_at, why: "it answered 500".to_owned() });

    let attempts = world.webhooks.posted().iter().filter(|posted| posted.url.contains("bad")).count();
    world.clock.advance(DAY);
    let told = taken(&world).await;
    assert_eq!(told.len(), 1, "the other webhook is told, and nothing else waits");
    assert_eq!(json(&told[0])["data"]["reason"], "failing");
    let after = world.webhooks.posted().iter().filter(|posted| posted.url.contains("bad")).count();
    assert_eq!(after, attempts, "nothing is sent there any more");
    assert_eq!(waiting(&world).await, 0);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_at_once() {
    let world = World::new().await;
    let webhook = created(&world, URL, &[]).await;
    world.webhooks.answer(Reply::Status(410));
    for name in ["ann", "ben", "cat"] {
        world.register(name).await;
    }
    let outcomes: Vec<Outcome> =
        round(&courier(&world)).await.outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    let gone = SendError::Gone.to_string();
    assert_eq!(outcomes, [Outcome::Disabled(gone), Outcome::Dropped, Outcome::Dropped], "one answer is enough");
    assert_eq!((world.webhooks.posted().len(), waiting(&world).await), (1, 0));
    let event = Event::WebhookDisabled { webhook_id: webhook.id, reason: "gone".to_owned() };
    assert!(world.events().await.contains(&event));
}

#[tokio::test]
async fn a_webhook_that_was_changed_while_it_failed_gets_another_chance() {
    let world = World::new().await;
    let webhook = created(&world, URL, &["user.*"]).await;
    world.register("ann").await;
    let operator = App::new(world.ports.clone(), settings(policy()));
    world.webhooks.answer_when(move |posted| {
        if posted.url == URL {
            let update = UpdateWebhook {
                webhook: webhook.id,
                url: Some(url("https://new.example.com/")),
                events: None,
                actor: Actor::Operator,
                origin: origin(),
            };
            operator.webhooks.update(update).now_or_never().expect("memory never waits").expect("a change");
            return Reply::Status(410);
        }
        Reply::Status(204)
    });
    let outcomes = round(&courier(&world)).await.outcomes;
    assert!(matches!(outcomes[..], [(_, Outcome::Failed(_))]), "the answer was about another URL: {outcomes:?}");
    assert!(stored(&world, webhook.id).await.expect("it is there").is_enabled());
    world.clock.advance(MINUTE);
    assert_eq!(taken(&world).await.len(), 1, "the new one takes it");
}

#[tokio::test]
async fn a_service_that_was_away_for_days_tries_before_it_gives_up() {
    let world = World::new().await;
    created(&world, URL, &["user.*"]).await;
    world.register("ann").await;
    world.clock.advance(5 * DAY);
    world.webhooks.answer(Reply::Status(502));
    let outcomes = round(&courier(&world)).await.outcomes;
    assert!(matches!(outcomes[..], [(_, Outcome::Failed(_))]), "{outcomes:?}");
    world.webhooks.recover();
    world.clock.advance(10 * SECOND);
    assert_eq!(taken(&world).await.len(), 1, "it was only a moment");
}

#[tokio::test]
async fn a_courier_that_died_is_taken_over_when_its_lease_has_run_out_k3() {
    let world = World::new().await;
    created(&world, URL, &[]).await;
    world.register("ann").await;
    let died = courier(&world);
    assert_eq!(died.claim(10).await.expect("a claim").len(), 1, "a process that dies right after this");
    drop(died);
    assert_eq!(taken(&world).await.len(), 0, "its lease holds");
    world.clock.advance(CourierSettings::default().lease);
    assert_eq!(taken(&world).await.len(), 1, "then another takes over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_couriers_share_the_work_and_send_each_event_once() {
    let world = Arc::new(World::new().await);
    created(&world, URL, &["user.*"]).await;
    created(&world, "https://other.example.com/", &["user.*"]).await;
    for number in 0..50 {
        world.register(&format!("user-{number}")).await;
    }
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move {
                let courier = courier(&world);
                while waiting(&world).await > 0 {
                    round(&courier).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let mut sent: Vec<_> = world.webhooks.taken().into_iter().map(|posted| (posted.url, posted.id)).collect();
    assert_eq!(sent.len(), 100);
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 100, "none twice");
}
