//! Webhooks: created, changed, tested, ended.

use std::sync::Arc;

use portcullis_domain::App;
use portcullis_domain::audit::{Action, Actor, AuditEntry};
use portcullis_domain::event::Event;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::webhooks::WebhookQueue;
use portcullis_domain::webhooks::{
    ChangeWebhookError, Courier, CourierRound, CourierSettings, CreateWebhook, CreateWebhookError, Outcome,
    RotateWebhookSecret, TestWebhookError, UpdateWebhook, Webhook, WebhookStatus, WebhookUrl,
};
use portcullis_memory::{Posted, Reply};
use serde_json::Value;

use crate::world::{DAY, HOUR, World, origin, policy, settings};

pub(crate) const URL: &str = "https://hooks.example.com/portcullis?tenant=7";

pub(crate) fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text).expect("a URL")
}

pub(crate) fn create(text: &str, events: &[&str]) -> CreateWebhook {
    let events = events.iter().map(|&event| event.to_owned()).collect();
    CreateWebhook { url: url(text), events, actor: Actor::Operator, origin: origin() }
}

/// A webhook at a URL that wants these events.
pub(crate) async fn created(world: &World, text: &str, events: &[&str]) -> Webhook {
    world.app.webhooks.create(create(text, events)).await.expect("a webhook").0
}

pub(crate) fn courier(world: &World) -> Courier {
    world.app.webhooks.courier(CourierSettings::default())
}

pub(crate) async fn round(courier: &Courier) -> CourierRound {
    courier.run_once().await.expect("a round of the courier")
}

/// Sends what is due; what was taken since the beginning.
pub(crate) async fn taken(world: &World) -> Vec<Posted> {
    while round(&courier(world)).await.claimed > 0 {}
    world.webhooks.taken()
}

pub(crate) async fn stored(world: &World, id: WebhookId) -> Option<Webhook> {
    let all = world.app.webhooks.list().await.expect("the webhooks");
    all.into_iter().find(|webhook| webhook.id == id)
}

pub(crate) fn json(posted: &Posted) -> Value {
    serde_json::from_slice(&posted.body).expect("the body is JSON")
}

/// The types of the events, without what all of them begin and end with.
fn names(posted: &[Posted]) -> Vec<String> {
    let name = |posted: &Posted| {
        let kind = json(posted)["type"].as_str().expect("a type").to_owned();
        kind.trim_start_matches("portcullis.").trim_end_matches(".v1").to_owned()
    };
    posted.iter().map(name).collect()
}

/// Another process on the same store.
fn other(world: &World) -> App {
    App::new(world.ports.clone(), settings(policy()))
}

pub(crate) fn actions(acts: &[AuditEntry]) -> Vec<(Action, Actor, Option<String>)> {
    acts.iter().map(|act| (act.action, act.actor.clone(), act.detail.clone())).collect()
}

#[tokio::test]
async fn a_webhook_gets_the_events_that_it_asks_for() {
    let world = World::new().await;
    created(&world, "https://all.example.com/", &[]).await;
    created(&world, "https://family.example.com/", &["session.*"]).await;
    created(&world, "https://one.example.com/", &["user.registered", "session.revoked"]).await;
    world.register("ann").await;
    let pair = world.log_in("ann").await;
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    let all = taken(&world).await;
    let of = |host: &str| -> Vec<Posted> { all.iter().filter(|posted| posted.url.contains(host)).cloned().collect() };
    let sorted = |host: &str| {
        let mut names = names(&of(host));
        names.sort();
        names
    };
    assert_eq!(sorted("all"), ["session.revoked", "session.started", "user.registered"]);
    assert_eq!(sorted("family"), ["session.revoked", "session.started"]);
    assert_eq!(sorted("one"), ["session.revoked", "user.registered"]);
}

#[tokio::test]
async fn an_event_that_there_is_not_cannot_be_asked_for() {
    let world = World::new().await;
    let refused = world.app.webhooks.create(create(URL, &["user.registered", "user.registred"])).await;
    assert!(matches!(refused, Err(CreateWebhookError::Event(wrong)) if wrong.0 == "user.registred"));
    assert_eq!(world.app.webhooks.list().await.expect("the webhooks"), [], "nothing was created");
    let webhook = created(&world, URL, &["user.*"]).await;
    let update = UpdateWebhook {
        webhook: webhook.id,
        url: None,
        events: Some(vec!["users.*".to_owned()]),
        actor: Actor::Operator,
        origin: origin(),
    };
    let refused = world.app.webhooks.update(update).await;
    assert!(matches!(refused, Err(ChangeWebhookError::Event(_))), "{refused:?}");
    assert_eq!(stored(&world, webhook.id).await, Some(webhook), "nothing was changed");
}

#[tokio::test]
async fn b45_a_url_that_nothing_is_sent_to_is_refused() {
    let world = World::new().await;
    let webhook = created(&world, URL, &[]).await;
    for wrong in ["https://169.254.169.254/latest", "https://[::1]/", "https://2130706433/", "https://10.0.0.1/"] {
        let refused = world.app.webhooks.create(create(wrong, &[])).await;
        assert!(matches!(refused, Err(CreateWebhookError::Url(_))), "{wrong}: {refused:?}");
        let update = UpdateWebhook {
            webhook: webhook.id,
            url: Some(url(wrong)),
            events: None,
            actor: Actor::Operator,
            origin: origin(),
        };
        let refused = world.app.webhooks.update(update).await;
        assert!(matches!(refused, Err(ChangeWebhookError::Url(_))), "{wrong}: {refused:?}");
    }
    for wrong in [
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://user@hooks.example.com/",
        "https://:secret@hooks.example.com/",
        "https://hooks.example.com/#fragment",
        "/relative",
        "https://",
        "",
    ] {
        assert!(WebhookUrl::parse(wrong).is_err(), "{wrong}");
    }
    assert!(WebhookUrl::parse(&format!("https://hooks.example.com/{}", "a".repeat(2_048))).is_err());
    assert_eq!(world.app.webhooks.list().await.expect("the webhooks"), [webhook]);
}

#[tokio::test]
async fn what_waits_goes_to_the_new_url() {
    let world = World::new().await;
    let webhook = created(&world, URL, &["user.*"]).await;
    world.webhooks.answer(Reply::Status(503));
    world.register("ann").await;
    assert_eq!(round(&courier(&world)).await.outcomes.len(), 1);
    let update = UpdateWebhook {
        webhook: webhook.id,
        url: Some(url("https://new.example.com/")),
        events: Some(vec!["session.*".to_owned()]),
        actor: Actor::Operator,
        origin: origin(),
    };
    let updated = world.app.webhooks.update(update).await.expect("a change");
    assert_eq!(stored(&world, webhook.id).await, Some(updated), "what is answered is what is stored");
    world.webhooks.recover();
    world.clock.advance(HOUR);
    let taken = taken(&world).await;
    assert_eq!((taken.len(), taken[0].url.as_str()), (1, "https://new.example.com/"));
    world.register("ben").await;
    assert_eq!(self::taken(&world).await.len(), 1, "and other events are not sent any more");
}

#[tokio::test]
async fn a_disabled_webhook_gets_nothing_and_what_waited_is_discarded() {
    let world = World::new().await;
    let (webhook, witness) =
        (created(&world, URL, &[]).await, created(&world, "https://witness.example.com/", &["webhook.*"]).await);
    world.register("ann").await;
    world.acts().await;
    world.events().await;
    let disabled = world.app.webhooks.disable(webhook.id, Actor::Operator, &origin()).await.expect("a change");
    assert!(matches!(&disabled.status, WebhookStatus::Disabled { at, .. } if *at == world.now()));
    assert_eq!(stored(&world, webhook.id).await, Some(disabled.clone()));
    let event = Event::WebhookDisabled { webhook_id: webhook.id, reason: "operator".to_owned() };
    assert_eq!(world.events().await, [event]);
    let id = webhook.id.to_string();
    assert_eq!(actions(&world.acts().await), [(Action::DisableWebhook, Actor::Operator, Some(id))]);

    world.register("ben").await;
    let taken = taken(&world).await;
    assert_eq!(names(&taken), ["webhook.disabled"], "the others are told, and nobody else is sent to");
    assert_eq!(json(&taken[0])["data"]["webhook_id"], webhook.id.to_string());
    assert_eq!(world.store.waiting().await.expect("the queue"), 0, "nothing waits for it");

    let again = world.app.webhooks.disable(webhook.id, Actor::Operator, &origin()).await.expect("no change");
    assert_eq!(again, disabled, "a second time changes nothing");
    assert_eq!((world.events().await.len(), world.acts().await.len()), (1, 1), "ben, and nothing else");

    world.app.webhooks.enable(webhook.id, Actor::Operator, &origin()).await.expect("a change");
    world.app.webhooks.disable(witness.id, Actor::Operator, &origin()).await.expect("a change");
    let before = world.webhooks.taken().len();
    world.register("cat").await;
    let names = names(&self::taken(&world).await[before..]);
    assert_eq!(names, ["webhook.disabled", "user.registered"], "from here on it is sent to again");
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_with_everything_that_waited_for_it() {
    let world = World::new().await;
    let webhook = created(&world, URL, &[]).await;
    world.register("ann").await;
    world.app.webhooks.delete(webhook.id, Actor::Operator, &origin()).await.expect("it is deleted");
    assert_eq!(world.store.waiting().await.expect("the queue"), 0);
    world.register("ben").await;
    assert_eq!(taken(&world).await, []);
    assert!(!world.app.webhooks.known().has_enabled() && world.app.webhooks.known().is_empty());
    assert!(world.acts().await.iter().any(|act| act.action == Action::DeleteWebhook));

    let (id, webhooks) = (webhook.id, &world.app.webhooks);
    let nobody = Origin::default();
    let update = UpdateWebhook { webhook: id, url: None, events: None, actor: Actor::Operator, origin: origin() };
    let rotate = RotateWebhookSecret { webhook: id, overlap: DAY, actor: Actor::Operator, origin: origin() };
    let is_unknown = |error| matches!(error, ChangeWebhookError::Unknown(unknown) if unknown == id);
    assert!(is_unknown(webhooks.delete(id, Actor::Operator, &nobody).await.expect_err("there is none")));
    assert!(is_unknown(webhooks.enable(id, Actor::Operator, &nobody).await.expect_err("there is none")));
    assert!(is_unknown(webhooks.disable(id, Actor::Operator, &nobody).await.expect_err("there is none")));
    assert!(is_unknown(webhooks.update(update).await.expect_err("there is none")));
    assert!(is_unknown(webhooks.rotate_secret(rotate).await.expect_err("there is none")));
    assert!(matches!(webhooks.test(id).await, Err(TestWebhookError::Unknown(unknown)) if unknown == id));
}

#[tokio::test]
async fn another_process_sends_as_soon_as_it_has_learned_of_a_webhook() {
    let world = World::new().await;
    let there = other(&world);
    let webhook = there.webhooks.create(create(URL, &[])).await.expect("a webhook").0;
    world.register("before").await;
    assert_eq!(taken(&world).await, [], "nobody has told us yet");
    world.app.learn(None).await.expect("what there is");
    world.register("after").await;
    assert_eq!(names(&taken(&world).await), ["user.registered"]);

    there.webhooks.disable(webhook.id, Actor::Operator, &origin()).await.expect("a change");
    world.register("between").await;
    let outcomes = round(&courier(&world)).await.outcomes;
    assert_eq!(outcomes, [(webhook.id, Outcome::Dropped)], "what was addressed in the meantime is not sent");
    assert_eq!(world.webhooks.posted().len(), 1);
    there.webhooks.enable(webhook.id, Actor::Operator, &origin()).await.expect("a change");
    world.register("again").await;
    assert_eq!(taken(&world).await.len(), 2, "it never knew otherwise");

    there.webhooks.delete(webhook.id, Actor::Operator, &origin()).await.expect("it is deleted");
    world.app.learn(Some(world.now())).await.expect("what there is");
    assert!(world.app.webhooks.known().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_changes_at_the_same_time_do_not_overlook_each_other() {
    let world = Arc::new(World::new().await);
    let webhook = created(&world, URL, &[]).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let world = world.clone();
            tokio::spawn(async move {
                let update = UpdateWebhook {
                    webhook: webhook.id,
                    url: Some(url(&format!("https://{number}.example.com/"))),
                    events: None,
                    actor: Actor::Operator,
                    origin: origin(),
                };
                world.app.webhooks.update(update).await.is_ok()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += u32::from(task.await.expect("a task"));
    }
    let kept = stored(&world, webhook.id).await.expect("it is there");
    assert_eq!(kept.version, 1 + done, "every change that was answered counts");
    assert!(done > 0);
}
