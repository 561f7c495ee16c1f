//! When the service, not the client, is at fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use poem::http::{Method, StatusCode};
use portcullis_domain::ports::store::{Store, StoreError, Tx};
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::json;

use crate::harness::{Answer, Ask, CLIENT, House, PASSWORD, Plan};
use crate::logs::Log;
use crate::staff::Member;

/// What the log may know and a client must not.
const INSIDE: &str = "postgres://user:secret@10.0.0.1/ SELECT password FROM users at /srv/store.rs:1";

/// A store that fails on demand.
struct Faulty {
    inner: MemoryStore,
    fault: AtomicU8,
}

const NONE: u8 = 0;
const AWAY: u8 = 1;
const CORRUPT: u8 = 2;
const PANIC: u8 = 3;
const SLOW: u8 = 4;

impl Faulty {
    fn set(&self, fault: u8) {
        self.fault.store(fault, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for Faulty {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        match self.fault.load(Ordering::SeqCst) {
            NONE => self.inner.begin().await,
            AWAY => Err(StoreError::Unavailable(INSIDE.into())),
            CORRUPT => Err(StoreError::Corrupt(INSIDE.to_owned())),
            PANIC => panic!("{INSIDE}"),
            _ => std::future::pending().await,
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

async fn house() -> (House, Arc<Faulty>) {
    let inner = MemoryStore::new(Arc::new(SeededRandomness::new(1)));
    let store = Arc::new(Faulty { inner, fault: AtomicU8::new(NONE) });
    let plan = Plan { store: Some(store.clone()), request_timeout: Duration::from_millis(200), ..Plan::default() };
    (House::build(plan).await, store)
}

/// A key that has the form of one.
const KEY: &str =
    "pk_01981f3e7a607c1e9d0b52f1c1a6a001_000000000000000000000000000000000000000000000000000000000000000097731d46";

/// One request to every operation that asks the store.
fn asks(access: &str, refresh: &str) -> Vec<Ask> {
    vec![
        Ask::post("/api/v1/auth/register").json(json!({ "email": "b@example.com", "password": PASSWORD })),
        Ask::post("/api/v1/auth/login").json(json!({ "login": "ada", "password": PASSWORD })),
        Ask::post("/api/v1/auth/refresh").json(json!({ "refresh_token": refresh })),
        Ask::post("/api/v1/auth/logout").bearer(access),
        Ask::post("/api/v1/auth/logout-all").bearer(access),
        Ask::get("/api/v1/me").bearer(access),
        Ask::new(Method::PATCH, "/api/v1/me").bearer(access).json(json!({ "username": "eve" })),
        Ask::new(Method::DELETE, "/api/v1/me").bearer(access).json(json!({ "current_password": PASSWORD })),
        Ask::get("/api/v1/me/access").bearer(access),
        Ask::get("/api/v1/me/export").bearer(access),
        Ask::get("/api/v1/me/api-keys").bearer(access),
        Ask::post("/api/v1/me/api-keys").bearer(access).json(json!({ "name": "x" })),
        Ask::get("/api/v1/auth/verify").header("x-api-key", KEY),
        Ask::new(Method::PUT, "/api/v1/me/password")
            .bearer(access)
            .json(json!({ "current_password": PASSWORD, "new_password": PASSWORD })),
        Ask::get("/api/v1/me/sessions").bearer(access),
        Ask::new(Method::DELETE, "/api/v1/me/sessions/01981f3e-7a60-7c1e-9d0b-52f1c1a6a001").bearer(access),
        Ask::post("/oauth2/introspect").basic(CLIENT).form(&format!("token={refresh}")),
        Ask::post("/oauth2/revoke").basic(CLIENT).form(&format!("token={refresh}")),
        Ask::post("/oauth2/introspect").basic(("unknown", "secret")).form("token=x"),
        Ask::post("/oauth2/token")
            .form(&format!("grant_type=refresh_token&client_id=portcullis&refresh_token={refresh}")),
        Ask::get("/api/v1/revocations").basic(("unknown", "secret")),
    ]
}

/// The same for those in charge; `other` is somebody else.
fn administrative(admin: &Member, other: &Member) -> Vec<Ask> {
    let path = other.path();
    vec![
        admin.get("/api/v1/users"),
        admin.get(&path),
        admin.get("/api/v1/users/export"),
        admin.get(&format!("{path}/export")),
        admin.post("/api/v1/users", json!({ "email": "new@example.com" })),
        admin.patch(&path, "\"1\"", json!({ "username": "eve" })),
        admin.post(&format!("{path}/disable"), json!({ "reason": "ticket 4711" })),
        admin.post(&format!("{path}/impersonate"), json!({ "reason": "ticket 4711" })),
        admin.delete(&path),
        admin.put(&format!("{path}/roles/admin")),
        admin.post("/api/v1/users/actions", json!({ "action": "enable", "ids": [other.id] })),
        admin.post("/api/v1/roles", json!({ "name": "clerk", "permissions": ["users:read"] })),
        admin.post("/api/v1/clients", json!({ "scope": "stock:read" })),
        admin.get("/api/v1/api-keys"),
        admin.get("/api/v1/audit"),
        admin.get("/api/v1/audit/export"),
        admin.get("/api/v1/stats"),
        // Whoever may not do it: that cannot be put on record.
        other.post("/api/v1/users", json!({})),
    ]
}

#[track_caller]
fn tells_nothing(answer: &Answer) {
    let text = answer.text();
    for inside in ["postgres", "secret", "SELECT", "10.0.0.1", ".rs", "/srv", "panicked"] {
        assert!(!text.contains(inside), "{text}");
    }
}

async fn every_answer_is(fault: u8, status: StatusCode, code: &str, error: &str) {
    let (house, store) = house().await;
    let tokens = house.user("ada").await;
    let (admin, other) = (house.admin("root-1").await, house.member("bea").await);
    for ask in asks(&tokens.access, &tokens.refresh).into_iter().chain(administrative(&admin, &other)) {
        store.set(fault);
        let answer = house.send(ask.clone()).await;
        store.set(NONE);
        assert_eq!(answer.status, status, "{ask:?}: {}", answer.text());
        tells_nothing(&answer);
        assert_eq!(answer.header("retry-after"), (status == StatusCode::SERVICE_UNAVAILABLE).then_some("1"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        if answer.header("content-type") == Some("application/json") {
            assert_eq!(answer.json()["error"], error);
        } else {
            assert_eq!(answer.problem(), code);
            assert_eq!(answer.json().get("detail"), None, "only the request id tells anything");
        }
    }
    assert!(house.accepts(&tokens.access).await);
    house.login("ada", PASSWORD).await;
}

#[tokio::test]
async fn a_store_that_is_away_is_503_with_retry_after() {
    every_answer_is(AWAY, StatusCode::SERVICE_UNAVAILABLE, "unavailable", "temporarily_unavailable").await;
}

#[tokio::test]
async fn an_outage_is_one_line_in_the_log_and_not_one_a_request() {
    let (house, store) = house().await;
    let admin = house.admin("root-1").await;
    let (log, _guard) = Log::listen(tracing::Level::INFO);
    store.set(AWAY);
    for _ in 0..50 {
        house.send(admin.get("/api/v1/users")).await.is(StatusCode::SERVICE_UNAVAILABLE);
        let introspect = Ask::post("/oauth2/introspect").basic(CLIENT).form(&format!("token={}", admin.tokens.refresh));
        house.send(introspect).await.is(StatusCode::SERVICE_UNAVAILABLE);
    }
    let warnings = log.warnings();
    let [line] = warnings.as_slice() else { panic!("one line: {warnings:?}") };
    assert_eq!(line["message"], "requests fail for want of a part of the service");
    assert!(line["cause"].as_str().unwrap().contains(INSIDE), "what is missing: {line}");
    assert!(line["id"].is_string(), "which request was the first");
}

#[tokio::test]
async fn a_fault_of_our_own_is_500_and_tells_nothing() {
    every_answer_is(CORRUPT, StatusCode::INTERNAL_SERVER_ERROR, "internal", "server_error").await;
}

#[tokio::test]
async fn a_panic_is_500_and_the_service_goes_on() {
    every_answer_is(PANIC, StatusCode::INTERNAL_SERVER_ERROR, "internal", "server_error").await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_503() {
    every_answer_is(SLOW, StatusCode::SERVICE_UNAVAILABLE, "timeout", "temporarily_unavailable").await;
}

#[tokio::test]
async fn token_checks_ask_no_store() {
    let (house, store) = house().await;
    let tokens = house.user("ada").await;
    for fault in [AWAY, CORRUPT, PANIC, SLOW] {
        store.set(fault);
        assert!(house.accepts(&tokens.access).await);
        let ask = Ask::post("/oauth2/introspect").basic(CLIENT).form(&format!("token={}", tokens.access));
        assert_eq!(house.send(ask).await.is(StatusCode::OK).json()["active"], true);
        house.send(Ask::get("/.well-known/jwks.json")).await.is(StatusCode::OK);
        house.send(Ask::get("/.well-known/openid-configuration")).await.is(StatusCode::OK);
        house.send(Ask::get("/api/v1/revocations").basic(CLIENT)).await.is(StatusCode::OK);
        house.send(Ask::get("/livez")).await.is(StatusCode::OK);
    }
}

#[tokio::test]
async fn a_client_that_is_known_is_confirmed_without_the_store() {
    let (house, store) = house().await;
    let secret = house.client("orders", "stock:read").await;
    let client = ("orders", secret.as_str());
    let token = house.client_token(client).await;
    for fault in [AWAY, CORRUPT, PANIC, SLOW] {
        store.set(fault);
        let ask = Ask::post("/oauth2/introspect").basic(client).form(&format!("token={token}"));
        assert_eq!(house.send(ask).await.is(StatusCode::OK).json()["active"], true);
        house.send(Ask::get("/api/v1/revocations").basic(client)).await.is(StatusCode::OK);
        let grant = house.send(Ask::post("/oauth2/token").basic(client).form("grant_type=client_credentials")).await;
        assert!(grant.status.is_server_error(), "a token that could not be put on record is not given");
        tells_nothing(&grant);
        store.set(NONE);
    }
}
