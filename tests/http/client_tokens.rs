//! Tokens that speak for a client: where they open something, where they do not, and how they end.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::caller::Caller;
use portcullis_domain::origin::Origin;
use serde_json::json;

use crate::harness::{Answer, Ask, CLIENT, FIRST_PARTY, House, encoded};

const VERIFY: &str = "/api/v1/auth/verify";
const INTROSPECT: &str = "/oauth2/introspect";
const REVOKE: &str = "/oauth2/revoke";

/// Every operation that serves users.
const FOR_USERS: [(Method, &str); 8] = [
    (Method::GET, "/api/v1/me"),
    (Method::PATCH, "/api/v1/me"),
    (Method::DELETE, "/api/v1/me"),
    (Method::PUT, "/api/v1/me/password"),
    (Method::GET, "/api/v1/me/sessions"),
    (Method::DELETE, "/api/v1/me/sessions/01981f3e-7a60-7c1e-9d0b-52f1c1a6a001"),
    (Method::POST, "/api/v1/auth/logout"),
    (Method::POST, "/api/v1/auth/logout-all"),
];

async fn introspect(house: &House, client: (&str, &str), token: &str) -> Answer {
    let ask = Ask::post(INTROSPECT).basic(client).form(&format!("token={}", encoded(token)));
    house.send(ask).await.is(StatusCode::OK)
}

async fn revoke(house: &House, client: (&str, &str), token: &str) {
    let ask = Ask::post(REVOKE).basic(client).form(&format!("token={}", encoded(token)));
    let answer = house.send(ask).await.is(StatusCode::OK);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a082_a_client_is_told_that_an_endpoint_serves_users() {
    let house = House::new().await;
    let secret = house.client("orders", "account profile").await;
    let token = house.client_token(("orders", &secret)).await;
    for (method, path) in FOR_USERS {
        let answer = house.send(Ask::new(method.clone(), path).bearer(&token)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}: {}", answer.text());
        assert_eq!(answer.problem(), "user-required");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer"), "RFC 6750 §3 asks for it, and no code of its §3.1 is true");
    }
    let bad = house.send(Ask::get("/api/v1/me").bearer(&token[1..])).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(bad.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
}

#[tokio::test]
async fn a060_a_clients_token_in_a_cookie_is_no_users_either() {
    let house = House::new().await;
    let secret = house.client("orders", "account").await;
    let token = house.client_token(("orders", &secret)).await;
    let cookie = format!("__Host-portcullis_access={token}");
    for path in ["/api/v1/me", "/api/v1/me/sessions", "/api/v1/auth/csrf"] {
        let answer = house.send(Ask::get(path).header("cookie", &cookie)).await.is(StatusCode::FORBIDDEN);
        assert_eq!(answer.problem(), "user-required", "{path}");
    }
    for path in ["/api/v1/auth/logout", "/api/v1/auth/logout-all"] {
        let ask = Ask::post(path).header("cookie", &cookie).header("sec-fetch-site", "same-origin");
        assert_eq!(house.send(ask).await.is(StatusCode::FORBIDDEN).problem(), "user-required", "{path}");
    }
    house.user("ada").await;
    let login = json!({ "login": "ada", "password": crate::harness::PASSWORD, "transport": "cookie" });
    let ask = Ask::post("/api/v1/auth/login").header("cookie", &cookie).header("sec-fetch-site", "same-origin");
    house.send(ask.json(login)).await.is(StatusCode::OK);
    let used = house.refresh(&token).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(used.problem(), "invalid-refresh-token");
}

#[tokio::test]
async fn a_proxy_is_told_which_client_calls_and_that_no_user_does() {
    let house = House::new().await;
    let secret = house.client("orders", "stock:read stock:write").await;
    let token = house.client_token(("orders", &secret)).await;
    let forged = Ask::get(VERIFY).bearer(&token).header("x-auth-user-id", "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001");
    let answer = house.send(forged).await.is(StatusCode::NO_CONTENT);
    assert_eq!(answer.header("x-auth-client-id"), Some("orders"));
    assert_eq!(answer.header("x-auth-scopes"), Some("stock:read stock:write"));
    assert_eq!(answer.header("x-auth-roles"), Some(""));
    for header in ["x-auth-user-id", "x-auth-session-id"] {
        assert_eq!(answer.header(header), Some(""), "empty and there, so that what a caller wrote itself is replaced");
    }
}

#[tokio::test]
async fn introspection_tells_of_a_client() {
    let house = House::new().await;
    let secret = house.client("orders", "stock:read").await;
    let token = house.client_token(("orders", &secret)).await;
    for client in [("orders", secret.as_str()), CLIENT] {
        let mut body = introspect(&house, client, &token).await.json();
        assert!(body["jti"].take().as_str().unwrap().parse::<uuid::Uuid>().is_ok());
        let expected = json!({
            "active": true, "token_use": "access_token", "token_type": "Bearer", "iss": "https://auth.example.com",
            "sub": "orders", "aud": "api", "client_id": "orders", "scope": "stock:read", "jti": null,
            "exp": 1_893_456_900, "iat": 1_893_456_000,
        });
        assert_eq!(body, expected, "no sid, no auth_time");
    }
    house.clock.advance(Duration::from_secs(900));
    assert_eq!(introspect(&house, CLIENT, &token).await.text(), "{\"active\":false}");
}

#[tokio::test]
async fn a080_a_client_revokes_its_own_token_and_only_that_one() {
    let house = House::new().await;
    let secret = house.client("orders", "stock:read").await;
    let orders = ("orders", secret.as_str());
    let (lost, kept) = (house.client_token(orders).await, house.client_token(orders).await);
    for hint in ["&token_type_hint=refresh_token", "", ""] {
        let ask = Ask::post(REVOKE).basic(orders).form(&format!("token={}{hint}", encoded(&lost)));
        house.send(ask).await.is(StatusCode::OK);
        assert!(!house.accepts(&lost).await, "at once, and also the second time");
        assert_eq!(introspect(&house, orders, &lost).await.text(), "{\"active\":false}");
    }
    assert!(house.accepts(&kept).await);
}

#[tokio::test]
async fn a079_nobody_else_revokes_a_clients_token() {
    let house = House::new().await;
    let (orders, billing) = (house.client("orders", "").await, house.client("billing", "").await);
    let token = house.client_token(("orders", &orders)).await;
    for client in [("billing", billing.as_str()), CLIENT, FIRST_PARTY] {
        revoke(&house, client, &token).await;
        assert!(house.accepts(&token).await, "{}", client.0);
    }
}

#[tokio::test]
async fn a079_a_client_of_the_store_ends_no_session_that_it_did_not_begin() {
    let house = House::new().await;
    let secret = house.client("orders", "").await;
    let ada = house.user("ada").await;
    for token in [&ada.access, &ada.refresh] {
        revoke(&house, ("orders", &secret), token).await;
        assert!(house.accepts(&ada.access).await);
        assert_eq!(introspect(&house, ("orders", &secret), token).await.json()["active"], true);
    }
    revoke(&house, CLIENT, &ada.access).await;
    assert!(!house.accepts(&ada.access).await, "the operator's own gateway does");
}

#[tokio::test]
async fn with_a_client_its_tokens_end_at_once() {
    let house = House::new().await;
    let (orders, billing) = (house.client("orders", "").await, house.client("billing", "").await);
    let (dead, alive) =
        (house.client_token(("orders", &orders)).await, house.client_token(("billing", &billing)).await);
    house.app.clients.delete(&Caller::operator(), &"orders".parse().unwrap(), &Origin::default()).await.unwrap();
    assert!(!house.accepts(&dead).await && house.accepts(&alive).await);
    assert_eq!(introspect(&house, ("billing", &billing), &dead).await.text(), "{\"active\":false}");
    let answer = house.send(Ask::post(INTROSPECT).basic(("orders", &orders)).form("token=x")).await;
    assert_eq!(answer.is(StatusCode::UNAUTHORIZED).json()["error"], "invalid_client");
}

#[tokio::test]
async fn b35_a_clients_token_gives_nobody_a_session() {
    let house = House::new().await;
    let secret = house.client("orders", "account profile").await;
    let token = house.client_token(("orders", &secret)).await;
    for form in [
        format!("grant_type=refresh_token&client_id=portcullis&refresh_token={token}"),
        format!("grant_type=refresh_token&client_id=orders&client_secret={secret}&refresh_token={token}"),
    ] {
        let answer = house.send(Ask::post("/oauth2/token").form(&form)).await.is(StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["error"], "invalid_grant");
    }
}
