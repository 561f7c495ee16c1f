//! The example services, given a verifier of the test's own.

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use poem::test::TestClient;
use portcullis_verifier::testing::TestIssuer;
use serde_json::json;
use tower::ServiceExt;

#[path = "../../examples/orders_axum.rs"]
#[expect(dead_code, reason = "only its routes are of interest, not how it starts")]
mod orders_axum;
#[path = "../../examples/orders_poem.rs"]
#[expect(dead_code, reason = "only its routes are of interest, not how it starts")]
mod orders_poem;

/// Tokens for: an order, a look, another user's look, a service's look.
fn tokens(issuer: &TestIssuer) -> [String; 4] {
    let alice = issuer.token().subject("alice");
    let [order, look, other] = [alice.clone().scope("orders:write"), alice, issuer.token().subject("bob")];
    [order.mint(), look.mint(), other.mint(), issuer.client_token("reports").mint()]
        .map(|token| format!("Bearer {token}"))
}

#[tokio::test]
async fn the_orders_service_on_axum_does_what_it_says() {
    let issuer = TestIssuer::new("orders");
    let service = orders_axum::routes(issuer.verifier());
    let [order, look, other, reports] = tokens(&issuer);
    let send = async |method: &str, path: &str, token: &str| {
        let request = Request::builder().method(method).uri(path).header("authorization", token);
        let answer = service.clone().oneshot(request.body(Body::from("a lamp")).unwrap()).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    };
    assert_eq!(send("POST", "/orders", &look).await.0, StatusCode::FORBIDDEN);
    assert_eq!(send("POST", "/orders", &order).await.0, StatusCode::CREATED);
    assert_eq!(send("GET", "/orders", &look).await, (StatusCode::OK, "a lamp\n".to_owned()));
    assert_eq!(send("GET", "/orders", &other).await, (StatusCode::OK, String::new()));
    assert_eq!(send("GET", "/orders", &reports).await, (StatusCode::OK, "a lamp\n".to_owned()));
    issuer.delete_client("reports");
    assert_eq!(send("GET", "/orders", &reports).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send("GET", "/readyz", "").await, (StatusCode::OK, "1 keys; revocations: Current\n".to_owned()));
    issuer.clock().advance(Duration::from_secs(900));
    assert_eq!(send("GET", "/orders", &look).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_orders_service_on_poem_does_what_it_says() {
    let issuer = TestIssuer::new("orders");
    let client = TestClient::new(orders_poem::routes(issuer.verifier()));
    let [order, look, other, reports] = tokens(&issuer);
    let create = async |token: &str| {
        let request = client.post("/orders").header("authorization", token).body_json(&json!({"item": "a lamp"}));
        request.send().await.0.status()
    };
    assert_eq!(create(&look).await, StatusCode::FORBIDDEN);
    assert_eq!(create(&order).await, StatusCode::CREATED);
    let lamp = json!([{"item": "a lamp"}]);
    for (token, orders) in [(&look, &lamp), (&other, &json!([])), (&reports, &lamp)] {
        let answer = client.get("/orders").header("authorization", token).send().await;
        answer.assert_status_is_ok();
        answer.assert_json(orders).await;
    }
    issuer.delete_client("reports");
    let refused = client.get("/orders").header("authorization", &reports).send().await;
    refused.assert_status(StatusCode::UNAUTHORIZED);
    let ready = client.get("/readyz").send().await;
    ready.assert_status_is_ok();
    ready.assert_text("1 keys; revocations: Current\n").await;
}
