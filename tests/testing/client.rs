//! Services that call in their own name, and requests by hand.

use portcullis::testing::{TestService, http};
use serde_json::Value;

#[tokio::test]
async fn a_client_gets_tokens_that_other_services_accept_and_a_revoked_one_is_refused() {
    let service = TestService::start().await;
    let orders = service.client("orders", "stock:read").await;
    let token = service.client_token(&orders).await;
    let verified = service.get("/api/v1/auth/verify").bearer(&token).send().await.expect(204);
    assert_eq!(verified.header("x-auth-client-id"), Some("orders"));
    service.get("/api/v1/me").bearer(&token).send().await.expect(403);

    let revoke = service.post("/oauth2/revoke").header("authorization", &orders.authorization());
    revoke.form(&[("token", &token)]).send().await.expect(200);
    service.get("/api/v1/auth/verify").bearer(&token).send().await.expect(401);
    assert_eq!(service.event("token.revoked").await.data["client_id"], "orders");
}

#[tokio::test]
async fn an_own_client_speaks_to_it_in_the_types_of_the_http_crate() {
    let service = TestService::start().await;
    let body = r#"{"email":"ada@example.com","password":"seven grey herons wading"}"#;
    let request = http::Request::post("/api/v1/auth/register").header("content-type", "application/json");
    let answer = service.call(request.body(body).expect("a request")).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let account: Value = serde_json::from_slice(answer.body()).expect("JSON");
    assert_eq!(account["email"], "ada@example.com");
}

#[tokio::test]
#[should_panic(expected = "validation-failed")]
async fn an_answer_that_is_not_the_expected_one_says_why() {
    let service = TestService::start().await;
    let body = serde_json::json!({ "email": "nowhere", "password": "seven grey herons wading" });
    service.post("/api/v1/auth/register").json(&body).send().await.expect(201);
}
