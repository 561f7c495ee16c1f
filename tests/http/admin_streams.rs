//! Answers that are made as they are read: exports and bulk actions.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};
use poem::http::StatusCode;
use portcullis_domain::ports::store::{Store, StoreError, Tx};
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::json;

use crate::harness::{Ask, House, Plan};
use crate::staff::Member;

/// A store that goes away on demand.
struct Leaving {
    inner: MemoryStore,
    gone: AtomicBool,
}

#[async_trait]
impl Store for Leaving {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        if self.gone.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the store has gone".into()));
        }
        self.inner.begin().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

async fn house() -> (House, Arc<Leaving>, Member) {
    let inner = MemoryStore::new(Arc::new(SeededRandomness::new(1)));
    let store = Arc::new(Leaving { inner, gone: AtomicBool::new(false) });
    let plan = Plan { store: Some(store.clone()), request_timeout: Duration::from_millis(300), ..Plan::default() };
    let house = House::build(plan).await;
    let admin = house.admin("root-1").await;
    for number in 0..1_100 {
        let body = json!({ "email": format!("user-{number:04}@example.com") });
        house.send(admin.post("/api/v1/users", body)).await.is(StatusCode::CREATED);
    }
    (house, store, admin)
}

type Chunks = Pin<Box<dyn Stream<Item = Result<Vec<u8>, std::io::Error>> + Send>>;

/// The chunks of an answer, as they come.
async fn chunks(house: &House, ask: Ask) -> Chunks {
    let mut response = house.endpoint.answer(ask.into_request()).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.take_body().into_bytes_stream().map(|chunk| chunk.map(Into::into)).boxed()
}

async fn next(chunks: &mut Chunks) -> Result<usize, std::io::Error> {
    let chunk = chunks.next().await.transpose()?.unwrap_or_default();
    assert!(chunk.is_empty() || chunk.ends_with(b"\n"), "whole lines");
    Ok(chunk.iter().filter(|byte| **byte == b'\n').count())
}

const EXPORTS: [&str; 2] = ["/api/v1/users/export", "/api/v1/audit/export"];

#[tokio::test]
async fn a_long_answer_takes_as_long_as_its_reader_and_no_request_timeout_cuts_it() {
    let (house, _, admin) = house().await;
    for path in EXPORTS {
        let mut chunks = chunks(&house, admin.get(path)).await;
        let mut lines = next(&mut chunks).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        loop {
            match next(&mut chunks).await.unwrap() {
                0 => break,
                more => lines += more,
            }
        }
        assert!(lines >= 1_101, "{path}: {lines}");
    }
}

#[tokio::test]
async fn what_breaks_off_has_no_proper_end() {
    let (house, store, admin) = house().await;
    for path in EXPORTS {
        let mut chunks = chunks(&house, admin.get(path)).await;
        assert!(next(&mut chunks).await.unwrap() >= 500);
        store.gone.store(true, Ordering::SeqCst);
        let error = next(&mut chunks).await.unwrap_err();
        store.gone.store(false, Ordering::SeqCst);
        assert_eq!(error.to_string(), "the answer broke off", "nothing of the inside is told");
    }
    store.gone.store(true, Ordering::SeqCst);
    for path in EXPORTS {
        let refused = house.send(admin.get(path)).await.is(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.problem(), "unavailable", "before anything is told the answer is a problem");
    }
}

#[tokio::test]
async fn whoever_is_revoked_meanwhile_gets_no_more() {
    let (house, _, admin) = house().await;
    let clerk = house.staff("clerk", &["users:read", "users:write"]).await;
    let mut reading = chunks(&house, clerk.get(EXPORTS[0])).await;
    let ids = [&admin.id, &clerk.id, &admin.id];
    let body = json!({ "action": "enable", "ids": ids });
    let mut acting = chunks(&house, clerk.post("/api/v1/users/actions", body)).await;
    assert_eq!((next(&mut reading).await.unwrap(), next(&mut acting).await.unwrap()), (500, 1));
    house.send(admin.delete(&format!("{}/roles/clerk", clerk.path()))).await.is(StatusCode::NO_CONTENT);
    house.clock.advance(Duration::from_secs(1));
    assert!(next(&mut reading).await.is_err() && next(&mut acting).await.is_err());
}

#[tokio::test]
async fn a_key_that_reads_for_long_is_asked_for_again_and_counted_once() {
    let (house, _, admin) = house().await;
    let body =
        json!({ "name": "x", "permissions": ["users:read"], "rate_limit": { "requests": 1, "per_seconds": 60 } });
    let made = house.send(admin.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED);
    let place = made.header("location").unwrap().to_owned();
    let ask = Ask::get(EXPORTS[0]).header("x-api-key", made.json()["key"].as_str().unwrap());
    let mut reading = chunks(&house, ask).await;
    for _ in 0..2 {
        assert_eq!(next(&mut reading).await.unwrap(), 500);
        house.clock.advance(Duration::from_secs(1));
    }
    house.app.access.flush_usage().await.unwrap();
    assert_eq!(house.send(admin.get(&place)).await.json()["uses"], 1);
    house.send(admin.delete(&place)).await.is(StatusCode::NO_CONTENT);
    house.clock.advance(Duration::from_secs(1));
    assert!(next(&mut reading).await.is_err());
}
