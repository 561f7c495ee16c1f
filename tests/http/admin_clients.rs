//! OAuth 2 clients, over HTTP.

use std::time::Duration;

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Ask, House};

const CLIENTS: &str = "/api/v1/clients";

#[tokio::test]
async fn a_client_is_created_seen_renewed_and_deleted() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({ "client_id": "orders", "name": "Order desk", "scope": "users:read stock" });
    let created = house.send(admin.post(CLIENTS, body.clone())).await.is(StatusCode::CREATED);
    assert_eq!(created.header("location"), Some("/api/v1/clients/orders"));
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let created = created.json();
    let secret = created["client_secret"].as_str().unwrap().to_owned();
    let token = house.client_token(("orders", &secret)).await;
    house.send(Ask::get("/api/v1/users").bearer(&token)).await.is(StatusCode::OK);
    house.send(Ask::get("/api/v1/roles").bearer(&token)).await.is(StatusCode::FORBIDDEN);
    assert_eq!(house.send(admin.post(CLIENTS, body)).await.is(StatusCode::CONFLICT).problem(), "client-taken");

    let seen = house.send(admin.get(&format!("{CLIENTS}/orders"))).await.is(StatusCode::OK).json();
    assert_eq!(
        (&seen["name"], &seen["scope"], seen.get("client_secret")),
        (&json!("Order desk"), &json!("users:read stock"), None)
    );
    let listed = house.send(admin.get(CLIENTS)).await.is(StatusCode::OK);
    assert_eq!(listed.json()["items"], json!([seen]));
    assert!(!listed.text().contains("pcs_"));

    let rotate = admin.post(&format!("{CLIENTS}/orders/rotate-secret"), json!({ "overlap_seconds": 60 }));
    let renewed = house.send(rotate).await.is(StatusCode::OK).json();
    let new = renewed["client_secret"].as_str().unwrap();
    assert_eq!(renewed["client_id"], "orders");
    for secret in [&secret, new] {
        house.client_token(("orders", secret)).await;
    }
    house.clock.advance(Duration::from_secs(61));
    let old = Ask::post("/oauth2/token").basic(("orders", &secret)).form("grant_type=client_credentials");
    house.send(old).await.is(StatusCode::UNAUTHORIZED);

    house.send(admin.delete(&format!("{CLIENTS}/orders"))).await.is(StatusCode::NO_CONTENT);
    assert!(!house.accepts(&token).await);
    for ask in [
        admin.get(&format!("{CLIENTS}/orders")),
        admin.delete(&format!("{CLIENTS}/orders")),
        admin.post(&format!("{CLIENTS}/orders/rotate-secret"), json!({})),
        admin.get(&format!("{CLIENTS}/x")),
    ] {
        assert_eq!(house.send(ask).await.is(StatusCode::NOT_FOUND).problem(), "not-found");
    }
}

#[tokio::test]
async fn a104_nobody_gives_a_client_what_they_lack() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let clerk = house.staff("clerk", &["clients:*"]).await;
    let harmless = json!({ "client_id": "harmless", "scope": "stock" });
    house.send(clerk.post(CLIENTS, harmless)).await.is(StatusCode::CREATED);
    for scope in ["users:read", "stock *:*", "clients:* audit:read"] {
        let body = json!({ "client_id": "mighty", "scope": scope });
        let refused = house.send(clerk.post(CLIENTS, body)).await.is(StatusCode::FORBIDDEN);
        assert_eq!(refused.problem(), "not-permitted");
    }
    house.send(clerk.get(&format!("{CLIENTS}/mighty"))).await.is(StatusCode::NOT_FOUND);
    house.client("mighty", "*:*").await;
    let rotate = clerk.post(&format!("{CLIENTS}/mighty/rotate-secret"), json!({}));
    house.send(rotate).await.is(StatusCode::FORBIDDEN);
    let refused = house.all_pages(&admin, &format!("/api/v1/audit?actor=user:{}", clerk.id)).await;
    let refused: Vec<_> = refused.iter().filter(|entry| entry["outcome"] == "not_permitted").collect();
    assert_eq!(refused.len(), 4, "{refused:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_client_is_said() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for (body, expected) in [
        (
            json!({ "client_id": "No", "scope": "a  b", "client_secret": "mine" }),
            &["/client_id malformed", "/scope malformed", "/client_secret unknown-field"][..],
        ),
        (json!({ "name": "" }), &["/name malformed"]),
        (json!({ "name": 1 }), &["/name wrong-type"]),
        (json!({ "client_id": "gateway" }), &["/client_id reserved"]),
    ] {
        let answer = house.send(admin.post(CLIENTS, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), expected);
    }
    let made = house.send(admin.post(CLIENTS, json!({}))).await.is(StatusCode::CREATED).json();
    assert!(made["client_id"].as_str().unwrap().starts_with("c-"));
    assert_eq!((&made["name"], &made["scope"]), (&Value::Null, &json!("")));
    let path = format!("{CLIENTS}/{}/rotate-secret", made["client_id"].as_str().unwrap());
    for overlap in [json!(-1), json!(2_592_001), json!(0.5), json!("1")] {
        let body = json!({ "overlap_seconds": overlap });
        house.send(admin.post(&path, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    }
}
