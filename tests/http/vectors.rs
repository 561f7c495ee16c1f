//! Hostile inputs from elsewhere: JSONTestSuite and the big list of naughty strings.

use std::path::PathBuf;

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bodies::{FORM_OPERATIONS, JSON_OPERATIONS};
use crate::harness::{Answer, Ask, CLIENT, House, encoded};

/// A file of the shared vectors; `None`, with a line that says so, when this clone has none and is not in CI.
#[expect(clippy::disallowed_methods, reason = "tests find the vectors by the environment")]
#[expect(clippy::print_stdout, reason = "a test that does not run says so")]
pub(crate) fn vectors(file: &str) -> Option<Value> {
    let root = std::env::var("PORTCULLIS_VECTORS")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"), PathBuf::from);
    let path = root.join(file);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "test vectors are missing: {}: {error}",
                path.display()
            );
            println!("not run: no test vectors at {}", path.display());
            None
        }
    }
}

/// Names that RFC 8259 only asks to be unique and RFC 7493 (I-JSON) wants unique: we follow the latter.
const ACCEPTED_ELSEWHERE: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

#[tokio::test]
async fn a108_jsontestsuite_on_every_json_endpoint() {
    let Some(rows) = vectors("jsontestsuite/test_parsing.json") else { return };
    let house = House::new().await;
    let access = house.user("ada").await.access;
    let mut executed = 0;
    for row in rows.as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let bytes = decoded(row["base64"].as_str().unwrap());
        for (method, path) in JSON_OPERATIONS {
            let ask = Ask::new(method, path).bearer(&access).raw("application/json", bytes.clone());
            let answer = house.send(ask).await;
            let malformed = answer.status == StatusCode::BAD_REQUEST && answer.problem() == "malformed-json";
            let too_large = answer.status == StatusCode::PAYLOAD_TOO_LARGE && bytes.len() > 64 * 1024;
            match row["expect"].as_str().unwrap() {
                "reject" => assert!(malformed || too_large, "{path} {name}: {}", answer.status),
                "accept" if ACCEPTED_ELSEWHERE.contains(&name) => assert!(malformed, "{path} {name}"),
                "accept" => assert!(!malformed && !answer.status.is_server_error(), "{path} {name}: {}", answer.status),
                _ => assert!(answer.status.is_client_error(), "{path} {name}: {}", answer.status),
            }
            executed += 1;
        }
    }
    assert!(executed >= 318 * JSON_OPERATIONS.len(), "only {executed} rows were executed");
}

fn decoded(base64: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

/// Never a fault, and nothing of the inside in the answer.
#[track_caller]
fn survived(answer: &Answer, what: &str) {
    assert!(!answer.status.is_server_error(), "{what}: {}", answer.status);
    if answer.status.is_client_error() && answer.header("content-type") == Some("application/problem+json") {
        answer.problem();
    }
}

#[tokio::test]
async fn a108_naughty_strings_in_every_text_field() {
    let Some(rows) = vectors("blns/blns.json") else { return };
    let rows = rows.as_array().unwrap();
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for row in rows {
        let text = row.as_str().unwrap();
        let bodies = [
            (Method::POST, "/api/v1/auth/register", json!({ "username": text, "email": text, "password": text })),
            (
                Method::POST,
                "/api/v1/auth/register",
                json!({ "email": "x@example.com", "password": format!("{text}{text}") }),
            ),
            (Method::POST, "/api/v1/auth/login", json!({ "login": text, "password": text })),
            (Method::POST, "/api/v1/auth/login", json!({ "login": "ada", "password": text, "transport": text })),
            (Method::POST, "/api/v1/auth/refresh", json!({ "refresh_token": text })),
            (Method::PATCH, "/api/v1/me", json!({ "email": text, "current_password": text })),
            (Method::PATCH, "/api/v1/me", json!({ "username": text })),
            (Method::PUT, "/api/v1/me/password", json!({ "current_password": text, "new_password": text })),
            (Method::POST, "/api/v1/auth/login", json!({ text: text })),
        ];
        for (method, path, body) in bodies {
            let answer = house.send(Ask::new(method, path).bearer(&access).json(body)).await;
            survived(&answer, &format!("{path} {text}"));
        }
        for (method, path) in FORM_OPERATIONS {
            for form in ["token", "token=x&token_type_hint", "client_secret=x&client_id", "token=x&unknown"] {
                let body = format!("{form}={}", encoded(text));
                survived(&house.send(Ask::new(method.clone(), path).basic(CLIENT).form(&body)).await, text);
                survived(&house.send(Ask::new(method.clone(), path).basic(CLIENT).form(text)).await, text);
            }
        }
        for path in
            ["/api/v1/me/sessions?limit=", "/api/v1/me/sessions?cursor=", "/oauth2/introspect?", "/readyz?verbose="]
        {
            survived(&house.send(Ask::get(&format!("{path}{}", encoded(text))).bearer(&access)).await, text);
        }
        let session = format!("/api/v1/me/sessions/{}", encoded(text));
        survived(&house.send(Ask::new(Method::DELETE, &session).bearer(&access)).await, text);
    }
    assert!(rows.len() >= 500, "only {} strings were tried", rows.len());
    assert!(house.accepts(&access).await);
}

#[tokio::test]
async fn b48_naughty_strings_in_every_header() {
    let Some(rows) = vectors("blns/blns.json") else { return };
    let house = House::new().await;
    let access = house.user("ada").await.access;
    let mut executed = 0;
    for row in rows.as_array().unwrap() {
        let text = row.as_str().unwrap();
        if poem::http::HeaderValue::from_bytes(text.as_bytes()).is_err() {
            continue;
        }
        executed += 1;
        for header in [
            "authorization",
            "cookie",
            "x-csrf-token",
            "x-request-id",
            "traceparent",
            "user-agent",
            "content-type",
            "content-encoding",
            "content-length",
            "if-none-match",
            "accept",
            "origin",
        ] {
            let get = Ask::get("/api/v1/me").header(header, text);
            let answer = house.send(get).await;
            assert_eq!(answer.is(StatusCode::UNAUTHORIZED).problem(), "unauthenticated", "{header}: {text}");
            let post = Ask::post("/api/v1/auth/login").header(header, text).body("{}");
            survived(&house.send(post).await, text);
            let form = Ask::post("/oauth2/introspect").header(header, text).body("token=x");
            survived(&house.send(form).await, text);
        }
        let bearer = Ask::get("/api/v1/me").header("authorization", format!("Bearer {text}"));
        house.send(bearer).await.is(StatusCode::UNAUTHORIZED);
    }
    assert!(executed >= 400, "only {executed} strings can be a header");
    assert!(house.accepts(&access).await);
}
