//! Paths and methods.

use poem::http::{Method, StatusCode};
use serde_json::Value;

use crate::harness::{Ask, House};

const METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE, Method::CONNECT];

/// Every documented path, with a value for its parameter, and the methods it documents.
async fn documented(house: &House) -> Vec<(String, Vec<String>)> {
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let paths = document["paths"].as_object().unwrap().clone();
    let methods = |operations: &Value| operations.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
    let filled = |path: &str| path.replace("{type}", "portcullis.user.registered.v1").replace(&['{', '}'][..], "");
    paths.iter().map(|(path, operations)| (filled(path), methods(operations))).collect()
}

#[tokio::test]
async fn a053_a_documented_path_knows_its_methods_and_no_others() {
    let house = House::new().await;
    let documented = documented(&house).await;
    assert!(documented.len() >= 17);
    for (path, methods) in documented {
        let mut allow: Vec<&str> = methods.iter().map(String::as_str).collect();
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        allow.push("OPTIONS");
        allow.sort_unstable();
        let allow = allow.join(", ");
        let options = house.send(Ask::new(Method::OPTIONS, &path)).await.is(StatusCode::NO_CONTENT);
        assert_eq!(options.header("allow"), Some(allow.as_str()), "{path}");
        for method in METHODS {
            let known = methods.iter().any(|known| known == method.as_str());
            let answer = house.send(Ask::new(method.clone(), &path)).await;
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(answer.status != StatusCode::METHOD_NOT_ALLOWED, known, "{method} {path}");
            if known {
                continue;
            }
            assert_eq!(answer.header("allow"), Some(allow.as_str()), "{method} {path}");
            if path.starts_with("/oauth2") {
                assert_eq!(answer.json()["error"], "invalid_request");
            } else {
                assert_eq!(answer.problem(), "method-not-allowed");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_in_the_dialect_of_its_place() {
    let house = House::new().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/me/",
        "/api/v1//me",
        "/API/V1/ME",
        "/api/v2/me",
        "/api/v1/me%2f",
        "/api/v1/../v1/me",
        "/api/v1/user",
        "/api/v1/users/",
        "/api/v1/users/x/y",
        "/api/v1/users/x/roles/",
        "/metrics",
        "/debug",
        "/docs/",
        "/docs/../openapi.json",
        "/.git/config",
        "/.well-known/",
        "/oauth2x",
        "/livez/",
        "/%00",
        "/api/v1/me;x=1",
    ] {
        for method in METHODS.into_iter().chain([Method::OPTIONS, Method::HEAD]) {
            let answer = house.send(Ask::new(method, path)).await.is(StatusCode::NOT_FOUND);
            assert_eq!(answer.problem(), "not-found", "{path}");
        }
    }
    for path in ["/oauth2", "/oauth2/", "/oauth2/token/", "/oauth2/nothing"] {
        let answer = house.send(Ask::post(path)).await.is(StatusCode::NOT_FOUND);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.json()["error"], "invalid_request", "{path}");
    }
}

#[tokio::test]
async fn a049_the_method_is_what_the_request_line_says() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let ask = Ask::get("/api/v1/me?_method=DELETE").bearer(&access).header(header, "DELETE");
        house.send(ask).await.is(StatusCode::OK);
    }
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        house.send(Ask::new(method, "/api/v1/auth/logout").bearer(&access)).await;
    }
    assert!(house.accepts(&access).await);
}

#[tokio::test]
async fn a053_nothing_is_traced() {
    let house = House::new().await;
    for path in ["/", "/livez", "/api/v1/me", "/oauth2/introspect"] {
        let ask = Ask::new(Method::TRACE, path).header("cookie", "secret=canary").header("authorization", "canary");
        let answer = house.send(ask).await;
        assert!([404, 405].contains(&answer.status.as_u16()), "{path}");
        assert!(!answer.text().contains("canary") && !format!("{:?}", answer.headers).contains("canary"));
    }
}

#[tokio::test]
async fn a053_whatever_a_client_would_rather_have_it_gets_json() {
    let house = House::new().await;
    for accept in ["text/html", "application/xml", "image/*;q=0.1", "*/*;q=0", "", "%%%"] {
        let answer = house.send(Ask::get("/api/v1/me").header("accept", accept)).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "unauthenticated", "{accept}");
    }
}

#[tokio::test]
async fn options_of_the_whole_service_is_answered_and_of_nothing_is_not() {
    let house = House::new().await;
    assert!(house.send(Ask::new(Method::OPTIONS, "*")).await.is(StatusCode::NO_CONTENT).body.is_empty());
    house.send(Ask::get("*")).await.is(StatusCode::NOT_FOUND);
    house.send(Ask::new(Method::OPTIONS, "/nothing")).await.is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a109_a_url_has_so_many_bytes_and_headers_have_so_many() {
    let house = House::new().await;
    let url = |size: usize| Ask::get(&format!("/livez?{}", "x".repeat(size - "/livez?".len())));
    house.send(url(8 * 1024)).await.is(StatusCode::OK);
    assert_eq!(house.send(url(8 * 1024 + 1)).await.is(StatusCode::URI_TOO_LONG).problem(), "uri-too-long");
    let nowhere = Ask::get(&format!("/{}", "x".repeat(20_000)));
    assert_eq!(house.send(nowhere).await.is(StatusCode::URI_TOO_LONG).problem(), "uri-too-long");

    let own = "host: auth.example.com\r\n".len() + "x-long: \r\n".len();
    let headers = |size: usize| Ask::get("/livez").header("x-long", "x".repeat(size - own));
    house.send(headers(28 * 1024)).await.is(StatusCode::OK);
    let refused = house.send(headers(28 * 1024 + 1)).await.is(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(refused.problem(), "headers-too-large");
    let many =
        (0..60).fold(Ask::get("/oauth2/x"), |ask, n| ask.header("cookie", format!("c{n}={}", "x".repeat(4_000))));
    let refused = house.send(many).await.is(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(refused.json()["error"], "invalid_request");
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let house = House::new().await;
    let access = house.user("ada").await.access;
    let paths = documented(&house).await.into_iter().filter(|(_, methods)| methods.iter().any(|m| m == "GET"));
    for path in paths.map(|(path, _)| path) {
        let path = path.as_str();
        let get = house.send(Ask::get(path).bearer(&access)).await;
        let head = house.send(Ask::new(Method::HEAD, path).bearer(&access)).await;
        assert_eq!((head.status, head.steady_headers()), (get.status, get.steady_headers()), "{path}");
    }
}
