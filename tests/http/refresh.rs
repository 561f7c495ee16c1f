//! Staying signed in.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::json;

use crate::harness::{Ask, House, Plan, Tokens};
use crate::jar::{self, Browser};

const REFRESH: &str = "/api/v1/auth/refresh";
const OUTCOME: &str = "x-refresh-outcome";

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_the_next_tokens() {
    let house = House::new().await;
    let mut tokens = house.user("ada").await;
    for _ in 0..100 {
        house.clock.advance(Duration::from_secs(600));
        let answer = house.refresh(&tokens.refresh).await.is(StatusCode::OK);
        assert_eq!(answer.json()["expires_in"], 900);
        let next = Tokens::of(&answer);
        assert_ne!((&next.access, &next.refresh), (&tokens.access, &tokens.refresh));
        assert_eq!(next.session, tokens.session);
        assert!(house.accepts(&next.access).await);
        tokens = next;
    }
}

#[tokio::test]
async fn a067_within_the_grace_a_used_token_gives_the_same_successor() {
    let house = House::new().await;
    let first = house.user("ada").await;
    let rotated = house.refresh(&first.refresh).await.is(StatusCode::OK);
    assert_eq!(rotated.header(OUTCOME), Some("rotated"));
    let second = Tokens::of(&rotated);
    house.clock.advance(Duration::from_secs(10));
    let replayed = house.refresh(&first.refresh).await.is(StatusCode::OK);
    assert_eq!(replayed.header(OUTCOME), Some("replayed"));
    let again = Tokens::of(&replayed);
    assert_eq!(again.refresh, second.refresh);
    assert!(house.accepts(&again.access).await && house.accepts(&second.access).await);
    house.refresh(&again.refresh).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a067_a_browser_whose_answer_was_lost_asks_again() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    for _ in 0..5 {
        // The connection breaks after the commit: the answer never arrives.
        house.send(browser.page(Method::POST, REFRESH)).await.is(StatusCode::OK);
        house.clock.advance(Duration::from_secs(9));
        let answer = browser.refresh(&house).await.is(StatusCode::OK);
        assert_eq!(answer.header(OUTCOME), Some("replayed"));
        house.clock.advance(Duration::from_secs(600));
        assert_eq!(browser.refresh(&house).await.is(StatusCode::OK).header(OUTCOME), Some("rotated"));
        house.send(browser.ask(Method::GET, "/api/v1/me")).await.is(StatusCode::OK);
    }
}

#[tokio::test]
async fn a064_a_browser_stays_signed_in_over_a_hundred_refreshes() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let mut seen = Vec::new();
    for _ in 0..100 {
        house.clock.advance(Duration::from_secs(600));
        let answer = browser.refresh(&house).await.is(StatusCode::OK);
        assert_eq!(answer.header(OUTCOME), Some("rotated"));
        seen.push(browser.value(jar::REFRESH).unwrap().to_owned());
        house.send(browser.ask(Method::GET, "/api/v1/me")).await.is(StatusCode::OK);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 100, "each token is a new one");
}

#[tokio::test]
async fn a066_a_thousand_uses_at_once_give_one_successor() {
    for by_cookie in [false, true] {
        let house = House::new().await;
        let browser = Browser::user(&house, "ada").await;
        let first = browser.value(jar::REFRESH).unwrap();
        let uses = (0..1_000).map(|_| {
            let ask = if by_cookie {
                browser.page(Method::POST, REFRESH)
            } else {
                Ask::post(REFRESH).json(json!({ "refresh_token": first }))
            };
            house.send(ask)
        });
        let answers = join_all(uses).await;
        let mut successors = Vec::new();
        let mut rotated = 0;
        for answer in answers {
            let answer = answer.is(StatusCode::OK);
            rotated += usize::from(answer.header(OUTCOME) == Some("rotated"));
            successors.push(if by_cookie {
                let cookies = jar::cookies_of(&answer);
                cookies.into_iter().find(|cookie| cookie.name == jar::REFRESH).unwrap().value
            } else {
                Tokens::of(&answer).refresh
            });
        }
        successors.dedup();
        assert_eq!((rotated, successors.len()), (1, 1));
    }
}

#[tokio::test]
async fn a068_refreshing_does_not_stretch_the_session_or_its_scope() {
    let house = House::new().await;
    let mut browser = Browser::user(&house, "ada").await;
    let wider = browser.page(Method::POST, REFRESH).json(json!({ "scope": "account profile admin" }));
    assert_eq!(house.send(wider).await.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), ["/scope unknown-field"]);
    let day = Duration::from_secs(24 * 3600);
    for days in (0..90).step_by(15) {
        let answer = browser.refresh(&house).await.is(StatusCode::OK);
        let left = (90 - days).min(30) * 24 * 3600;
        assert_eq!(answer.json()["refresh_expires_in"], left);
        let kept = jar::cookies_of(&answer).into_iter().find(|cookie| cookie.name == jar::REFRESH).unwrap();
        assert_eq!(kept.attribute("max-age"), Some(left.to_string().as_str()));
        let verified = house.send(browser.ask(Method::GET, "/api/v1/auth/verify")).await;
        assert_eq!(verified.header("x-auth-scopes"), Some("account profile"));
        house.clock.advance(15 * day);
    }
    browser.refresh(&house).await.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a069_a_verdict_of_reuse_outlives_the_process() {
    let store = Arc::new(MemoryStore::new(Arc::new(SeededRandomness::new(69))));
    let build = || House::build(Plan { store: Some(store.clone()), ..Plan::default() });
    let house = build().await;
    let mut browser = Browser::user(&house, "ada").await;
    let stolen = browser.clone();
    browser.refresh(&house).await.is(StatusCode::OK);
    let later = Duration::from_secs(11);
    house.clock.advance(later);
    let reused = house.send(stolen.page(Method::POST, REFRESH)).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(reused.header(OUTCOME), Some("reuse"));
    let restarted = build().await;
    restarted.clock.advance(later);
    restarted.app.learn(None).await.unwrap();
    for cookies in [&stolen, &browser] {
        let answer = restarted.send(cookies.page(Method::POST, REFRESH)).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header(OUTCOME), None, "the verdict is given once");
    }
    assert!(!restarted.accepts(browser.value(jar::ACCESS).unwrap()).await);
}

#[tokio::test]
async fn a069_what_was_used_before_a_restart_is_known_after_it() {
    let store = Arc::new(MemoryStore::new(Arc::new(SeededRandomness::new(70))));
    let build = || House::build(Plan { store: Some(store.clone()), ..Plan::default() });
    let house = build().await;
    let first = house.user("ada").await;
    let second = Tokens::of(&house.refresh(&first.refresh).await.is(StatusCode::OK));
    drop(house);
    let restarted = build().await;
    restarted.clock.advance(Duration::from_secs(11));
    assert_eq!(restarted.refresh(&first.refresh).await.is(StatusCode::UNAUTHORIZED).header(OUTCOME), Some("reuse"));
    restarted.refresh(&second.refresh).await.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a065_a_reused_token_ends_the_session_and_a_header_says_so_once() {
    let house = House::new().await;
    let first = house.user("ada").await;
    let second = Tokens::of(&house.refresh(&first.refresh).await.is(StatusCode::OK));
    house.clock.advance(Duration::from_secs(11));
    let reused = house.refresh(&first.refresh).await.is(StatusCode::UNAUTHORIZED);
    let after = house.refresh(&second.refresh).await.is(StatusCode::UNAUTHORIZED);
    let unknown = house.refresh("x").await.is(StatusCode::UNAUTHORIZED);
    let again = house.refresh(&first.refresh).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(reused.header(OUTCOME), Some("reuse"));
    for answer in [&reused, &after, &again, &unknown] {
        assert_eq!(answer.problem(), "invalid-refresh-token");
        let mut headers = answer.steady_headers();
        headers.retain(|(name, value)| (name.as_str(), value.as_str()) != (OUTCOME, "reuse"));
        assert_eq!(headers, unknown.steady_headers());
        assert_eq!(answer.steady_problem(), unknown.steady_problem());
    }
    assert!(!house.accepts(&second.access).await);
}

#[tokio::test]
async fn a065_a_reused_cookie_ends_the_session_for_thief_and_owner() {
    let store = Arc::new(MemoryStore::new(Arc::new(SeededRandomness::new(65))));
    let house = House::build(Plan { store: Some(store.clone()), ..Plan::default() }).await;
    let mut owner = Browser::user(&house, "ada").await;
    let mut thief = owner.clone();
    owner.refresh(&house).await.is(StatusCode::OK);
    house.clock.advance(Duration::from_secs(11));
    let answer = thief.refresh(&house).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header(OUTCOME), Some("reuse"));
    assert_eq!((thief.value(jar::ACCESS), thief.value(jar::REFRESH)), (None, None), "a browser forgets");
    house.send(owner.ask(Method::GET, "/api/v1/me")).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(owner.refresh(&house).await.is(StatusCode::UNAUTHORIZED).header(OUTCOME), None);
    let events = store.claim(100, house.clock.now(), Duration::from_secs(60)).await.unwrap();
    let count = |name: &str| events.iter().filter(|delivery| format!("{:?}", delivery.event).starts_with(name)).count();
    assert_eq!((count("SessionReuseDetected"), count("SessionRevoked")), (1, 1));
}

#[tokio::test]
async fn a060_kinds_of_tokens_are_not_interchangeable() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    assert!(!house.accepts(&tokens.refresh).await);
    assert_eq!(house.refresh(&tokens.access).await.is(StatusCode::UNAUTHORIZED).problem(), "invalid-refresh-token");
    house.refresh(&tokens.refresh).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a061_every_changed_character_of_a_refresh_token_is_noticed() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    for position in 0..tokens.refresh.len() {
        let mut changed = tokens.refresh.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        house.refresh(std::str::from_utf8(&changed).unwrap()).await.is(StatusCode::UNAUTHORIZED);
    }
    for wrong in
        [format!("{} ", tokens.refresh), format!(" {}", tokens.refresh), format!("{}=", tokens.refresh), String::new()]
    {
        house.refresh(&wrong).await.is(StatusCode::UNAUTHORIZED);
    }
    house.refresh(&tokens.refresh).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_needs_its_token() {
    let house = House::new().await;
    for (body, expected) in [
        (json!({}), "/refresh_token required"),
        (json!({ "refresh_token": null }), "/refresh_token wrong-type"),
        (json!({ "refresh_token": ["x"] }), "/refresh_token wrong-type"),
    ] {
        let answer = house.post("/api/v1/auth/refresh", body).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), [expected]);
    }
}
