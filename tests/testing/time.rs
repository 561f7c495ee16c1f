//! Time passes when the test says so.

use std::time::Duration;

use portcullis::testing::{Answer, TestService};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);

async fn refresh(service: &TestService, token: &str) -> Answer {
    service.post("/api/v1/auth/refresh").json(&json!({ "refresh_token": token })).send().await
}

#[tokio::test]
async fn an_access_token_is_good_until_it_expires_and_not_a_second_longer() {
    let service = TestService::start().await;
    let (_, login) = service.user("ada").await;
    let verify = async || service.get("/api/v1/auth/verify").bearer(&login.access_token).send().await.status;
    assert_eq!(verify().await, 204);
    service.clock().advance(Duration::from_secs(15 * 60 - 1));
    assert_eq!(verify().await, 204);
    service.clock().advance(Duration::from_secs(1));
    assert_eq!(verify().await, 401);
    let fresh: Value = refresh(&service, &login.refresh_token).await.expect(200).json();
    let fresh = fresh["access_token"].as_str().expect("a token");
    service.get("/api/v1/me").bearer(fresh).send().await.expect(200);
}

#[tokio::test]
async fn a_used_refresh_token_is_replayed_within_the_grace_and_is_reuse_after_it() {
    let service = TestService::start().await;
    let (_, login) = service.user("ada").await;
    let first: Value = refresh(&service, &login.refresh_token).await.expect(200).json();
    service.advance(Duration::from_secs(9)).await;
    let again = refresh(&service, &login.refresh_token).await.expect(200);
    assert_eq!(again.header("x-refresh-outcome"), Some("replayed"));
    assert_eq!(again.json::<Value>()["refresh_token"], first["refresh_token"]);
    service.forget_events().await;

    service.advance(Duration::from_secs(2)).await;
    let reused = refresh(&service, &login.refresh_token).await.expect(401);
    assert_eq!(reused.header("x-refresh-outcome"), Some("reuse"));
    let names: Vec<String> = service.events().await.into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["session.reuse_detected", "session.revoked"]);
    let ended = first["access_token"].as_str().expect("a token");
    service.get("/api/v1/me").bearer(ended).send().await.expect(401);
}

#[tokio::test]
async fn a_session_that_nobody_refreshes_ends_and_is_cleared_away() {
    let service = TestService::start().await;
    let (ada, login) = service.user("ada").await;
    service.advance(31 * DAY).await;
    refresh(&service, &login.refresh_token).await.expect(401);
    let now = service.log_in(&ada).await;
    let sessions: Value = service.get("/api/v1/me/sessions").bearer(&now.access_token).send().await.expect(200).json();
    assert_eq!(sessions["items"].as_array().map(Vec::len), Some(1), "{sessions}");
}

#[tokio::test]
async fn guessing_has_to_wait_as_long_as_in_production() {
    let service = TestService::builder().setting("attempts.free", "2").build().await.expect("settings");
    let ada = service.register("ada").await;
    let wrong = json!({ "login": "ada", "password": "not the password" });
    for _ in 0..2 {
        service.post("/api/v1/auth/login").json(&wrong).send().await.expect(401);
    }
    let held = service.post("/api/v1/auth/login").json(&wrong).send().await.expect(429);
    assert_eq!(held.json::<Value>()["code"], "too-many-attempts");
    service.advance(Duration::from_secs(2)).await;
    service.log_in(&ada).await;
}

#[tokio::test]
async fn signing_keys_follow_each_other_and_tokens_of_the_one_before_stay_good() {
    let service = TestService::start().await;
    let ada = service.register("ada").await;
    let kids = async || {
        let keys: Value = service.get("/.well-known/jwks.json").send().await.expect(200).json();
        let keys = keys["keys"].as_array().expect("keys").iter();
        keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect::<Vec<_>>()
    };
    let first = kids().await;
    service.advance(89 * DAY).await;
    assert_eq!((first.len(), kids().await.len()), (1, 2), "the next one is published a day before it signs");
    assert!(service.events().await.iter().any(|event| event.name == "keys.rotated"));

    // A token of the first key's last minutes.
    service.advance(DAY - Duration::from_secs(300)).await;
    let before = service.log_in(&ada).await;
    service.advance(Duration::from_secs(600)).await;
    let after = service.log_in(&ada).await;
    assert_eq!(crate::tokens::kid(&before.access_token), first[0]);
    assert_ne!(crate::tokens::kid(&after.access_token), first[0]);
    for login in [&before, &after] {
        service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(200);
    }
    service.advance(DAY).await;
    let last = kids().await;
    assert_eq!((last.len(), last.contains(&first[0])), (1, false), "the first one is gone with its last token");
}
