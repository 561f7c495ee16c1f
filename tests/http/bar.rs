//! Rows of the security bar that cross several resources.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Ask, House, OTHER_PASSWORD, PASSWORD, Tokens};

const ME: &str = "/api/v1/me";
const LOGIN: &str = "/api/v1/auth/login";
const SESSIONS: &str = "/api/v1/me/sessions";

/// The same letters, composed and decomposed (Unicode NFC and NFD).
const COMPOSED: &str = "caf\u{e9} \u{fc}ber der br\u{fc}cke";
const DECOMPOSED: &str = "cafe\u{301} u\u{308}ber der bru\u{308}cke";

#[tokio::test]
async fn a004_a_password_is_compared_exactly_as_it_was_set_on_every_path() {
    for (set, other) in [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)] {
        let house = House::new().await;
        let body = json!({ "email": "ada@example.com", "password": set });
        house.post("/api/v1/auth/register", body).await.is(StatusCode::CREATED);
        let tokens = house.login("ada@example.com", set).await;
        let refused = house.post(LOGIN, json!({ "login": "ada@example.com", "password": other })).await;
        refused.is(StatusCode::UNAUTHORIZED);
        let change = |current: &str| {
            let body = json!({ "current_password": current, "new_password": OTHER_PASSWORD });
            Ask::new(Method::PUT, "/api/v1/me/password").bearer(&tokens.access).json(body)
        };
        house.send(change(other)).await.is(StatusCode::FORBIDDEN);
        let moving = |current: &str| {
            let body = json!({ "email": "new@example.com", "current_password": current });
            Ask::new(Method::PATCH, ME).bearer(&tokens.access).json(body)
        };
        house.send(moving(other)).await.is(StatusCode::FORBIDDEN);
        house.send(moving(set)).await.is(StatusCode::OK);
        house.send(change(set)).await.is(StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a022_a_new_address_needs_the_password_and_counts_as_unproved() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let patch = |body| Ask::new(Method::PATCH, ME).bearer(&ada.access).json(body);
    house.send(patch(json!({ "email": "new@example.com" }))).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = json!({ "email": "new@example.com", "current_password": OTHER_PASSWORD });
    house.send(patch(wrong)).await.is(StatusCode::FORBIDDEN);
    house.login("ada@example.com", PASSWORD).await;
    let right = json!({ "email": "new@example.com", "current_password": PASSWORD });
    let user = house.send(patch(right)).await.is(StatusCode::OK).json();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!("new@example.com"), &json!(false)));
}

#[tokio::test]
async fn a043_b37_a_deleted_account_is_dead_on_every_path_at_once() {
    let house = House::new().await;
    let sessions = [house.user("ada").await, house.login("ada", PASSWORD).await];
    let close = Ask::new(Method::DELETE, ME).bearer(&sessions[0].access);
    house.send(close.json(json!({ "current_password": PASSWORD }))).await.is(StatusCode::NO_CONTENT);
    for Tokens { access, refresh, .. } in &sessions {
        assert!(!house.accepts(access).await);
        house.send(Ask::get(ME).bearer(access)).await.is(StatusCode::UNAUTHORIZED);
        house.send(Ask::get(SESSIONS).bearer(access)).await.is(StatusCode::UNAUTHORIZED);
        house.refresh(refresh).await.is(StatusCode::UNAUTHORIZED);
        for token in [access, refresh] {
            let ask = Ask::post("/oauth2/introspect").basic(crate::harness::CLIENT).form(&format!("token={token}"));
            assert_eq!(house.send(ask).await.is(StatusCode::OK).json(), json!({ "active": false }));
        }
    }
    for login in ["ada", "ada@example.com"] {
        let refused = house.post(LOGIN, json!({ "login": login, "password": PASSWORD })).await;
        assert_eq!(refused.is(StatusCode::UNAUTHORIZED).problem(), "invalid-credentials");
    }
}

#[tokio::test]
async fn a044_a_session_of_the_same_second_as_the_end_of_all_others_lives() {
    let house = House::new().await;
    let old = [house.user("ada").await, house.login("ada", PASSWORD).await];
    house.send(Ask::post("/api/v1/auth/logout-all").bearer(&old[0].access)).await.is(StatusCode::NO_CONTENT);
    let new = house.login("ada", PASSWORD).await;
    for tokens in &old {
        assert!(!house.accepts(&tokens.access).await);
        house.refresh(&tokens.refresh).await.is(StatusCode::UNAUTHORIZED);
    }
    assert!(house.accepts(&new.access).await);
    house.refresh(&new.refresh).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a107_pages_have_a_cap_and_cursors_cannot_be_made_up() {
    let house = House::new().await;
    let (ada, bob) = (house.user("ada").await, house.user("bob").await);
    for _ in 0..3 {
        house.login("ada", PASSWORD).await;
    }
    let page = house.send(Ask::get(&format!("{SESSIONS}?limit=1")).bearer(&ada.access)).await.is(StatusCode::OK).json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    for query in [
        "limit=-1",
        "limit=0",
        "limit=201",
        "limit=9223372036854775808",
        "limit=1%3BDROP%20TABLE%20users",
        "limit=",
        "cursor=",
        "cursor=x",
        "cursor=%27%20OR%201%3D1--",
        "cursor=%00",
    ] {
        let answer = house.send(Ask::get(&format!("{SESSIONS}?{query}")).bearer(&ada.access)).await;
        assert_eq!(answer.is(StatusCode::BAD_REQUEST).problem(), "invalid-parameter", "{query}");
    }
    let foreign = house.send(Ask::get(&format!("{SESSIONS}?cursor={cursor}")).bearer(&bob.access)).await;
    assert_eq!(foreign.is(StatusCode::BAD_REQUEST).problem(), "invalid-parameter");
}

#[tokio::test]
async fn a114_metrics_and_details_of_health_are_not_public() {
    let house = House::new().await;
    for path in ["/metrics", "/debug", "/debug/pprof", "/.env", "/actuator", "/admin"] {
        house.send(Ask::get(path)).await.is(StatusCode::NOT_FOUND);
    }
    let verbose = house.send(Ask::get("/readyz?verbose")).await.is(StatusCode::OK).text();
    for inside in ["postgres", "sqlite", "amqp", "redis://", "password", "/"] {
        assert!(!verbose.contains(inside), "{verbose}");
    }
}

#[tokio::test]
async fn a115_a_hundred_parallel_registrations_open_one_account() {
    let house = House::new().await;
    let body = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    let answers = join_all((0..100).map(|_| house.post("/api/v1/auth/register", body.clone()))).await;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(201, 1), (409, 99)]));
}

#[tokio::test]
async fn b28_a_long_password_is_refused_before_it_is_hashed() {
    let house = House::new().await;
    let ada = house.user("ada").await;
    let before = house.hasher.verified();
    let long = "x".repeat(1_025);
    for (ask, status) in [
        (Ask::post("/api/v1/auth/register").json(json!({ "email": "b@example.com", "password": long })), 422),
        (
            Ask::new(Method::PUT, "/api/v1/me/password")
                .bearer(&ada.access)
                .json(json!({ "current_password": PASSWORD, "new_password": long })),
            422,
        ),
        (Ask::post(LOGIN).raw("application/json", vec![b'x'; 100_000]), 413),
    ] {
        assert_eq!(house.send(ask).await.status.as_u16(), status);
    }
    assert_eq!(house.hasher.verified(), before);
}
