//! The layers for axum, tonic and others.

use axum::body::Body;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{Request, Response, StatusCode};
use portcullis_verifier::testing::TestIssuer;
use portcullis_verifier::tower::{bearer, require};
use portcullis_verifier::{Claims, Staleness, Verifier};
use tower::ServiceExt;

async fn whoami(Extension(claims): Extension<Claims>) -> String {
    claims.subject().to_owned()
}

fn service(verifier: Verifier) -> Router {
    Router::new()
        .route("/me", get(whoami))
        .route("/orders", post(|| async { "created" }).layer(require("orders:write")))
        .layer(bearer(verifier))
        .route("/naked", post(|| async { "created" }).layer(require("orders:write")))
}

async fn send(service: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    service.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

#[tokio::test]
async fn claims_are_in_the_extensions() {
    let issuer = TestIssuer::new("orders");
    let service = service(issuer.verifier());
    let token = format!("Bearer {}", issuer.token().subject("alice").mint());
    let response = send(&service, "GET", "/me", &[("authorization", &token)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
    assert_eq!(&body[..], b"alice");
}

#[tokio::test]
async fn a082_every_refusal_has_its_status_and_challenge() {
    let issuer = TestIssuer::new("orders");
    let service = service(issuer.verifier());
    let bearer = |token: &str| format!("Bearer {token}");
    let (good, allowed) = (bearer(&issuer.valid()), bearer(&issuer.token().scope("orders:write").mint()));
    let (expired, revoked) = (bearer(&issuer.expired()), bearer(&issuer.revoked()));
    let no_token = Some(r#"Bearer realm="orders""#);
    let invalid = Some(r#"Bearer realm="orders", error="invalid_token""#);
    let muddled = Some(r#"Bearer realm="orders", error="invalid_request""#);
    let insufficient = Some(r#"Bearer realm="orders", error="insufficient_scope", scope="orders:write""#);
    for (values, status, challenge) in [
        (&[][..], 401, no_token),
        (&["Basic YTpi"], 401, no_token),
        (&[&*expired], 401, invalid),
        (&[&*revoked], 401, invalid),
        (&["Bearer x"], 401, invalid),
        (&[&*good, &*good], 400, muddled),
        (&["Bearer a b"], 400, muddled),
        (&[&*good], 403, insufficient),
        (&[&*allowed], 200, None),
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
        let response = send(&service, "POST", "/orders", &headers).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "www-authenticate")),
            (status, challenge),
            "{values:?}"
        );
    }
}

#[tokio::test]
async fn a_requirement_without_the_layer_before_it_lets_nobody_pass() {
    let issuer = TestIssuer::new("orders");
    let token = format!("Bearer {}", issuer.token().scope("orders:write").mint());
    let response = send(&service(issuer.verifier()), "POST", "/naked", &[("authorization", &token)]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_service_that_cannot_tell_says_503_and_when_to_come_again() {
    let issuer = TestIssuer::new("orders");
    let strict = Staleness::RefuseBeyond(std::time::Duration::ZERO);
    let service = service(issuer.builder().staleness(strict).build().unwrap());
    issuer.feed().lost(std::time::Duration::ZERO);
    issuer.clock().advance(std::time::Duration::from_secs(1));
    let token = format!("Bearer {}", issuer.valid());
    let response = send(&service, "GET", "/me", &[("authorization", &token)]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(header(&response, "retry-after").is_some() && header(&response, "www-authenticate").is_none());
}

#[tokio::test]
async fn whoever_may_only_look_changes_nothing() {
    let issuer = TestIssuer::new("orders");
    let service = service(issuer.verifier());
    let acting = issuer.token().subject("alice").actor("bob").scope("orders:write").read_only().mint();
    let headers = [("authorization", &*format!("Bearer {acting}"))];
    assert_eq!(send(&service, "GET", "/me", &headers).await.status(), StatusCode::OK);
    let response = send(&service, "POST", "/orders", &headers).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "www-authenticate"), Some(r#"Bearer realm="orders", error="insufficient_scope""#));
    let grpc = [headers[0], ("content-type", "application/grpc")];
    assert_eq!(header(&send(&service, "POST", "/me", &grpc).await, "grpc-status"), Some("7"), "gRPC is all POST");
}

#[tokio::test]
async fn grpc_is_refused_in_its_own_way() {
    let issuer = TestIssuer::new("orders");
    let service = service(issuer.verifier());
    let good = format!("Bearer {}", issuer.valid());
    for (authorization, code) in
        [(None, "16"), (Some("Bearer x"), "16"), (Some("Bearer a b"), "3"), (Some(&*good), "7")]
    {
        let mut headers = vec![("content-type", "application/grpc+proto")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let response = send(&service, "POST", "/orders", &headers).await;
        assert_eq!((response.status(), header(&response, "grpc-status")), (StatusCode::OK, Some(code)));
        assert_eq!(header(&response, "content-type"), Some("application/grpc"));
    }
}
