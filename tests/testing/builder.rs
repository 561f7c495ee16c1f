//! What a test may decide, and what it may not.

use std::sync::Arc;
use std::time::Duration;

use portcullis::testing::{Builder, ManualClock, TestService};
use serde_json::{Value, json};

async fn refused(builder: Builder) -> String {
    match builder.build().await {
        Ok(_) => panic!("it was built"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_setting_that_is_unknown_or_makes_no_sense_is_named() {
    let told = refused(TestService::builder().setting("tokens.acess_ttl", "5m")).await;
    assert!(told.contains("tokens.acess_ttl") && told.contains("ACCESS_TTL"), "{told}");
    let told = refused(TestService::builder().setting("tokens.access_ttl", "soon")).await;
    assert!(told.contains("tokens.access_ttl") && told.contains("'soon'"), "{told}");
    let told = refused(TestService::builder().issuer("auth.example.com")).await;
    assert!(told.contains("tokens.issuer"), "{told}");
}

#[tokio::test]
async fn nothing_leads_out_of_the_process() {
    for (key, value) in [
        ("database.url", "postgres://127.0.0.1/auth"),
        ("database.url", "sqlite://data/portcullis.db"),
        ("redis.url", "redis://127.0.0.1"),
        ("events.amqp_url", "amqp://127.0.0.1"),
    ] {
        let secret = "pw-0123456789abcdefghijklmnopqrstuvwxyz";
        let told = refused(TestService::builder().setting("secret_key", secret).setting(key, value)).await;
        assert!(told.contains(key) && told.contains("leave"), "{told}");
    }
}

#[tokio::test]
async fn requests_are_not_limited_unless_that_is_asked_for() {
    let free = TestService::start().await;
    let limited = TestService::builder().limits().setting("limits.login", "2/60s").build().await.expect("settings");
    let wrong = json!({ "login": "nobody", "password": "not the password" });
    for (service, last) in [(&free, 401), (&limited, 429)] {
        for _ in 0..2 {
            service.post("/api/v1/auth/login").json(&wrong).send().await.expect(401);
        }
        let third = service.post("/api/v1/auth/login").json(&wrong).send().await.expect(last);
        assert_eq!(third.header("retry-after").is_some(), last == 429);
    }
    limited.advance(Duration::from_secs(60)).await;
    limited.post("/api/v1/auth/login").json(&wrong).send().await.expect(401);
}

#[tokio::test]
async fn passwords_are_judged_as_in_production_when_that_is_asked_for() {
    let strict = TestService::builder().strict_passwords().build().await.expect("settings");
    let lax = TestService::start().await;
    // Too easy to guess, but on no short list.
    let body = json!({ "email": "ada@example.com", "password": "Summer2024!" });
    let refused = strict.post("/api/v1/auth/register").json(&body).send().await.expect(422);
    assert_eq!(refused.json::<Value>()["code"], "validation-failed");
    lax.post("/api/v1/auth/register").json(&body).send().await.expect(201);
    // What the helpers take is good enough for both.
    strict.user("ada").await;
}

#[tokio::test]
async fn the_issuer_the_audience_and_the_clock_are_the_tests() {
    let clock = Arc::new(ManualClock::default());
    let builder = TestService::builder().issuer("https://id.example.org").audience("orders").clock(clock.clone());
    let service = builder.build().await.expect("settings");
    assert_eq!((service.issuer(), service.audience()), ("https://id.example.org", "orders"));
    let (ada, login) = service.user("ada").await;
    let claims = crate::tokens::claims(&login.access_token);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://id.example.org"), &json!("orders")));
    assert_eq!((&claims["sub"], &claims["sid"]), (&json!(ada.id), &json!(login.session_id)));
    // 2030-01-01T00:00:00Z, where a clock stands that nobody has set.
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_893_456_000), &json!(1_893_456_900)));
    clock.advance(Duration::from_secs(900));
    service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(401);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_secrets_keys_and_tokens() {
    let made = async |seed, format| {
        let builder = TestService::builder().seed(seed).clock(Arc::new(ManualClock::default()));
        let service = builder.setting("tokens.format", format).build().await.expect("settings");
        let (ada, login) = service.user("ada").await;
        let keys = service.get("/.well-known/jwks.json").send().await.expect(200).text();
        let secret = service.client("orders", "stock:read").await.secret;
        [ada.id, login.access_token, login.refresh_token, login.session_id, keys, secret]
    };
    for format in ["jwt", "paseto"] {
        let (first, again, other) = (made(7, format).await, made(7, format).await, made(8, format).await);
        assert_eq!(first, again);
        for (one, another) in first.iter().zip(&other) {
            assert_ne!(one, another);
        }
    }
}
