//! The devices that are signed in, and signing them out.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use serde_json::Value;

use crate::harness::{Ask, House, PASSWORD, now};

const SESSIONS: &str = "/api/v1/me/sessions";

fn delete(access: &str, session: &str) -> Ask {
    Ask::new(Method::DELETE, &format!("{SESSIONS}/{session}")).bearer(access)
}

#[tokio::test]
async fn a_session_says_where_and_when_it_began() {
    let house = House::new().await;
    house.user("ada").await;
    let began = now(&house);
    let ask = Ask::post("/api/v1/auth/login")
        .header("user-agent", "Test\tAgent/1.0")
        .header("x-forwarded-for", "203.0.113.9")
        .json(serde_json::json!({ "login": "ada", "password": PASSWORD }));
    let here = crate::harness::Tokens::of(&house.send(ask).await.is(StatusCode::OK));
    house.clock.advance(Duration::from_secs(60));
    let page = house.send(Ask::get(SESSIONS).bearer(&here.access)).await.is(StatusCode::OK).json();
    let item = &page["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap();
    assert_eq!(item["id"], here.session);
    assert_eq!(item["created_at"], began);
    assert_eq!(item["last_seen_at"], began);
    assert_eq!(item["expires_at"], "2030-01-31T00:00:00Z");
    assert_eq!(item["user_agent"], "Test Agent/1.0");
    assert_eq!(item["ip"], Value::Null, "a110: the peer's address, which a test without a socket has not");
    assert_eq!(item["client_id"], "portcullis");
    assert_eq!(item["impersonated_by"], Value::Null);
    assert_eq!(item.as_object().unwrap().len(), 9);
    assert_eq!(page["next_cursor"], Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let house = House::new().await;
    let mut all = vec![house.user("ada").await];
    house.user("bob").await;
    for _ in 0..6 {
        house.clock.advance(Duration::from_secs(1));
        all.push(house.login("ada", PASSWORD).await);
    }
    let mut seen = Vec::new();
    let mut path = format!("{SESSIONS}?limit=3");
    for length in [3, 3, 1] {
        let page = house.send(Ask::get(&path).bearer(&all[0].access)).await.is(StatusCode::OK).json();
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), length);
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{SESSIONS}?cursor={cursor}&limit=3"),
            None => assert_eq!(length, 1),
        }
    }
    let newest_first: Vec<String> = all.iter().rev().map(|tokens| tokens.session.clone()).collect();
    assert_eq!(seen, newest_first);
}

#[tokio::test]
async fn a107_limits_and_cursors_are_checked() {
    let house = House::new().await;
    let (ada, bob) = (house.user("ada").await, house.user("bob").await);
    house.login("bob", PASSWORD).await;
    let page = house.send(Ask::get(&format!("{SESSIONS}?limit=1")).bearer(&bob.access)).await.json();
    let foreign = page["next_cursor"].as_str().unwrap().to_owned();
    house.send(Ask::get(&format!("{SESSIONS}?cursor={foreign}")).bearer(&bob.access)).await.is(StatusCode::OK);
    let wrong = [
        ("limit", "limit=0".to_owned()),
        ("limit", "limit=-1".to_owned()),
        ("limit", "limit=201".to_owned()),
        ("limit", "limit=9223372036854775808".to_owned()),
        ("limit", "limit=".to_owned()),
        ("limit", "limit=1%27%20OR%201=1--".to_owned()),
        ("limit", "limit=1&limit=2".to_owned()),
        ("cursor", "cursor=".to_owned()),
        ("cursor", "cursor=x".to_owned()),
        ("cursor", "cursor=%27%20OR%201=1--".to_owned()),
        ("cursor", format!("cursor={foreign}A")),
        ("cursor", format!("cursor={foreign}")),
    ];
    for (parameter, query) in wrong {
        let answer = house.send(Ask::get(&format!("{SESSIONS}?{query}")).bearer(&ada.access)).await;
        let answer = answer.is(StatusCode::BAD_REQUEST);
        assert_eq!(answer.problem(), "invalid-parameter", "{query}");
        assert_eq!(answer.json()["errors"][0]["parameter"], parameter, "{query}");
    }
}

#[tokio::test]
async fn a042_a_session_ends_at_once_and_for_good() {
    let house = House::new().await;
    let tokens = house.user("ada").await;
    let logout = || Ask::post("/api/v1/auth/logout").bearer(&tokens.access);
    assert!(house.send(logout()).await.is(StatusCode::NO_CONTENT).body.is_empty());
    assert!(!house.accepts(&tokens.access).await);
    house.refresh(&tokens.refresh).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(house.send(logout()).await.is(StatusCode::UNAUTHORIZED).problem(), "unauthenticated");
}

#[tokio::test]
async fn a042_all_sessions_end_together() {
    let house = House::new().await;
    let (here, bob) = (house.user("ada").await, house.user("bob").await);
    let there = house.login("ada", PASSWORD).await;
    house.send(Ask::post("/api/v1/auth/logout-all").bearer(&here.access)).await.is(StatusCode::NO_CONTENT);
    for tokens in [&here, &there] {
        assert!(!house.accepts(&tokens.access).await);
        house.refresh(&tokens.refresh).await.is(StatusCode::UNAUTHORIZED);
    }
    assert!(house.accepts(&bob.access).await);
}

#[tokio::test]
async fn a042_one_device_is_signed_out_from_another() {
    let house = House::new().await;
    let here = house.user("ada").await;
    let there = house.login("ada", PASSWORD).await;
    house.send(delete(&here.access, &there.session)).await.is(StatusCode::NO_CONTENT);
    assert!(!house.accepts(&there.access).await);
    assert!(house.accepts(&here.access).await);
    assert_eq!(house.send(delete(&here.access, &there.session)).await.is(StatusCode::NOT_FOUND).problem(), "not-found");
}

#[tokio::test]
async fn a102_a_foreign_session_is_as_little_there_as_none() {
    let house = House::new().await;
    let (ada, bob) = (house.user("ada").await, house.user("bob").await);
    let mut answers = Vec::new();
    for session in
        [bob.session.as_str(), "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001", "x", "%00", &bob.session.to_uppercase()]
    {
        let answer = house.send(delete(&ada.access, session)).await.is(StatusCode::NOT_FOUND);
        assert_eq!(answer.problem(), "not-found");
        answers.push((answer.steady_headers(), answer.steady_problem()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(house.accepts(&bob.access).await);
}
