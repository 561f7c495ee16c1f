//! Which pages may read our answers.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House, PASSWORD, Plan};

const PAGE: &str = "https://app.example.com";
const DEVELOPMENT: &str = "http://localhost:5173";

/// What looks like an allowed origin and is none.
const TRICKS: [&str; 26] = [
    "null",
    "*",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://evil.example?https://app.example.com",
    "https://evil.example#https://app.example.com",
    "https://app.example.com@evil.example",
    "https://evil.app.example.com",
    "https://example.com",
    "https://appxexample.com",
    "http://app.example.com",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://app.example.com.",
    "https://APP.example.com",
    "HTTPS://app.example.com",
    "https://app.example.com%00.evil.example",
    "https://app.example.com,https://evil.example",
    "https://app.example.com https://evil.example",
    "https://app.example.com`.evil.example",
    "https://app.example.com_.evil.example",
    "//app.example.com",
    "app.example.com",
    "http://localhost:51733",
    "https://auth.example.com",
];

/// An event that has a schema.
const EVENT: &str = "portcullis.user.registered.v1";

/// What everybody may read, whichever page asks.
fn is_public(what: &str) -> bool {
    ["/.well-known/", "/asyncapi.json", "/schemas/"].iter().any(|path| what.contains(path))
}

async fn house() -> House {
    let adjust = |settings: &mut portcullis_http::HttpSettings| {
        settings.allowed_origins = vec![PAGE.to_owned(), DEVELOPMENT.to_owned()];
    };
    House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await
}

/// Every documented operation: method and path.
async fn operations(house: &House) -> Vec<(Method, String)> {
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let paths = document["paths"].as_object().unwrap().clone();
    let of_path = |(path, operations): (&String, &Value)| {
        let path = path.replace("{id}", "x").replace("{type}", EVENT);
        let methods = operations.as_object().unwrap().keys().map(|name| name.to_uppercase());
        methods.map(|name| (name.parse().unwrap(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

fn preflight(path: &str, origin: &str, method: &Method) -> Ask {
    Ask::new(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method.as_str())
        .header("access-control-request-headers", "authorization, x-csrf-token")
}

#[track_caller]
fn says_nothing(answer: &Answer, what: &str) {
    for (name, value) in &answer.headers {
        let public = name == "access-control-allow-origin" && value == "*" && is_public(what);
        assert!(public || !name.as_str().starts_with("access-control-"), "{what}: {name}: {value:?}");
    }
}

/// A preflight that lets any page read, and no more: never with credentials.
#[track_caller]
fn is_for_everybody(answer: &Answer, what: &str) {
    for (name, expected) in [
        ("access-control-allow-origin", Some("*")),
        ("access-control-allow-methods", Some("GET, HEAD")),
        ("access-control-allow-headers", Some("If-None-Match")),
        ("access-control-max-age", Some("600")),
        ("access-control-allow-credentials", None),
    ] {
        assert_eq!(answer.header(name), expected, "{what}: {name}");
    }
}

fn varies(answer: &Answer) -> bool {
    let lines = answer.headers.get_all("vary").iter();
    lines.flat_map(|line| line.to_str().unwrap().split(',')).any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

#[tokio::test]
async fn a050_b49_no_trick_makes_an_origin_an_allowed_one_on_any_route() {
    let house = house().await;
    let operations = operations(&house).await;
    assert!(operations.len() >= 19);
    for origin in TRICKS {
        for (method, path) in &operations {
            let what = format!("{method} {path} from {origin}");
            let answer = house.send(Ask::new(method.clone(), path).header("origin", origin)).await;
            says_nothing(&answer, &what);
            assert!(varies(&answer) || is_public(path), "{what}");
            let answer = house.send(preflight(path, origin, method)).await.is(StatusCode::NO_CONTENT);
            if is_public(path) {
                is_for_everybody(&answer, &what);
            } else {
                says_nothing(&answer, &what);
            }
            assert!(varies(&answer), "{what}");
        }
        says_nothing(&house.send(Ask::get("/nothing").header("origin", origin)).await, origin);
    }
    let two = Ask::get("/api/v1/me").header("origin", PAGE).header("origin", "https://evil.example");
    says_nothing(&house.send(two).await, "two origins");
}

#[tokio::test]
async fn a050_without_a_list_nobody_is_allowed() {
    let house = House::new().await;
    for origin in [PAGE, "null", "https://auth.example.com"] {
        says_nothing(&house.send(Ask::get("/api/v1/me").header("origin", origin)).await, origin);
        says_nothing(&house.send(preflight("/api/v1/me", origin, &Method::PATCH)).await, origin);
    }
}

#[tokio::test]
async fn a_preflight_of_an_allowed_page_is_told_what_it_may_send() {
    let house = house().await;
    for (method, path) in operations(&house).await {
        let answer = house.send(preflight(&path, PAGE, &method)).await.is(StatusCode::NO_CONTENT);
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{method} {path}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-allow-methods"), answer.header("allow"));
        assert!(answer.header("allow").unwrap().split(", ").any(|known| known == method.as_str()), "{method} {path}");
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        let allowed = answer.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in [
            "authorization",
            "content-type",
            "x-csrf-token",
            "x-xsrf-token",
            "x-request-id",
            "x-device-token",
            "x-api-key",
            "if-match",
            "if-none-match",
            "traceparent",
        ] {
            assert!(allowed.split(", ").any(|known| known == name), "{name}");
        }
        assert!(!allowed.contains('*'), "with credentials the star is a name like any other");
        for name in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
            assert!(answer.header("vary").unwrap().contains(name), "{name}");
        }
        assert!(answer.body.is_empty());
    }
}

#[tokio::test]
async fn an_allowed_page_reads_answers_and_refusals_alike() {
    let house = house().await;
    let tokens = house.user("ada").await;
    let login = |password: &str| Ask::post("/api/v1/auth/login").json(json!({ "login": "ada", "password": password }));
    for (ask, status) in [
        (login(PASSWORD), 200),
        (login("wrong"), 401),
        (Ask::get("/api/v1/me").bearer(&tokens.access), 200),
        (Ask::get("/api/v1/me"), 401),
        (Ask::get("/nothing"), 404),
        (Ask::new(Method::PUT, "/api/v1/me"), 405),
        (Ask::post("/api/v1/auth/login").raw("application/json", "x".repeat(70_000)), 413),
        (Ask::post("/api/v1/auth/login").raw("text/plain", "x"), 415),
        (Ask::post("/api/v1/auth/register").json(json!({})), 422),
    ] {
        for origin in [PAGE, DEVELOPMENT] {
            let answer = house.send(ask.clone().header("origin", origin)).await;
            assert_eq!(answer.status, status, "{ask:?}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{ask:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
            assert!(varies(&answer));
            let exposed = answer.header("access-control-expose-headers").unwrap();
            for name in
                ["RateLimit", "Retry-After", "X-Request-Id", "X-Refresh-Outcome", "X-Device-Token", "WWW-Authenticate"]
            {
                assert!(exposed.split(", ").any(|known| known == name), "{name}");
            }
        }
        // Whoever asks without an origin may be a cache: its answer must not be given to a page.
        assert!(varies(&house.send(ask).await));
    }
}

#[tokio::test]
async fn any_page_may_ask_whether_what_is_for_everybody_has_changed() {
    let (open, listed) = (House::new().await, house().await);
    for path in [
        "/.well-known/jwks.json",
        "/.well-known/paserk.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/asyncapi.json",
        "/schemas/portcullis.user.registered.v1.json",
    ] {
        for house in [&open, &listed] {
            let asked = Ask::new(Method::OPTIONS, path)
                .header("origin", "https://anybody.example")
                .header("access-control-request-method", "GET")
                .header("access-control-request-headers", "if-none-match");
            is_for_everybody(&house.send(asked).await.is(StatusCode::NO_CONTENT), path);
            let tag = house.send(Ask::get(path)).await.is(StatusCode::OK).header("etag").unwrap().to_owned();
            let again = Ask::get(path).header("origin", "https://anybody.example").header("if-none-match", &tag);
            let again = house.send(again).await.is(StatusCode::NOT_MODIFIED);
            assert_eq!(again.header("access-control-allow-origin"), Some("*"), "{path}");
        }
    }
    for path in ["/openapi.json", "/docs", "/api/v1/me", "/livez"] {
        says_nothing(&open.send(preflight(path, "https://anybody.example", &Method::GET)).await, path);
    }
}

#[tokio::test]
async fn the_keys_are_for_everybody_and_never_with_credentials() {
    let house = house().await;
    for path in ["/.well-known/jwks.json", "/.well-known/paserk.json"] {
        for origin in [PAGE, "https://anybody.example", "null"] {
            let answer = house.send(Ask::get(path).header("origin", origin)).await.is(StatusCode::OK);
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
        }
    }
}
