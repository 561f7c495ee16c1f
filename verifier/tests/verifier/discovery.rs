//! Where keys come from, and how often.

use std::time::Duration;

use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Algorithm, BuildError, ManualFeed, Rejected, Verifier};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::issuer_server::{IssuerServer, JWKS, OAUTH, OPENID, PASERK, Page};

const PATIENCE: Duration = Duration::from_secs(10);

/// An issuer whose tokens name the server's address, with all documents served.
async fn scene(algorithm: Algorithm) -> (IssuerServer, TestIssuer) {
    let server = IssuerServer::start().await;
    let issuer = TestIssuer::at(&server.url(), "orders", algorithm);
    publish(&server, &issuer);
    (server, issuer)
}

fn publish(server: &IssuerServer, issuer: &TestIssuer) {
    server.serve(JWKS, Page::of(issuer.jwks()));
    server.serve(PASERK, Page::of(issuer.paserk()));
}

fn verifier(issuer: &TestIssuer, floor: Duration) -> Verifier {
    let clock = std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new());
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock).fetch_floor(floor);
    builder.build().expect("these settings are valid")
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "it never came: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn keys_of_both_formats_are_found_under_the_issuer() {
    for algorithm in [Algorithm::Es256, Algorithm::V4Public] {
        let (server, issuer) = scene(algorithm).await;
        let verifier = verifier(&issuer, Duration::from_secs(10));
        let token = issuer.valid();
        assert!(verifier.verify_async(&token).await.is_ok(), "the first token waits for the first keys");
        assert!(verifier.verify(&token).is_ok());
        assert_eq!((server.count(JWKS), server.count(PASERK)), (1, 1));
        assert!(verifier.status().is_ready());
    }
}

#[tokio::test]
async fn metadata_says_where_the_keys_are() {
    for place in [OAUTH, OPENID] {
        let (server, issuer) = scene(Algorithm::Es256).await;
        server.serve(JWKS, Page::status(404));
        server.serve("/elsewhere/keys", Page::of(issuer.jwks()));
        let metadata = json!({"issuer": issuer.url(), "jwks_uri": format!("{}/elsewhere/keys", server.url())});
        server.serve(place, Page::of(metadata.to_string()));
        let verifier = verifier(&issuer, Duration::from_secs(10));
        assert!(verifier.verify_async(&issuer.valid()).await.is_ok(), "{place}");
        assert_eq!((server.count(JWKS), server.count("/elsewhere/keys")), (0, 1));
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_followed() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    let thief = TestIssuer::at(issuer.url(), "orders", Algorithm::Es256);
    server.serve("/thief", Page::of(thief.jwks()));
    for issuer in ["https://other.test", &format!("{}/", server.url()), ""] {
        let metadata = json!({"issuer": issuer, "jwks_uri": format!("{}/thief", server.url())});
        server.serve(OAUTH, Page::of(metadata.to_string()));
        server.serve(OPENID, Page::of(metadata.to_string()));
        let verifier = verifier(&thief, Duration::from_secs(10));
        assert_eq!(verifier.verify_async(&thief.valid()).await, Err(Rejected::UnknownKey));
        assert_eq!(server.count("/thief"), 0);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    server.serve("/elsewhere", Page::of(issuer.jwks()));
    let mut page = Page::status(302);
    page.headers = "Location: /elsewhere\r\n".to_owned();
    server.serve(JWKS, page);
    let verifier = verifier(&issuer, Duration::from_secs(10));
    assert_eq!(verifier.verify_async(&issuer.valid()).await, Err(Rejected::NoKeys));
    assert_eq!(server.count("/elsewhere"), 0);
    let error = verifier.status().keys_error.expect("the fetch failed");
    assert!(error.contains("302"), "{error}");
}

#[tokio::test]
async fn an_issuer_may_go_without_paseto_or_without_jwt() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    server.serve(PASERK, Page::status(404));
    assert!(verifier(&issuer, Duration::from_secs(10)).verify_async(&issuer.valid()).await.is_ok());
    let (server, issuer) = scene(Algorithm::V4Public).await;
    server.serve(JWKS, Page::status(404));
    assert!(verifier(&issuer, Duration::from_secs(10)).verify_async(&issuer.valid()).await.is_ok());
}

#[tokio::test]
async fn a_document_that_cannot_be_fetched_does_not_keep_the_other_away() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    server.serve(PASERK, Page::status(500));
    let first = verifier(&issuer, Duration::ZERO);
    assert!(first.verify_async(&issuer.valid()).await.is_ok());
    let status = first.status();
    assert!(status.keys_error.is_some_and(|error| error.contains("paserk")) && status.keys_age.is_none());
    let (server, issuer) = scene(Algorithm::V4Public).await;
    let second = verifier(&issuer, Duration::ZERO);
    assert!(second.ready(PATIENCE).await);
    server.serve(JWKS, Page::of("<html>"));
    issuer.rotate();
    server.serve(PASERK, Page::of(issuer.paserk()));
    assert!(second.verify_async(&issuer.valid()).await.is_ok());
}

#[tokio::test]
async fn metadata_that_goes_away_takes_no_key_along() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    server.serve(JWKS, Page::status(404));
    server.serve("/elsewhere", Page::of(issuer.jwks()));
    let metadata = json!({"issuer": issuer.url(), "jwks_uri": format!("{}/elsewhere", server.url())}).to_string();
    server.serve(OAUTH, Page::of(&metadata));
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    let token = issuer.valid();
    // The keys cannot be fetched for a moment, so their place is looked up again, and there is no word of it.
    server.serve("/elsewhere", Page::status(503));
    assert_eq!(verifier.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
    let elsewhere = json!({"issuer": issuer.url(), "jwks_uri": format!("{}/nowhere", server.url())}).to_string();
    for page in [Page::status(503), Page::status(404), Page::of("<html>"), Page::of(elsewhere)] {
        server.serve(OAUTH, page.clone());
        server.serve(OPENID, page);
        assert_eq!(verifier.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
        assert!(verifier.verify(&token).is_ok());
    }
    server.serve(OAUTH, Page::of(&metadata));
    server.serve("/elsewhere", Page::of(issuer.jwks()));
    issuer.rotate();
    server.serve("/elsewhere", Page::of(issuer.jwks()));
    until("the keys are found again", || {
        drop(verifier.verify(&issuer.unknown_key()));
        verifier.verify(&issuer.valid()).is_ok()
    })
    .await;
}

#[tokio::test]
async fn the_address_of_an_issuer_may_differ_from_its_name() {
    let server = IssuerServer::start().await;
    let issuer = TestIssuer::at("https://auth.example.com", "orders", Algorithm::Es256);
    publish(&server, &issuer);
    let clock = std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new());
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock).address(server.url());
    let verifier = builder.build().unwrap();
    assert!(verifier.verify_async(&issuer.valid()).await.is_ok());
    assert_eq!(server.count(OAUTH) + server.count(OPENID), 0);
}

#[tokio::test]
async fn a_new_key_is_fetched_when_the_first_token_names_it() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    issuer.rotate();
    publish(&server, &issuer);
    let token = issuer.valid();
    assert_eq!(verifier.verify(&token), Err(Rejected::UnknownKey), "what does not wait refuses");
    until("the key that verify asked for", || verifier.verify(&token).is_ok()).await;
    issuer.rotate();
    publish(&server, &issuer);
    assert!(verifier.verify_async(&issuer.valid()).await.is_ok(), "what waits accepts");
    assert!(verifier.verify(&token).is_ok(), "and the older key is still there");
    let last = server.seen(JWKS).pop().expect("a request");
    assert!(last.head.contains("cache-control: no-cache\r\n"), "past the caches: {}", last.head);
}

#[tokio::test]
async fn a058_unknown_kids_make_for_one_fetch_in_the_floor_and_those_who_ask_together_share_it() {
    let (server, issuer) = scene(Algorithm::EdDsa).await;
    let verifier = verifier(&issuer, Duration::from_secs(3600));
    let mut slow = Page::of(issuer.jwks());
    slow.delay = Duration::from_millis(200);
    server.serve(JWKS, slow);
    let asked: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), issuer.valid());
            tokio::spawn(async move { verifier.verify_async(&token).await })
        })
        .collect();
    for one in asked {
        assert!(one.await.unwrap().is_ok(), "all wait for the one fetch");
    }
    assert_eq!(server.count(JWKS), 1);
    for _ in 0..1_000 {
        assert_eq!(verifier.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
        assert_eq!(verifier.verify(&issuer.unknown_key()), Err(Rejected::UnknownKey));
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.count(JWKS), 1, "no storm");
}

#[tokio::test]
async fn tokens_that_name_no_possible_key_make_for_no_fetch() {
    let (server, issuer) = scene(Algorithm::EdDsa).await;
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    let before = server.total();
    for header in [
        json!({"typ": "at+jwt", "alg": "none", "kid": "x"}),
        json!({"typ": "at+jwt", "alg": "HS256", "kid": "x"}),
        json!({"typ": "JWT", "alg": "EdDSA", "kid": "x"}),
        json!({"typ": "at+jwt", "alg": "EdDSA", "kid": "x", "jku": format!("{}/jku", server.url())}),
    ] {
        assert!(verifier.verify_async(&issuer.sign(&header.to_string(), "{}")).await.is_err());
    }
    for token in [issuer.wrong_key(), issuer.expired(), "a.b.c".to_owned(), String::new()] {
        assert!(verifier.verify_async(&token).await.is_err());
    }
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.total(), before);
    assert_eq!(server.count("/jku"), 0);
}

#[tokio::test]
async fn unchanged_keys_are_asked_for_by_their_etag_and_stay() {
    let (server, issuer) = scene(Algorithm::EdDsa).await;
    for (path, body) in [(JWKS, issuer.jwks()), (PASERK, issuer.paserk())] {
        let mut page = Page::of(body);
        page.etag = Some("\"v1\"".to_owned());
        server.serve(path, page);
    }
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    let token = issuer.valid();
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(verifier.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
    for path in [JWKS, PASERK] {
        let statuses: Vec<_> = server.seen(path).iter().map(|seen| seen.status).collect();
        assert_eq!(statuses, [200, 304], "{path}");
    }
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(verifier.status().cached, 1, "what was verified under the same keys is still good");
}

#[tokio::test]
async fn keys_are_fetched_again_before_they_go_stale() {
    let (server, issuer) = scene(Algorithm::EdDsa).await;
    for (path, body) in [(JWKS, issuer.jwks()), (PASERK, issuer.paserk())] {
        let mut page = Page::of(body);
        // Even max-age=0 means 10 s here: less is a storm.
        page.headers = "Cache-Control: max-age=0\r\n".to_owned();
        server.serve(path, page);
    }
    let verifier = verifier(&issuer, Duration::from_secs(3600));
    assert!(verifier.ready(PATIENCE).await);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(server.count(JWKS), 1);
    let end = Instant::now() + Duration::from_secs(20);
    while server.count(JWKS) < 2 {
        assert!(Instant::now() < end, "they were never fetched again");
        sleep(Duration::from_millis(50)).await;
    }
    assert!(!server.seen(JWKS)[1].head.contains("cache-control: no-cache"), "a cache on the way will do");
}

#[tokio::test]
async fn a_service_starts_without_its_issuer_and_serves_when_that_comes() {
    let (address, url) = {
        let server = IssuerServer::start().await;
        (server.address, server.url())
    };
    let issuer = TestIssuer::at(&url, "orders", Algorithm::Es256);
    let verifier = verifier(&issuer, Duration::from_secs(3600));
    let token = issuer.valid();
    assert_eq!(verifier.verify_async(&token).await, Err(Rejected::NoKeys));
    assert!(Rejected::NoKeys.is_unavailable());
    assert!(!verifier.ready(Duration::from_millis(50)).await);
    let status = verifier.status();
    assert!(!status.is_ready() && status.keys_error.is_some(), "{status:?}");
    let server = IssuerServer::at(address).await;
    publish(&server, &issuer);
    assert!(verifier.ready(PATIENCE).await, "{:?}", verifier.status());
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(verifier.status().keys_error, None);
}

#[tokio::test]
async fn an_issuer_that_is_away_or_talks_nonsense_takes_no_key_away() {
    let (server, issuer) = scene(Algorithm::V4Public).await;
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    let token = issuer.valid();
    let huge = Page::of("x".repeat(300 * 1024));
    for page in [Page::status(500), Page::status(503), Page::status(404), Page::of("<html>"), Page::of("{}"), huge] {
        for path in [JWKS, PASERK] {
            server.serve(path, page.clone());
        }
        assert_eq!(verifier.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
        assert!(verifier.status().keys_error.is_some(), "{}", page.status);
        assert!(verifier.verify(&token).is_ok(), "{}", page.status);
    }
    drop(server);
    assert_eq!(verifier.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn an_issuer_that_never_answers_costs_those_who_ask_a_few_seconds_at_most() {
    let (server, issuer) = scene(Algorithm::EdDsa).await;
    let mut slow = Page::of(issuer.jwks());
    slow.delay = Duration::from_secs(3600);
    server.serve(OAUTH, slow);
    let verifier = verifier(&issuer, Duration::from_secs(3600));
    let verdict = tokio::time::timeout(Duration::from_secs(30), verifier.verify_async(&issuer.valid())).await;
    assert_eq!(verdict.expect("it ends"), Err(Rejected::NoKeys));
}

#[tokio::test]
async fn a_key_that_the_issuer_no_longer_publishes_is_no_longer_trusted() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    let (token, kid) = (issuer.valid(), issuer.kid());
    assert!(verifier.verify(&token).is_ok());
    issuer.rotate();
    issuer.withdraw_key(&kid);
    publish(&server, &issuer);
    assert!(verifier.verify_async(&issuer.valid()).await.is_ok());
    assert_eq!(verifier.verify(&token), Err(Rejected::UnknownKey), "also when it was remembered");
}

#[tokio::test]
async fn a_word_of_the_issuer_brings_new_keys_before_any_token_names_them() {
    let (server, issuer) = scene(Algorithm::Es256).await;
    let (feed, handle) = ManualFeed::new();
    let clock = std::sync::Arc::new(portcullis_verifier::testing::ManualClock::new());
    let builder = Verifier::builder(issuer.url()).audience("orders").clock(clock).feed(feed);
    let verifier = builder.fetch_floor(Duration::from_secs(3600)).build().unwrap();
    assert!(verifier.ready(PATIENCE).await);
    issuer.rotate();
    publish(&server, &issuer);
    let event = json!({
        "specversion": "1.0", "id": "1", "source": issuer.url(), "type": "portcullis.keys.rotated.v1",
        "time": "2026-01-01T12:00:00Z", "data": {},
    });
    let sink = handle.sink().expect("the verifier listens");
    for _ in 0..100 {
        assert_eq!(sink.event(event.to_string().as_bytes()), Ok(true));
    }
    until("the new key", || verifier.status().keys == 2).await;
    assert!(verifier.verify(&issuer.valid()).is_ok());
    assert!((2..=3).contains(&server.count(JWKS)), "a hundred words are one or two fetches: {}", server.count(JWKS));
}

#[tokio::test]
async fn nothing_is_fetched_any_more_once_the_verifier_is_gone() {
    let (server, issuer) = scene(Algorithm::EdDsa).await;
    let verifier = verifier(&issuer, Duration::ZERO);
    assert!(verifier.ready(PATIENCE).await);
    let clone = verifier.clone();
    drop(verifier);
    assert_eq!(clone.verify_async(&issuer.unknown_key()).await, Err(Rejected::UnknownKey));
    let before = server.total();
    assert_eq!(before, 6, "two for the metadata, two times two for the keys");
    drop(clone);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.total(), before);
}

#[test]
fn without_a_runtime_keys_cannot_be_fetched_and_the_builder_says_so() {
    let built = Verifier::builder("https://auth.example.com").audience("orders").build();
    assert_eq!(built.err(), Some(BuildError::NoRuntime));
}
