//! The middlewares for poem.
#![expect(clippy::needless_pass_by_value, reason = "poem passes what it extracts by value")]

use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use poem::{Endpoint, EndpointExt, Route, get, handler, post};
use portcullis_verifier::poem::{bearer, require};
use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::{Claims, Denied, Rejected, Staleness, Verifier};

#[handler]
fn whoami(claims: Claims) -> String {
    claims.subject().to_owned()
}

#[handler]
fn create() -> &'static str {
    "created"
}

fn service(verifier: Verifier) -> TestClient<impl Endpoint> {
    let guarded = Route::new()
        .at("/me", get(whoami))
        .at("/orders", post(create.with(require("orders:write"))))
        .with(bearer(verifier.clone()));
    let extracted = Route::new().at("/me", get(whoami)).data(verifier);
    let routes = Route::new().nest("/guarded", guarded).nest("/extracted", extracted);
    TestClient::new(routes.at("/unguarded", get(whoami)).at("/naked", post(create.with(require("orders:write")))))
}

async fn me(client: &TestClient<impl Endpoint>, authorization: &[&str]) -> TestResponse {
    let mut request = client.get("/guarded/me");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    request.send().await
}

fn challenge(response: &TestResponse) -> Option<&str> {
    response.0.headers().get("www-authenticate").map(|value| value.to_str().expect("text"))
}

#[tokio::test]
async fn claims_are_extracted_behind_the_middleware_and_from_the_data() {
    let issuer = TestIssuer::new("orders");
    let client = service(issuer.verifier());
    let token = format!("Bearer {}", issuer.token().subject("alice").mint());
    for path in ["/guarded/me", "/extracted/me"] {
        let response = client.get(path).header("authorization", &token).send().await;
        response.assert_status_is_ok();
        response.assert_text("alice").await;
        let response = client.get(path).send().await;
        response.assert_status(StatusCode::UNAUTHORIZED);
        assert_eq!(challenge(&response), Some(r#"Bearer realm="orders""#), "{path}");
    }
}

#[tokio::test]
async fn a082_every_refusal_has_its_status_and_challenge() {
    let issuer = TestIssuer::new("orders");
    let client = service(issuer.verifier());
    let bearer = |token: String| format!("Bearer {token}");
    let invalid = Some(r#"Bearer realm="orders", error="invalid_token""#);
    for token in [issuer.expired(), issuer.wrong_key(), issuer.revoked(), issuer.wrong_audience(), "x".to_owned()] {
        let response = me(&client, &[&bearer(token)]).await;
        response.assert_status(StatusCode::UNAUTHORIZED);
        assert_eq!(challenge(&response), invalid);
    }
    let good = bearer(issuer.valid());
    for two in [&[&*good, &*good][..], &["Bearer a b"], &["Bearer"]] {
        let response = me(&client, two).await;
        response.assert_status(StatusCode::BAD_REQUEST);
        assert_eq!(challenge(&response), Some(r#"Bearer realm="orders", error="invalid_request""#));
    }
    for other in ["Basic YTpi", ""] {
        let response = me(&client, &[other]).await;
        response.assert_status(StatusCode::UNAUTHORIZED);
        assert_eq!(challenge(&response), Some(r#"Bearer realm="orders""#));
    }
    me(&client, &[&good.replace("Bearer", "bEARER ")]).await.assert_status_is_ok();
}

#[tokio::test]
async fn what_a_token_does_not_allow_is_403_and_says_what_is_needed() {
    let issuer = TestIssuer::new("orders");
    let client = service(issuer.verifier());
    let post = async |token: String| {
        client.post("/guarded/orders").header("authorization", format!("Bearer {token}")).send().await
    };
    post(issuer.token().scope("openid orders:write").mint()).await.assert_status_is_ok();
    post(issuer.token().permissions(&["orders:*"]).mint()).await.assert_status_is_ok();
    for token in [issuer.valid(), issuer.token().scope("orders:read orders:*").mint()] {
        let response = post(token).await;
        response.assert_status(StatusCode::FORBIDDEN);
        let expected = r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#;
        assert_eq!(challenge(&response), Some(expected));
    }
    post(issuer.expired()).await.assert_status(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whoever_may_only_look_changes_nothing() {
    let issuer = TestIssuer::new("orders");
    let client = service(issuer.verifier());
    let acting = issuer.token().subject("alice").actor("bob").scope("orders:write").read_only().mint();
    let acting = format!("Bearer {acting}");
    me(&client, &[&acting]).await.assert_text("alice").await;
    let response = client.post("/guarded/orders").header("authorization", &acting).send().await;
    response.assert_status(StatusCode::FORBIDDEN);
    assert_eq!(challenge(&response), Some(r#"Bearer realm="orders", error="insufficient_scope""#));
}

#[tokio::test]
async fn a_service_that_cannot_tell_says_503_and_when_to_come_again() {
    let issuer = TestIssuer::new("orders");
    let strict = Staleness::RefuseBeyond(std::time::Duration::ZERO);
    let client = service(issuer.builder().staleness(strict).build().unwrap());
    issuer.feed().lost(std::time::Duration::ZERO);
    issuer.clock().advance(std::time::Duration::from_secs(1));
    let response = me(&client, &[&format!("Bearer {}", issuer.valid())]).await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(challenge(&response), None);
    response.assert_header_exist("retry-after");
}

#[tokio::test]
async fn without_a_verifier_nobody_passes() {
    let issuer = TestIssuer::new("orders");
    let client = service(issuer.verifier());
    let token = format!("Bearer {}", issuer.token().scope("orders:write").mint());
    client
        .get("/unguarded")
        .header("authorization", &token)
        .send()
        .await
        .assert_status(StatusCode::SERVICE_UNAVAILABLE);
    client.post("/naked").header("authorization", &token).send().await.assert_status(StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_service_may_give_refusals_a_body_of_its_own() {
    let issuer = TestIssuer::new("orders");
    let routes =
        Route::new().at("/me", get(whoami)).with(bearer(issuer.verifier())).catch_all_error(|error| async move {
            let denied = error.data::<Denied>().cloned();
            let mut response = error.into_response();
            if denied == Some(Denied::Rejected(Rejected::Expired)) {
                response.set_body("log in again");
            }
            response
        });
    let client = TestClient::new(routes);
    let response = client.get("/me").header("authorization", format!("Bearer {}", issuer.expired())).send().await;
    response.assert_status(StatusCode::UNAUTHORIZED);
    assert!(challenge(&response).is_some());
    response.assert_text("log in again").await;
}
