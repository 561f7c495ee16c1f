//! Webhooks.

use portcullis_domain::Timestamp;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::webhooks::{Webhook, WebhookStatus, WebhookUrl};

use super::Storage;
use super::samples::{
    RACERS, RANDOM, at, begin, commit, digest, kept, race, refused, stored_webhook, webhook, webhook_in,
};

fn url(text: &str) -> WebhookUrl {
    kept(WebhookUrl::parse(text), "the suite's URLs are URLs")
}

/// Round trip of every field, extremes included.
pub async fn every_field_of_a_webhook_survives(storage: &Storage) {
    let (first, last) = (Timestamp::from_unix_micros(i64::MIN), Timestamp::from_unix_micros(i64::MAX));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let long = format!("https://hooks.example.com/{}", "a".repeat(WebhookUrl::MAX - 26));
    let disabled = WebhookStatus::Disabled { at: last, why: "gone: 日本 '\"% \\".to_owned() };
    let variants = [
        Webhook { url: url("http://127.0.0.1:8080/?a=b&c=%20d"), ..webhook() },
        Webhook { url: url(&long), events: names(&["user.registered", "session.*"]), ..webhook() },
        Webhook { url: url("https://日本.example/ü?q=\"'"), events: names(&["日本 '\",[]"]), ..webhook() },
        Webhook { sealed_secret: (0..=255).collect(), previous: Some((vec![0; 4_096], last)), ..webhook() },
        Webhook { sealed_secret: Vec::new(), previous: Some((Vec::new(), first)), ..webhook() },
        Webhook { status: disabled, created_at: first, updated_at: last, version: u32::MAX, ..webhook() },
        Webhook { status: WebhookStatus::Disabled { at: at(0), why: String::new() }, ..webhook() },
    ];
    for written in variants {
        stored_webhook(&storage.store, &written).await;
        let read = webhook_in(&storage.store, written.id).await;
        assert_eq!(read, Some(written), "every field of a webhook survives");
    }
    let stranger = WebhookId::new(at(0), &RANDOM);
    assert_eq!(webhook_in(&storage.store, stranger).await, None, "a webhook that nobody created is not found");
}

/// `Duplicate(Id)`.
pub async fn a_webhook_id_is_taken_once(storage: &Storage) {
    let one = webhook();
    stored_webhook(&storage.store, &one).await;
    let mut tx = begin(&storage.store).await;
    let twin = Webhook { id: one.id, ..webhook() };
    let error = refused(tx.webhooks().insert(&twin).await, "a webhook id is taken once");
    assert!(matches!(error, StoreError::Duplicate(Unique::Id)), "Duplicate(Id), not {error:?}");
    drop(tx);
    assert_eq!(webhook_in(&storage.store, one.id).await, Some(one), "a refused webhook leaves no trace");
}

/// All of them, whatever the order of their creation.
pub async fn webhooks_come_by_id(storage: &Storage) {
    let mut all: Vec<_> =
        (0..20).map(|second| Webhook { id: WebhookId::new(at((second * 7) % 20), &RANDOM), ..webhook() }).collect();
    for webhook in &all {
        stored_webhook(&storage.store, webhook).await;
    }
    all.sort_by_key(|webhook| webhook.id);
    assert_eq!(kept(begin(&storage.store).await.webhooks().all().await, "webhooks are read"), all, "they come by id");
}

/// Every field but `id` and `created_at`, and the version counts.
pub async fn an_update_of_a_webhook_writes_every_field_but_id_and_birth(storage: &Storage) {
    let (mut one, bystander) = (webhook(), webhook());
    stored_webhook(&storage.store, &one).await;
    stored_webhook(&storage.store, &bystander).await;
    for round in 0..4_i64 {
        let why = format!("round {round}");
        let next = Webhook {
            url: url(&format!("https://hooks.example.com/{round}")),
            events: vec![format!("round.{round}")],
            sealed_secret: digest().0.to_vec(),
            previous: (round % 2 == 0).then(|| (one.sealed_secret.clone(), at(100 + round))),
            status: if round % 2 == 1 {
                WebhookStatus::Disabled { at: at(round), why }
            } else {
                WebhookStatus::Enabled
            },
            created_at: at(999),
            updated_at: Timestamp::from_unix_micros(at(round).as_unix_micros() + 1),
            ..one.clone()
        };
        let mut tx = begin(&storage.store).await;
        kept(tx.webhooks().update(&next).await, "the newest version is updated");
        commit(tx).await;
        one = Webhook { created_at: one.created_at, version: one.version + 1, ..next };
        assert_eq!(webhook_in(&storage.store, one.id).await.as_ref(), Some(&one), "an update writes every field");
    }
    assert_eq!(webhook_in(&storage.store, bystander.id).await, Some(bystander), "and no other webhook");
}

/// `Conflict` for an older or newer version, and when there is no webhook.
pub async fn an_update_of_an_old_version_of_a_webhook_is_a_conflict(storage: &Storage) {
    let one = webhook();
    stored_webhook(&storage.store, &one).await;
    let mut tx = begin(&storage.store).await;
    kept(tx.webhooks().update(&one).await, "the newest version is updated");
    commit(tx).await;
    let newer = Webhook { version: 3, ..one.clone() };
    for (what, webhook) in [("an older version", &one), ("a version yet to come", &newer), ("a stranger", &webhook())] {
        let mut tx = begin(&storage.store).await;
        let error = refused(tx.webhooks().update(webhook).await, "only the newest version of a webhook is updated");
        assert!(matches!(error, StoreError::Conflict), "{what}: Conflict, not {error:?}");
    }
    let read = webhook_in(&storage.store, one.id).await;
    assert_eq!(read.map(|webhook| webhook.version), Some(2), "a refused update changes nothing");
}

/// `true`, then `false`; the others stay.
pub async fn a_deleted_webhook_is_gone(storage: &Storage) {
    let promise = "a deleted webhook is gone";
    let (one, other) = (webhook(), webhook());
    stored_webhook(&storage.store, &one).await;
    stored_webhook(&storage.store, &other).await;
    for (id, found) in [(WebhookId::new(at(0), &RANDOM), false), (one.id, true), (one.id, false)] {
        let mut tx = begin(&storage.store).await;
        assert_eq!(kept(tx.webhooks().delete(id).await, promise), found, "{promise}: whether there was one");
        commit(tx).await;
    }
    assert_eq!(webhook_in(&storage.store, one.id).await, None, "{promise}");
    let mut tx = begin(&storage.store).await;
    assert_eq!(kept(tx.webhooks().all().await, promise), [other], "{promise}, and no other is");
    let error = refused(tx.webhooks().update(&one).await, "what is gone is not updated");
    assert!(matches!(error, StoreError::Conflict), "Conflict, not {error:?}");
}

/// Two that rotate the secret at the same time.
pub async fn of_racing_updates_of_a_webhook_one_succeeds(storage: &Storage) {
    let one = webhook();
    stored_webhook(&storage.store, &one).await;
    let answers = race(RACERS, |_| {
        let (store, next) = (storage.store.clone(), Webhook { sealed_secret: digest().0.to_vec(), ..one.clone() });
        async move {
            let mut tx = begin(&store).await;
            tx.webhooks().update(&next).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| next.sealed_secret)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(secret) => winners.push(secret),
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("of racing updates the others get Conflict, not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing updates of one version exactly one succeeds");
    let read = webhook_in(&storage.store, one.id).await.map(|webhook| (webhook.sealed_secret, webhook.version));
    assert_eq!(read, winners.pop().map(|secret| (secret, 2)), "what is stored is what the winner wrote");
}

/// Race for an id.
pub async fn of_racing_webhooks_one_gets_the_id(storage: &Storage) {
    let id = WebhookId::new(at(0), &RANDOM);
    let answers = race(RACERS, |_| {
        let (store, webhook) = (storage.store.clone(), Webhook { id, ..webhook() });
        async move {
            let mut tx = begin(&store).await;
            tx.webhooks().insert(&webhook).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| webhook)
        }
    })
    .await;
    let mut winners = Vec::new();
    for answer in answers {
        match answer {
            Ok(webhook) => winners.push(webhook),
            Err(StoreError::Duplicate(Unique::Id)) => {}
            Err(error) => panic!("of racing webhooks the others get Duplicate(Id), not {error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "of {RACERS} racing webhooks exactly one gets the id");
    assert_eq!(webhook_in(&storage.store, id).await, winners.pop(), "it is the one whose maker was told so");
}

/// Race to delete.
pub async fn of_racing_deletions_of_a_webhook_one_finds_it(storage: &Storage) {
    let one = webhook();
    stored_webhook(&storage.store, &one).await;
    let answers = race(RACERS, |_| {
        let (store, id) = (storage.store.clone(), one.id);
        async move {
            let mut tx = begin(&store).await;
            let found = tx.webhooks().delete(id).await?;
            tx.commit(at(0), Vec::new()).await.map(|()| found)
        }
    })
    .await;
    let answers: Result<Vec<_>, StoreError> = answers.into_iter().collect();
    let found = kept(answers, "of racing deletions none fails").into_iter().filter(|found| *found).count();
    assert_eq!(found, 1, "of {RACERS} racing deletions of a webhook exactly one finds it");
    assert_eq!(webhook_in(&storage.store, one.id).await, None, "and it is gone");
}
