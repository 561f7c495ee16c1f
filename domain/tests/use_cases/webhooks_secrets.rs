//! Secrets of webhooks, and what is signed with them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::ports::webhooks::{SendError, WebhookQueue};
use portcullis_domain::secret::LONGEST_OVERLAP;
use portcullis_domain::webhooks::{RotateWebhookSecret, TestWebhookError};
use portcullis_memory::{Posted, Reply};
use serde_json::Value;

use crate::webhooks::{URL, actions, create, created, json, stored, taken};
use crate::world::{DAY, SECOND, World, origin};

#[tokio::test]
async fn a_secret_is_told_once_and_kept_sealed() {
    let world = World::new().await;
    let (webhook, secret) = world.app.webhooks.create(create(URL, &["user.*"])).await.expect("a webhook");
    let text = secret.expose().strip_prefix("whsec_").expect("the form of the specification");
    let bytes = STANDARD.decode(text).expect("base64");
    assert_eq!(bytes.len(), 32, "24 to 64 bytes are asked for");
    let kept = stored(&world, webhook.id).await.expect("it is stored");
    assert_eq!(kept, webhook);
    assert!(!kept.sealed_secret.windows(8).any(|window| window == &bytes[..8]), "it is sealed");
    let opened = world.ports.vault.open(&webhook.id.to_string(), &kept.sealed_secret).expect("our vault opens it");
    assert_eq!(opened.0, bytes, "for this webhook");
    assert!(world.ports.vault.open("another", &kept.sealed_secret).is_err(), "and for no other");
    assert!(!format!("{webhook:?} {secret:?}").contains(text), "nothing shows it");
    assert!(!format!("{webhook:?}").contains("tenant"), "nor what a URL may hide");
    let other = world.app.webhooks.create(create(URL, &[])).await.expect("another webhook").1;
    assert_ne!(other, secret);
    let id = webhook.id.to_string();
    let entry = (Action::CreateWebhook, Actor::Operator, Some(id));
    assert!(actions(&world.acts().await).contains(&entry), "in the audit trail by its id alone");
}

#[tokio::test]
async fn both_secrets_sign_while_they_overlap() {
    let world = World::new().await;
    let (webhook, _) = world.app.webhooks.create(create(URL, &[])).await.expect("a webhook");
    let rotate =
        |overlap| RotateWebhookSecret { webhook: webhook.id, overlap, actor: Actor::Operator, origin: origin() };
    world.register("first").await;
    let first = taken(&world).await;
    let second = world.app.webhooks.rotate_secret(rotate(RotateWebhookSecret::OVERLAP)).await.expect("a secret");
    assert!(second.expose().starts_with("whsec_"));
    world.register("second").await;
    let both = taken(&world).await;
    let signatures = |posted: &Posted| -> usize { posted.signature.split(' ').count() };
    assert_eq!((signatures(&first[0]), signatures(&both[1])), (1, 2), "so that no message goes unverified");

    world.clock.advance(DAY - SECOND);
    world.register("third").await;
    assert_eq!(signatures(&taken(&world).await[2]), 2, "to the end of the overlap");
    world.clock.advance(SECOND);
    world.register("fourth").await;
    assert_eq!(signatures(&taken(&world).await[3]), 1, "and not longer");

    world.app.webhooks.rotate_secret(rotate(Duration::ZERO)).await.expect("a secret");
    world.register("fifth").await;
    assert_eq!(signatures(&taken(&world).await[4]), 1, "without an overlap the old one signs no more");
    let acts = world.acts().await;
    assert_eq!(acts.iter().filter(|act| act.action == Action::UpdateWebhook).count(), 2);
}

#[tokio::test]
async fn both_secrets_sign_for_thirty_days_at_the_longest() {
    let world = World::new().await;
    let (webhook, _) = world.app.webhooks.create(create(URL, &[])).await.expect("a webhook");
    let rotate =
        RotateWebhookSecret { webhook: webhook.id, overlap: Duration::MAX, actor: Actor::Operator, origin: origin() };
    world.app.webhooks.rotate_secret(rotate).await.expect("a secret");
    let until = stored(&world, webhook.id).await.and_then(|webhook| webhook.previous).map(|(_, until)| until);
    assert_eq!(until, Some(world.now().plus(LONGEST_OVERLAP)));
}

#[tokio::test]
async fn a_test_is_sent_at_once_and_tells_what_came_of_it() {
    let world = World::new().await;
    let webhook = created(&world, URL, &["user.*"]).await;
    world.app.webhooks.test(webhook.id).await.expect("it is taken");
    let posted = world.webhooks.posted();
    let ping = json(&posted[0]);
    assert_eq!((posted[0].url.as_str(), &ping["id"]), (URL, &Value::from(posted[0].id.clone())));
    assert_eq!(posted[0].timestamp, world.now().as_unix_seconds().to_string());
    assert!(posted[0].signature.starts_with("v1,"));
    assert_eq!(ping["type"], "portcullis.webhook.test.v1");
    assert_eq!(ping["specversion"], "1.0");
    assert_eq!(ping["source"], crate::world::ISSUER);
    assert_eq!(ping["subject"], format!("webhooks/{}", webhook.id));
    assert_eq!(ping["data"]["webhook_id"], webhook.id.to_string());

    world.app.webhooks.disable(webhook.id, Actor::Operator, &origin()).await.expect("a change");
    world.webhooks.answer(Reply::Status(500));
    let refused = world.app.webhooks.test(webhook.id).await;
    assert!(matches!(refused, Err(TestWebhookError::NotDelivered(SendError::Status(500)))), "{refused:?}");
    assert_eq!(world.webhooks.posted().len(), 2, "a disabled one can be tested before it is enabled");
    assert_eq!(world.store.waiting().await.expect("the queue"), 0, "a test is not tried again");
}
