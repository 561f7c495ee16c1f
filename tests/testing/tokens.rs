//! Tokens are real ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use portcullis::testing::TestService;
use serde_json::{Value, json};

/// What a JWT says, unchecked.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT has a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("it is base64url");
    serde_json::from_slice(&payload).expect("it is JSON")
}

/// The key that signed a JWT.
pub(crate) fn kid(token: &str) -> String {
    decode_header(token).expect("a header").kid.expect("a kid")
}

#[tokio::test]
async fn another_library_verifies_them_with_the_published_keys_at_the_real_time() {
    for (name, algorithm) in [("EdDSA", Algorithm::EdDSA), ("ES256", Algorithm::ES256), ("RS256", Algorithm::RS256)] {
        let service = TestService::builder().audience("orders").algorithm(name).build().await.expect("settings");
        verifies(&service, algorithm).await;
    }
}

async fn verifies(service: &TestService, algorithm: Algorithm) {
    let (ada, login) = service.user("ada").await;
    let keys: JwkSet = service.get("/.well-known/jwks.json").send().await.expect(200).json();
    let key = DecodingKey::from_jwk(keys.find(&kid(&login.access_token)).expect("it is published")).expect("a key");
    let mut checks = Validation::new(algorithm);
    checks.set_issuer(&[service.issuer()]);
    checks.set_audience(&["orders"]);
    // `exp` and `nbf` are judged by the machine's clock: a service begins there.
    checks.validate_nbf = true;
    checks.leeway = 0;
    let read = decode::<Value>(&login.access_token, &key, &checks).expect("the token is valid");
    assert_eq!(read.claims["sub"], ada.id.as_str());
}

#[tokio::test]
async fn pasetos_when_that_is_asked_for_and_both_formats_are_published() {
    let service = TestService::builder().paseto().build().await.expect("settings");
    let (_, login) = service.user("ada").await;
    assert!(login.access_token.starts_with("v4.public."), "{}", login.access_token);
    service.get("/api/v1/me").bearer(&login.access_token).send().await.expect(200);
    for document in ["/.well-known/paserk.json", "/.well-known/jwks.json"] {
        let keys: Value = service.get(document).send().await.expect(200).json();
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{document}: {keys}");
    }
}

#[tokio::test]
async fn a_token_of_another_service_is_refused() {
    let (here, there) = (TestService::start().await, TestService::builder().seed(1).build().await.expect("settings"));
    let (_, login) = there.user("ada").await;
    here.get("/api/v1/me").bearer(&login.access_token).send().await.expect(401);
    let body = json!({ "refresh_token": login.refresh_token });
    here.post("/api/v1/auth/refresh").json(&body).send().await.expect(401);
}

#[tokio::test]
async fn an_account_that_is_deleted_takes_its_tokens_along() {
    let service = TestService::start().await;
    let (ada, login) = service.user("ada").await;
    let delete = service.delete("/api/v1/me").bearer(&login.access_token);
    delete.json(&json!({ "current_password": ada.password })).send().await.expect(204);
    service.get("/api/v1/me").header("authorization", &login.authorization()).send().await.expect(401);
    assert_eq!(service.event("user.deleted").await.data["user_id"], ada.id.as_str());
}
