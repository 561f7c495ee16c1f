//! Staying signed in.

use std::time::Duration;

use poem::http::StatusCode;
use serde_json::json;

use crate::harness::{House, Tokens};

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
    let second = Tokens::of(&house.refresh(&first.refresh).await.is(StatusCode::OK));
    house.clock.advance(Duration::from_secs(9));
    let again = Tokens::of(&house.refresh(&first.refresh).await.is(StatusCode::OK));
    assert_eq!(again.refresh, second.refresh);
}

#[tokio::test]
async fn a065_a_reused_token_ends_the_session_and_is_told_no_more() {
    let house = House::new().await;
    let first = house.user("ada").await;
    let second = Tokens::of(&house.refresh(&first.refresh).await.is(StatusCode::OK));
    house.clock.advance(Duration::from_secs(11));
    let reused = house.refresh(&first.refresh).await.is(StatusCode::UNAUTHORIZED);
    let after = house.refresh(&second.refresh).await.is(StatusCode::UNAUTHORIZED);
    let unknown = house.refresh("x").await.is(StatusCode::UNAUTHORIZED);
    for answer in [&reused, &after, &unknown] {
        assert_eq!(answer.problem(), "invalid-refresh-token");
        assert_eq!(answer.steady_headers(), unknown.steady_headers());
        assert_eq!(answer.steady_problem(), unknown.steady_problem());
    }
    assert!(!house.accepts(&second.access).await);
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
