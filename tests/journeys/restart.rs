//! What must survive the death of the process, and with what it must not start.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::{Api, Person, Tokens};
use crate::broker::{Broker, Received};
use crate::place::Place;
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_keys_survive_a_restart_on_sqlite() {
    sessions_and_keys_survive(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_keys_survive_a_restart_on_postgres() {
    sessions_and_keys_survive(Place::postgres().await).await;
}

async fn sessions_and_keys_survive(place: Place) {
    let settings = Settings::on(&place);
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    let (kept, ended) = (api.join(&who).await, api.sign_in(&who).await);
    api.logout(&ended.access).await.expect(204);
    let keys = published(&api).await;
    service.stop().await;

    // Once in order, once by SIGKILL.
    for _ in 0..2 {
        let mut service = settings.start().await;
        let api = Api::at(&service.url);
        assert_eq!(published(&api).await, keys, "the keys are the same after a restart");
        api.verify(&kept.access).await.expect(204);
        assert_eq!(api.sessions(&kept.access).await, std::slice::from_ref(&kept.session));
        api.verify(&ended.access).await.expect(401);
        api.refresh(&ended.refresh).await.expect(401);
        service.kill();
    }
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let next = Tokens::of(&api.refresh(&kept.refresh).await.expect(200));
    api.verify(&next.access).await.expect(204);
    service.stop().await;
}

async fn published(api: &Api) -> [Value; 2] {
    let jwks = api.get("/.well-known/jwks.json", None).await.expect(200).json;
    let paserk = api.get("/.well-known/paserk.json", None).await.expect(200).json;
    assert!(jwks["keys"].as_array().is_some_and(|keys| !keys.is_empty()));
    assert!(paserk["keys"].as_array().is_some_and(|keys| !keys.is_empty()));
    [jwks, paserk]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_of_reuse_survives_kill_nine_on_sqlite() {
    a_verdict_of_reuse_survives(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_of_reuse_survives_kill_nine_on_postgres() {
    a_verdict_of_reuse_survives(Place::postgres().await).await;
}

/// A069, B13.
async fn a_verdict_of_reuse_survives(place: Place) {
    let broker = Broker::fresh().await;
    let settings = Settings::on(&place).publishing_to(&broker).with("PORTCULLIS__SESSIONS__REUSE_GRACE", "1s");
    let mut service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    let first = api.join(&who).await;
    let second = Tokens::of(&api.refresh(&first.refresh).await.expect(200));
    service.kill();

    tokio::time::sleep(Duration::from_millis(1_300)).await;
    let mut service = settings.start().await;
    let api = Api::at(&service.url);
    api.verify(&second.access).await.expect(204);
    api.refresh(&first.refresh).await.expect(401);
    api.verify(&second.access).await.expect(401);
    api.refresh(&second.refresh).await.expect(401);
    service.kill();

    let service = settings.start().await;
    let api = Api::at(&service.url);
    api.verify(&second.access).await.expect(401);
    api.refresh(&second.refresh).await.expect(401);
    let detected = broker
        .wait("the reuse", Duration::from_secs(40), |events| {
            events.iter().any(|event| event.name() == "session.revoked" && event.data("session_id") == first.session)
        })
        .await;
    // What was on its way when the process died comes a second time, under the same id.
    let mut seen = HashSet::new();
    let about: Vec<&str> = detected
        .iter()
        .filter(|event| event.data("session_id") == first.session && seen.insert(event.message_id.clone()))
        .map(Received::name)
        .collect();
    assert_eq!(about, ["session.started", "session.reuse_detected", "session.revoked"]);
    api.sign_in(&who).await;
    service.stop().await;
}

/// A009: neither a foreign nor a weak nor, where replicas must share it, an absent master key.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_master_key_refuses_to_start_and_says_so() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let settings = Settings::on(&place);
        settings.start().await.stop().await;
        for wrong in ["another-master-key-0b9d7e5c3a1f2468-Zt3Lr6Xv1Nc7Md2Q", "short", &"changeme".repeat(8)] {
            let begun = Instant::now();
            let failed = settings.clone().with("SECRET_KEY", wrong).try_start().await.err();
            let failed = failed.unwrap_or_else(|| panic!("it started with the key {wrong}"));
            assert!(failed.status.is_some_and(|status| !status.success()), "{}", failed.how);
            assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to refuse", begun.elapsed());
            assert!(failed.log.contains("SECRET_KEY"), "it does not name the setting: {}", failed.log);
            assert!(!failed.log.contains(wrong) || wrong == "short", "it shows the key: {}", failed.log);
        }
        settings.start().await.stop().await;
    }
    let place = Place::postgres().await;
    let failed = Settings::on(&place).without("SECRET_KEY").try_start().await.err();
    assert!(failed.is_some_and(|failed| failed.log.contains("SECRET_KEY")), "PostgreSQL needs a shared key");
}

/// The key that the embedded database makes for itself stays, and only its owner reads it.
#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_database_keeps_a_master_key_of_its_own() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::sqlite();
    let settings = Settings::on(&place).without("SECRET_KEY");
    let service = settings.start().await;
    let tokens = Api::at(&service.url).join(&Person::new()).await;
    service.stop().await;
    let service = settings.start().await;
    Api::at(&service.url).verify(&tokens.access).await.expect(204);
    service.stop().await;
    let is_key = |name: &str| name.contains("key");
    let files = std::fs::read_dir(place.dir()).expect("the folder can be read").map(|entry| entry.expect("an entry"));
    let keys: Vec<_> = files.filter(|entry| entry.file_name().to_str().is_some_and(is_key)).collect();
    assert_eq!(keys.len(), 1, "one key file beside the database");
    let mode = keys[0].metadata().expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
