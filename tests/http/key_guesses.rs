//! Guessing at API keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::store::{Store, StoreError, Tx};
use portcullis_http::{HttpSettings, Quotas};
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::json;

use crate::access::{by_key, key_of};
use crate::api_keys::crc32;
use crate::harness::{Ask, House, Plan};

const VERIFY: &str = "/api/v1/auth/verify";
const RIGHTS: &str = "/api/v1/me/access";

/// Where the guesses come from, and where others are.
const GUESSER: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.7";

/// A store that counts how often it is asked.
struct Asked {
    inner: MemoryStore,
    times: AtomicUsize,
}

#[async_trait]
impl Store for Asked {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.times.fetch_add(1, Ordering::SeqCst);
        self.inner.begin().await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

impl Asked {
    fn new() -> Self {
        Self { inner: MemoryStore::new(Arc::new(SeededRandomness::new(1))), times: AtomicUsize::new(0) }
    }

    fn times(&self) -> usize {
        self.times.swap(0, Ordering::SeqCst)
    }
}

/// A house where somebody may guess five times in a minute.
async fn house() -> (House, Arc<Asked>) {
    let store = Arc::new(Asked::new());
    (house_on(&store, Quota { burst: 5, period: Duration::from_secs(60) }).await, store)
}

/// A house on this store that knows nobody yet.
async fn house_on(store: &Arc<Asked>, guesses: Quota) -> House {
    let adjust = move |settings: &mut HttpSettings| {
        settings.quotas = Quotas { login: Some(guesses), ..Quotas::default() };
    };
    House::build(Plan { store: Some(store.clone()), adjust: Box::new(adjust), ..Plan::default() }).await
}

/// A key that nobody has, of the right form.
fn guess(number: usize) -> String {
    let text = format!("pk_{number:032x}_{number:064x}");
    format!("{text}{:08x}", crc32(text.as_bytes()))
}

async fn exhausted(house: &House) {
    for number in 0..6 {
        house.send_from(GUESSER, by_key(Method::GET, VERIFY, &guess(number))).await;
    }
}

async fn status(house: &House, peer: &str, ask: Ask) -> StatusCode {
    house.send_from(peer, ask).await.status
}

#[tokio::test]
async fn a105_guessed_keys_reach_the_store_no_more_often_than_a_password_may_be_guessed() {
    for path in [VERIFY, RIGHTS, "/api/v1/users"] {
        let (house, store) = house().await;
        store.times();
        for number in 0..100 {
            let refused = house.send_from(GUESSER, by_key(Method::GET, path, &guess(number))).await;
            let code = if number < 5 { "unauthenticated" } else { "rate-limited" };
            assert_eq!(refused.problem(), code, "{path} {number}");
        }
        assert_eq!(store.times(), 5, "{path}");
        assert_eq!(status(&house, ELSEWHERE, by_key(Method::GET, path, &guess(0))).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_key_that_is_known_is_never_counted_as_a_guess() {
    let (house, store) = house().await;
    let clerk = house.staff("clerk", &["users:read"]).await;
    let key = key_of(&house, &clerk, &["users:read"]).await;
    assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
    exhausted(&house).await;
    store.times();
    for _ in 0..100 {
        assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
    }
    assert_eq!(store.times(), 0, "what was looked up a moment ago is not looked up");
    // Not known any more is what it may do, and still that it was the right one.
    for _ in 0..20 {
        house.clock.advance(Duration::from_millis(300));
        assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
    }
    exhausted(&house).await;
    house.role("another", &["users:read"]).await;
    assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
    let other = key_of(&house, &clerk, &["users:read"]).await;
    assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &other)).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(&house, ELSEWHERE, by_key(Method::GET, VERIFY, &other)).await, StatusCode::NO_CONTENT);
    assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &other)).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_key_that_was_good_once_is_a_guess_when_it_is_revoked() {
    let (house, store) = house().await;
    let ada = house.member("ada").await;
    let key = key_of(&house, &ada, &[]).await;
    assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
    let listed = house.send(ada.get("/api/v1/me/api-keys")).await.json();
    let place = format!("/api/v1/me/api-keys/{}", listed["items"][0]["id"].as_str().unwrap());
    house.send(ada.delete(&place)).await.is(StatusCode::NO_CONTENT);
    house.clock.advance(Duration::from_secs(120));
    store.times();
    for number in 0..10 {
        // Not even that it is revoked is known for longer.
        house.clock.advance(Duration::from_millis(300));
        let status = status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await;
        let expected = if number < 6 { StatusCode::UNAUTHORIZED } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(status, expected, "{number}");
    }
    assert_eq!(store.times(), 6, "once as an old acquaintance, then as a stranger");
}

#[tokio::test]
async fn a_guess_at_the_secret_of_a_known_key_is_a_guess() {
    let (house, store) = house().await;
    let ada = house.member("ada").await;
    let key = key_of(&house, &ada, &[]).await;
    assert_eq!(status(&house, ELSEWHERE, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
    store.times();
    for number in 0..50 {
        let text = format!("{}_{number:064x}", &key[..35]);
        let wrong = format!("{text}{:08x}", crc32(text.as_bytes()));
        let status = status(&house, GUESSER, by_key(Method::GET, VERIFY, &wrong)).await;
        assert_eq!(status == StatusCode::UNAUTHORIZED, number < 5, "{number}");
    }
    assert_eq!(store.times(), 5);
    assert_eq!(status(&house, GUESSER, by_key(Method::GET, VERIFY, &key)).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn after_a_restart_a_gateway_with_a_thousand_good_keys_is_served_at_once() {
    let (store, usual) = (Arc::new(Asked::new()), Quota { burst: 300, period: Duration::from_secs(150) });
    let before = house_on(&store, usual).await;
    let mut keys = Vec::new();
    for number in 0..10 {
        let owner = before.member(&format!("member-{number}")).await;
        for _ in 0..100 {
            keys.push(key_of(&before, &owner, &[]).await);
        }
    }
    let after = house_on(&store, usual).await;
    for (number, keys) in keys.chunks(100).enumerate() {
        let path = if number % 2 == 0 { VERIFY } else { RIGHTS };
        let asked = keys.iter().map(|key| after.send_from(GUESSER, by_key(Method::GET, path, key)));
        for answer in join_all(asked).await {
            assert!(answer.status.is_success(), "{number}: {}", answer.status);
            assert_eq!(answer.header("ratelimit"), None, "what is given back is not told of");
        }
    }
    for number in 0..310 {
        let refused = after.send_from(GUESSER, by_key(Method::GET, VERIFY, &guess(number))).await;
        let code = if number < 300 { "unauthenticated" } else { "rate-limited" };
        assert_eq!(refused.problem(), code, "all that was taken for good keys was given back, and no more: {number}");
    }
}

#[tokio::test]
async fn good_keys_among_parallel_guesses_let_no_more_guesses_through() {
    let (house, _) = house().await;
    let ada = house.member("ada").await;
    let mut keys = Vec::new();
    for _ in 0..50 {
        keys.push(key_of(&house, &ada, &[]).await);
    }
    let asked = (0..200).map(|number| {
        let key = if number % 4 == 0 { keys[number / 4].clone() } else { guess(number) };
        house.send_from(GUESSER, by_key(Method::GET, VERIFY, &key))
    });
    let answers = join_all(asked).await;
    let with = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(with(StatusCode::UNAUTHORIZED), 5);
    assert_eq!(with(StatusCode::NO_CONTENT) + with(StatusCode::TOO_MANY_REQUESTS), 195);
}

#[tokio::test]
async fn a_good_key_from_the_wrong_place_is_no_guess() {
    let (house, _) = house().await;
    let ada = house.member("ada").await;
    for _ in 0..20 {
        let body = json!({ "name": "a key", "permissions": [], "networks": ["198.51.100.0/24"] });
        let made = house.send(ada.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED).json();
        let ask = by_key(Method::GET, VERIFY, made["key"].as_str().unwrap());
        assert_eq!(house.send_from(GUESSER, ask).await.problem(), "address-not-allowed");
    }
}
