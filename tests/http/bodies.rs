//! Request bodies: their type, their size, their syntax.

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::harness::{Ask, House, PASSWORD, Plan};

/// Every operation that reads a JSON body.
pub(crate) const JSON_OPERATIONS: [(Method, &str); 5] = [
    (Method::POST, "/api/v1/auth/register"),
    (Method::POST, "/api/v1/auth/login"),
    (Method::POST, "/api/v1/auth/refresh"),
    (Method::PATCH, "/api/v1/me"),
    (Method::PUT, "/api/v1/me/password"),
];

/// Every operation that reads a form.
pub(crate) const FORM_OPERATIONS: [(Method, &str); 2] =
    [(Method::POST, "/oauth2/introspect"), (Method::POST, "/oauth2/revoke")];

#[tokio::test]
async fn a053_a_body_of_another_type_is_415() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for (method, path) in JSON_OPERATIONS {
        let ask = || Ask::new(method.clone(), path).bearer(&access);
        let asks = [
            ask().body("{}"),
            ask().raw("text/plain", "{}"),
            ask().raw("application/x-www-form-urlencoded", "a=b"),
            ask().raw("multipart/form-data; boundary=x", "--x--"),
            ask().raw("application/json; charset=latin1", "{}"),
            ask().raw("application/vnd.api+json", "{}"),
            ask().raw("application/json", "{}").header("content-type", "text/plain"),
        ];
        for ask in asks {
            let answer = house.send(ask).await.is(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(answer.problem(), "unsupported-media-type");
        }
    }
}

#[tokio::test]
async fn b06_an_encoded_body_is_never_unpacked() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for (method, path) in JSON_OPERATIONS.into_iter().chain(FORM_OPERATIONS) {
        let media = if path.starts_with("/oauth2") { "application/x-www-form-urlencoded" } else { "application/json" };
        for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip", "GZIP"] {
            let ask =
                Ask::new(method.clone(), path).bearer(&access).raw(media, "{}").header("content-encoding", encoding);
            house.send(ask).await.is(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }
}

#[tokio::test]
async fn a109_a_body_of_the_limit_is_read_and_one_byte_more_is_not() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    let limit = 64 * 1024;
    for (method, path) in JSON_OPERATIONS {
        let padded = |size: usize| format!("{{{}}}", " ".repeat(size - 2));
        let ask = |size| Ask::new(method.clone(), path).bearer(&access).raw("application/json", padded(size));
        let fits = house.send(ask(limit)).await;
        assert!([StatusCode::UNPROCESSABLE_ENTITY, StatusCode::OK].contains(&fits.status), "{}", fits.text());
        for size in [limit + 1, 2 * limit, 1 << 20] {
            assert_eq!(house.send(ask(size)).await.is(StatusCode::PAYLOAD_TOO_LARGE).problem(), "body-too-large");
        }
    }
}

#[tokio::test]
async fn a109_the_declared_length_is_enough_to_refuse_and_not_enough_to_believe() {
    let house = House::new().await;
    for (path, media) in
        [("/api/v1/auth/login", "application/json"), ("/oauth2/introspect", "application/x-www-form-urlencoded")]
    {
        let huge = Ask::post(path).raw(media, "").header("content-length", "99999999999");
        house.send(huge).await.is(StatusCode::PAYLOAD_TOO_LARGE);
        let liar = Ask::post(path).raw(media, "x".repeat(70_000)).header("content-length", "2");
        house.send(liar).await.is(StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn b50_depth_is_bounded() {
    let house = House::new().await;
    for text in ["[".repeat(60_000), format!("{{\"a\":{}", "[".repeat(60_000)), "{\"a\":".repeat(10_000)] {
        let answer = house.send(Ask::post("/api/v1/auth/login").raw("application/json", text)).await;
        assert_eq!(answer.is(StatusCode::BAD_REQUEST).problem(), "malformed-json");
    }
}

#[tokio::test]
async fn b50_a_hundred_thousand_levels_are_400_and_no_crash() {
    let house = House::build(Plan { body_limit: 1 << 20, ..Plan::default() }).await;
    let access = house.user("ada").await.access;
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    for text in [
        format!("{open}{close}"),
        format!("{{\"a\":{open}{close}}}"),
        format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        format!("{{\"login\":{open}"),
        "[{\"a\":".repeat(50_000),
    ] {
        for (method, path) in JSON_OPERATIONS {
            let ask = Ask::new(method, path).bearer(&access).raw("application/json", text.clone());
            assert_eq!(house.send(ask).await.is(StatusCode::BAD_REQUEST).problem(), "malformed-json");
        }
    }
    let levels = |count: usize| format!("{{\"login\":{}{}}}", "[".repeat(count), "]".repeat(count));
    for (count, status) in [(126, StatusCode::UNPROCESSABLE_ENTITY), (127, StatusCode::BAD_REQUEST)] {
        house.send(Ask::post("/api/v1/auth/login").raw("application/json", levels(count))).await.is(status);
    }
}

#[tokio::test]
async fn malformed_json_is_400_and_is_not_repeated() {
    let house = House::new().await;
    let secret = "never-to-be-seen-again";
    for text in [
        String::new(),
        format!("{{\"login\":\"ada\",\"password\":\"{secret}\""),
        format!("{{\"login\":\"ada\",\"password\":\"{secret}\",\"password\":\"{secret}\"}}"),
        secret.to_owned(),
        format!("{{\"password\":\"{secret}\"}} {secret}"),
        format!("\u{feff}{{\"password\":\"{secret}\"}}"),
        format!("{{\"password\":NaN,\"x\":\"{secret}\"}}"),
    ] {
        let answer = house.send(Ask::post("/api/v1/auth/login").raw("application/json", text)).await;
        assert_eq!(answer.clone().is(StatusCode::BAD_REQUEST).problem(), "malformed-json");
        assert!(!answer.text().contains(secret));
    }
}

#[tokio::test]
async fn a_password_is_never_repeated_in_an_error() {
    let house = House::new().await;
    for password in ["sunshine", "never!!", &"never-to-be-seen".repeat(100)] {
        let body = json!({ "login": 1, "email": 1, "password": password, "current_password": password, "new_password": password });
        for (method, path) in JSON_OPERATIONS {
            let answer = house.send(Ask::new(method, path).json(body.clone())).await;
            assert!(answer.status.is_client_error());
            assert!(!answer.text().contains(password), "{path}");
        }
    }
}

#[tokio::test]
async fn parameters_of_the_content_type_are_ignored_but_for_the_charset() {
    let house = House::new().await;
    house.user("ada").await;
    let body = json!({ "login": "ada", "password": PASSWORD }).to_string();
    for media in ["application/json; charset=utf-8", "application/json;charset=\"UTF-8\"", "APPLICATION/JSON; v=1"] {
        house.send(Ask::post("/api/v1/auth/login").raw(media, body.clone())).await.is(StatusCode::OK);
    }
}
