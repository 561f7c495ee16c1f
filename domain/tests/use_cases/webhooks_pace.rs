//! A webhook that takes everything, but more slowly than it happens, ends like one that fails; one that catches up does not.

use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::event::Event;
use portcullis_domain::webhooks::{Courier, CourierSettings, Outcome, WebhookStatus};
use portcullis_memory::Reply;

use crate::webhooks::{URL, created, json, round, stored, taken};
use crate::webhooks_courier::waiting;
use crate::world::{DAY, HOUR, MINUTE, SECOND, World};

/// One that gives up after a day, and hands over only one event at a time.
fn slow(world: &World) -> Courier {
    let settings = CourierSettings { batch: 1, each: 1, give_up_after: DAY, ..CourierSettings::default() };
    world.app.webhooks.courier(settings)
}

#[tokio::test]
async fn a_webhook_that_never_fails_but_cannot_keep_up_is_disabled_and_what_waits_is_discarded() {
    let world = World::new().await;
    let slow_one = created(&world, URL, &["user.*"]).await;
    created(&world, "https://good.example.com/", &["webhook.disabled"]).await;
    let (begun, courier) = (world.now(), slow(&world));
    let mut ended = None;
    for number in 0..120 {
        world.register(&format!("user-{number}")).await;
        // One of two is taken within the hour.
        if number % 2 == 0 {
            for (webhook, outcome) in round(&courier).await.outcomes {
                assert_eq!(webhook, slow_one.id);
                match outcome {
                    Outcome::Sent => {}
                    other => ended = Some(other),
                }
            }
        }
        if ended.is_some() {
            break;
        }
        world.clock.advance(HOUR / 2);
    }
    let Some(Outcome::Disabled(why)) = ended else { panic!("it is not held for ever: {ended:?}") };
    assert!(why.contains("slowly") && why.contains("webhooks.give_up_after"), "{why}");
    let after = world.now().since(begun);
    assert!(after > 2 * DAY && after < 3 * DAY, "half of what happens is a day late after two days: {after:?}");
    let status = stored(&world, slow_one.id).await.expect("it is there").status;
    assert_eq!(status, WebhookStatus::Disabled { at: world.now(), why });

    let event = Event::WebhookDisabled { webhook_id: slow_one.id, reason: "failing".to_owned() };
    assert!(world.events().await.contains(&event));
    let acts = world.acts().await;
    let act = acts.iter().find(|act| act.action == Action::DisableWebhook).expect("an entry");
    assert_eq!((&act.actor, act.detail.clone()), (&Actor::Service, Some(slow_one.id.to_string())));
    let before = world.webhooks.posted().iter().filter(|posted| posted.url == URL).count();
    let told = taken(&world).await.into_iter().find(|posted| posted.url != URL).expect("the other one is told");
    assert_eq!(json(&told)["data"]["reason"], "failing");
    assert_eq!(waiting(&world).await, 0, "what waited is discarded");
    assert_eq!(world.webhooks.posted().iter().filter(|posted| posted.url == URL).count(), before);
}

#[tokio::test]
async fn a_webhook_that_catches_up_after_the_service_was_away_gets_everything() {
    let world = World::new().await;
    let webhook = created(&world, URL, &["user.*"]).await;
    for number in 0..60 {
        world.register(&format!("user-{number}")).await;
    }
    world.clock.advance(5 * DAY);
    let courier = slow(&world);
    while waiting(&world).await > 0 {
        let outcomes = round(&courier).await.outcomes;
        assert_eq!(outcomes, [(webhook.id, Outcome::Sent)], "it is not its fault");
        world.clock.advance(MINUTE);
    }
    assert_eq!(world.webhooks.taken().len(), 60);
    assert!(stored(&world, webhook.id).await.expect("it is there").is_enabled());
}

#[tokio::test]
async fn a_webhook_that_is_back_at_the_last_attempts_stays() {
    let world = World::new().await;
    let webhook = created(&world, URL, &["user.*"]).await;
    let courier = world.app.webhooks.courier(CourierSettings::default());
    world.webhooks.answer(Reply::Status(503));
    let begun = world.now();
    // Every event of the first day meets its end with the last attempt, hours apart from each other.
    for minute in 0..3 * 24 * 60 - 1 {
        if minute < 24 * 60 && minute % 60 == 0 {
            world.register(&format!("user-{minute}")).await;
        }
        round(&courier).await;
        world.clock.advance(MINUTE);
    }
    world.webhooks.recover();
    while waiting(&world).await > 0 {
        round(&courier).await;
        world.clock.advance(7 * SECOND);
    }
    assert!(world.now().since(begun) > 3 * DAY, "some waited for their last attempt");
    assert_eq!(world.webhooks.taken().len(), 24, "all have arrived");
    assert!(stored(&world, webhook.id).await.expect("it is there").is_enabled());
}
