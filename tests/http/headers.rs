//! The headers of every answer.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::limits::{LimiterError, Permit, Quota, RateLimiter};
use portcullis_http::{HttpSettings, Quotas};
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::json;

use crate::harness::{Answer, Ask, House, PASSWORD, Plan};

/// Answers of every kind, good and bad.
async fn answers(house: &House) -> Vec<(String, Answer)> {
    let tokens = house.user("ada").await;
    let login = |password: &str| Ask::post("/api/v1/auth/login").json(json!({ "login": "ada", "password": password }));
    let asks = [
        login(PASSWORD),
        login("wrong"),
        login(""),
        Ask::post("/api/v1/auth/login").raw("application/json", "{"),
        Ask::post("/api/v1/auth/login").raw("text/plain", ""),
        Ask::post("/api/v1/auth/login").raw("application/json", "x".repeat(70_000)),
        Ask::post("/api/v1/auth/register").json(json!({})),
        Ask::post("/api/v1/auth/register").json(json!({ "email": "ada@example.com", "password": PASSWORD })),
        Ask::post("/api/v1/auth/refresh").json(json!({ "refresh_token": tokens.refresh })),
        Ask::post("/api/v1/auth/refresh").json(json!({ "refresh_token": "x" })),
        Ask::get("/api/v1/auth/verify"),
        Ask::get("/api/v1/auth/verify").bearer(&tokens.access),
        Ask::get("/api/v1/me"),
        Ask::get("/api/v1/me").bearer(&tokens.access),
        Ask::get("/api/v1/me/sessions").bearer(&tokens.access),
        Ask::get("/api/v1/me/sessions?limit=0").bearer(&tokens.access),
        Ask::new(Method::DELETE, "/api/v1/me/sessions/x").bearer(&tokens.access),
        Ask::new(Method::OPTIONS, "/api/v1/me"),
        Ask::new(Method::TRACE, "/api/v1/me"),
        Ask::get("/nothing"),
        Ask::get("/oauth2"),
        Ask::get("/oauth2/introspect"),
        Ask::post("/oauth2/introspect").form("token=x"),
        Ask::post("/oauth2/introspect").form("token=x").basic(crate::harness::CLIENT),
        Ask::post("/oauth2/revoke").form("token=x").basic(crate::harness::CLIENT),
        Ask::get("/oauth2/token"),
        Ask::post("/oauth2/token").form("grant_type=password"),
        Ask::post("/oauth2/token").form("grant_type=client_credentials").basic(crate::harness::CLIENT),
        Ask::post("/oauth2/token")
            .form(&format!("grant_type=refresh_token&client_id=portcullis&refresh_token={}", tokens.refresh)),
        Ask::get("/api/v1/revocations"),
        Ask::get("/api/v1/revocations").basic(crate::harness::CLIENT),
        Ask::get("/api/v1/revocations?cursor=x").basic(crate::harness::CLIENT),
        Ask::get("/.well-known/jwks.json"),
        Ask::get("/.well-known/oauth-authorization-server"),
        Ask::get("/.well-known/openid-configuration"),
        Ask::get("/.well-known/nothing"),
        Ask::get("/livez"),
        Ask::get("/readyz?verbose"),
        Ask::get("/openapi.json"),
        Ask::get("/docs"),
        Ask::get("/docs/problems"),
        Ask::get(&format!("/{}", "x".repeat(9_000))),
        Ask::get("/livez").header("x-long", "x".repeat(30_000)),
        Ask::get("/livez").header("host", "a").header("host", "b"),
        Ask::new(Method::OPTIONS, "*"),
    ];
    let mut answers = Vec::new();
    for ask in asks {
        let name = format!("{ask:?}");
        answers.push((name, house.send(ask).await));
    }
    answers
}

/// Whether it asks for a document that everybody may read from everywhere.
fn is_metadata(ask: &str) -> bool {
    ["jwks.json", "oauth-authorization-server", "openid-configuration"].iter().any(|name| ask.contains(name))
}

#[tokio::test]
async fn a051_whatever_is_not_public_is_never_stored() {
    let house = House::new().await;
    for (ask, answer) in answers(&house).await {
        let public = ["/openapi.json", "/docs\"", "/docs/problems"];
        let is_public = public.iter().any(|path| ask.contains(path)) || is_metadata(&ask);
        let expected = if is_public { "public, max-age=300" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(expected), "{ask}");
    }
}

#[tokio::test]
async fn a052_every_answer_has_the_security_headers_and_a_type() {
    let house = House::new().await;
    for (ask, answer) in answers(&house).await {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{ask}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{ask}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{ask}");
        assert!(!policy.contains("unsafe"), "{ask}");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000; includeSubDomains"), "{ask}");
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{ask}");
        let embeddable = if is_metadata(&ask) { "cross-origin" } else { "same-origin" };
        assert_eq!(answer.header("cross-origin-resource-policy"), Some(embeddable), "{ask}");
        assert!(answer.header("permissions-policy").unwrap().contains("camera=()"), "{ask}");
        assert_eq!(answer.header("content-type").is_some(), !answer.body.is_empty(), "{ask}");
        assert_eq!(answer.header("server"), None);
        if answer.header("content-type").is_some_and(|media| media.starts_with("text/")) {
            assert!(answer.header("content-type").unwrap().ends_with("; charset=utf-8"), "{ask}");
        }
    }
}

#[tokio::test]
async fn a052_the_audit_has_seen_every_status_that_can_be() {
    let house = House::new().await;
    let seen: Vec<u16> = answers(&house).await.iter().map(|(_, answer)| answer.status.as_u16()).collect();
    for status in [200, 204, 400, 401, 404, 405, 409, 413, 414, 415, 422, 431] {
        assert!(seen.contains(&status), "{status} in {seen:?}");
    }
}

#[tokio::test]
async fn a052_refusals_of_the_limit_and_faults_of_our_own_have_the_security_headers_too() {
    let adjust = |settings: &mut HttpSettings| {
        let period = Duration::from_secs(60);
        let once = Quota { burst: 1, period };
        settings.quotas = Quotas { other: Some(once), ..Default::default() };
        settings.limiter = Arc::new(Broken(settings.limiter.clone()));
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    house.send(Ask::get("/api/v1/me")).await.is(StatusCode::UNAUTHORIZED);
    let limited = house.send(Ask::get("/api/v1/me")).await.is(StatusCode::TOO_MANY_REQUESTS);
    let fault = house.send_from("192.0.2.1", Ask::get("/api/v1/me")).await.is(StatusCode::INTERNAL_SERVER_ERROR);
    let away = house.send_from("192.0.2.2", Ask::get("/api/v1/me")).await.is(StatusCode::SERVICE_UNAVAILABLE);
    for answer in [limited, fault, away] {
        for name in [
            "x-content-type-options",
            "referrer-policy",
            "content-security-policy",
            "strict-transport-security",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
        ] {
            assert!(answer.header(name).is_some(), "{} {name}", answer.status);
        }
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

/// A limiter that panics about one address and cannot count another.
struct Broken(Arc<dyn RateLimiter>);

#[async_trait::async_trait]
impl RateLimiter for Broken {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        match key {
            "other:192.0.2.1" => panic!("out of order"),
            "other:192.0.2.2" => Err(LimiterError("away".into())),
            _ => self.0.take(key, quota).await,
        }
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        self.0.give_back(key, quota).await
    }
}

#[tokio::test]
async fn a052_hsts_is_for_a_service_that_the_world_reaches_by_https() {
    for (issuer, expected) in
        [("https://auth.example.com", Some("max-age=63072000; includeSubDomains")), ("http://localhost:8080", None)]
    {
        let adjust = move |settings: &mut HttpSettings| settings.issuer = issuer.to_owned();
        let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
        for path in ["/livez", "/nothing", "/docs"] {
            assert_eq!(house.send(Ask::get(path)).await.header("strict-transport-security"), expected, "{issuer}");
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let house = House::new().await;
    let mut ids: Vec<String> =
        answers(&house).await.iter().map(|(_, answer)| answer.header("x-request-id").unwrap().to_owned()).collect();
    for id in &ids {
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[tokio::test]
async fn a_decent_request_id_is_kept_and_any_other_replaced() {
    let house = House::new().await;
    let long = "x".repeat(128);
    for id in ["a", "A.b_C-9", &long] {
        let answer = house.send(Ask::get("/api/v1/me").header("x-request-id", id)).await;
        assert_eq!(answer.header("x-request-id"), Some(id));
        assert_eq!(answer.json()["instance"], format!("urn:portcullis:request:{id}"));
    }
    let longer = "x".repeat(129);
    for id in ["", "a b", "<script>", "a;b", "ü", "a\"b", "${jndi:x}", &longer] {
        let answer = house.send(Ask::get("/api/v1/me").header("x-request-id", id)).await;
        assert_ne!(answer.header("x-request-id"), Some(id));
        assert!(id.is_empty() || !answer.text().contains(id));
    }
    let two = Ask::get("/livez").header("x-request-id", "a").header("x-request-id", "b");
    let answer = house.send(two).await;
    assert!(answer.header("x-request-id").unwrap().parse::<uuid::Uuid>().is_ok());
}

#[tokio::test]
async fn a110_a111_no_header_changes_who_asks_or_who_answers() {
    let house = House::new().await;
    let plain = house.send(Ask::get("/api/v1/me")).await;
    let tricked = Ask::get("/api/v1/me")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "gopher")
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9;host=evil.example")
        .header("x-real-ip", "203.0.113.9")
        .header("x-original-url", "/livez")
        .header("x-rewrite-url", "/livez");
    let tricked = house.send(tricked).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(tricked.steady_headers(), plain.steady_headers());
    assert_eq!(tricked.steady_problem(), plain.steady_problem());
}

#[tokio::test]
async fn a_traceparent_travels_into_the_event_and_a_bad_one_does_not() {
    let store = Arc::new(MemoryStore::new(Arc::new(SeededRandomness::new(3))));
    let house = House::build(Plan { store: Some(store.clone()), ..Plan::default() }).await;
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (number, (sent, expected)) in
        [(good, Some(good)), ("00-x", None), ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", None)]
            .into_iter()
            .enumerate()
    {
        let body = json!({ "email": format!("u{number}@example.com"), "password": PASSWORD });
        let ask = Ask::post("/api/v1/auth/register").header("traceparent", sent).json(body);
        house.send(ask).await.is(StatusCode::CREATED);
        let deliveries = store.claim(10, house.clock.now(), Duration::from_secs(60)).await.unwrap();
        assert_eq!(deliveries.len(), 1);
        assert_eq!(deliveries[0].traceparent.as_deref(), expected);
        store.done(&[deliveries[0].id]).await.unwrap();
    }
}
