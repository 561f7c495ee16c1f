//! Requests that another page makes a browser send.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, House, ISSUER, OTHER_PASSWORD, PASSWORD, Plan, Tokens};
use crate::jar::{ACCESS, Browser, DEVICE, REFRESH};
use crate::sample_bodies::json_of;
use crate::staff::Member;

const EVIL: &str = "https://evil.example";
const FRIEND: &str = "https://app.example.org";
const LOGIN: &str = "/api/v1/auth/login";

/// Origins that are not ours, some of which look like it.
const FOREIGN: [&str; 12] = [
    "null",
    EVIL,
    "https://auth.example.com.evil.example",
    "https://evil-auth.example.com",
    "https://example.com",
    "https://app.auth.example.com",
    "http://auth.example.com",
    "https://auth.example.com:444",
    "https://auth.example.com/",
    "https://auth.example.com, https://auth.example.com",
    "https://app.example.org.evil.example",
    "",
];

/// A house with ada, who is in charge, logged in by cookie twice, and watches by a bearer token, and eve, who is in charge
/// and logged in too; and with something of everything that can be changed.
struct Scene {
    house: House,
    store: Arc<MemoryStore>,
    browser: Browser,
    elsewhere: Browser,
    eve: Browser,
    watch: Tokens,
    /// The id of eve.
    other: String,
    /// An API key of ada.
    key: String,
}

/// An unsafe operation of the OpenAPI document that a cookie can authenticate.
struct Operation {
    id: String,
    method: Method,
    path: String,
    by_access: bool,
    has_body: bool,
}

impl Scene {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(SeededRandomness::new(9))));
        let adjust = Box::new(|settings: &mut portcullis_http::HttpSettings| {
            settings.allowed_origins = vec![FRIEND.to_owned()];
        });
        let house = House::build(Plan { store: Some(store.clone()), adjust, ..Plan::default() }).await;
        let browser = Browser::user(&house, "ada").await;
        let elsewhere = Browser::new(&house, "ada", PASSWORD).await;
        let eve = Browser::user(&house, "eve").await;
        let watch = house.login("ada", PASSWORD).await;
        let (ada, other) = (id_of(&house, &browser).await, id_of(&house, &eve).await);
        house.role("support", &["users:read"]).await;
        for (id, role) in [(&ada, "admin"), (&other, "admin"), (&other, "support")] {
            house.grant(&Member { id: id.clone(), tokens: watch.clone() }, role).await;
        }
        house.client("orders", "orders:read").await;
        let named = Ask::post("/api/v1/me/api-keys").bearer(&watch.access).json(json!({ "name": "x" }));
        let key = house.send(named).await.is(StatusCode::CREATED).json()["id"].as_str().unwrap().to_owned();
        let scene = Self { house, store, browser, elsewhere, eve, watch, other, key };
        scene.events().await;
        scene
    }

    /// What has been announced since the last look.
    async fn events(&self) -> usize {
        let events = self.store.claim(1_000, self.house.clock.now(), Duration::from_secs(60)).await.unwrap();
        let ids: Vec<_> = events.iter().map(|delivery| delivery.id).collect();
        self.store.done(&ids).await.unwrap();
        ids.len()
    }

    /// Everything about ada that an operation could change.
    async fn state(&self) -> (Value, Value) {
        let get = |path: &str| self.house.send(Ask::get(path).bearer(&self.watch.access));
        (get("/api/v1/me").await.is(StatusCode::OK).json(), get("/api/v1/me/sessions").await.is(StatusCode::OK).json())
    }

    /// The operation as its page would ask for it, but with cookies alone.
    fn ask(&self, operation: &Operation) -> Ask {
        let ask = self.browser.ask(operation.method.clone(), &self.path(operation)).header("if-match", "*");
        match operation.has_body.then(|| body(&operation.id)).flatten() {
            Some(body) => ask.json(body),
            None => ask,
        }
    }

    /// Where there is something to change.
    fn path(&self, operation: &Operation) -> String {
        let id = match operation.path.split('/').nth(3).unwrap() {
            "users" => &self.other,
            "api-keys" => &self.key,
            "clients" => "orders",
            _ if operation.path.contains("/api-keys/") => &self.key,
            _ => self.elsewhere.session(),
        };
        let filled = operation.path.replace("{id}", id).replace("{session}", self.eve.session());
        filled.replace("{role}", "support").replace("{name}", "support")
    }

    fn token(&self, browser: &Browser, operation: &Operation) -> String {
        let kind = if operation.by_access { "csrf_access_token" } else { "csrf_refresh_token" };
        browser.csrf[kind].as_str().unwrap().to_owned()
    }
}

/// The body with which an operation changes something; none where the refresh cookie is enough.
fn body(id: &str) -> Option<Value> {
    match id {
        "refresh" => None,
        "changePassword" => Some(json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD })),
        other => Some(json_of(other, PASSWORD)),
    }
}

async fn id_of(house: &House, browser: &Browser) -> String {
    let me = house.send(browser.ask(Method::GET, "/api/v1/me")).await.is(StatusCode::OK).json();
    me["id"].as_str().unwrap().to_owned()
}

/// What no cookie authenticates, and why that is so.
const WITHOUT_COOKIES: [(&str, &str); 7] = [
    ("setPassword", "takes the secret of a link, in the body"),
    ("setUp", "takes the secret of a link, in the body"),
    ("register", "takes no credential: it opens an account for whoever asks"),
    ("login", "takes the password; where its answer is in cookies, `a048` holds"),
    ("token", "takes a client's secret, or a refresh token as a parameter and never from a cookie"),
    ("introspect", "clients authenticate with their secret"),
    ("revoke", "clients authenticate with their secret"),
];

/// Every unsafe operation of the document.
async fn operations(house: &House) -> Vec<Operation> {
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let mut operations = Vec::new();
    let mut without = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(method, _)| *method != "get") {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let schemes = operation["security"].as_array().cloned().unwrap_or_default();
            let by = |name: &str| schemes.iter().any(|scheme| scheme.get(name).is_some());
            if !by("access_cookie") && !by("refresh_cookie") {
                without.push(id);
                continue;
            }
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(
                parameters.iter().any(|parameter| parameter["name"] == "X-CSRF-TOKEN"),
                "{id} documents its header"
            );
            assert!(operation["responses"]["403"].is_object(), "{id} documents its refusal");
            let method = method.to_uppercase().parse().unwrap();
            let (by_access, has_body) = (by("access_cookie"), operation["requestBody"].is_object());
            operations.push(Operation { id, method, path: path.clone(), by_access, has_body });
        }
    }
    without.sort();
    let mut expected = WITHOUT_COOKIES.map(|(id, _)| id.to_owned());
    expected.sort();
    assert_eq!(without, expected);
    operations
}

/// Everything that a page of somebody else, or a request without the right token, can look like.
fn forgeries(scene: &Scene, operation: &Operation) -> Vec<(String, Ask)> {
    let ask = || scene.ask(operation);
    let ours = |ask: Ask| ask.header("sec-fetch-site", "same-origin").header("origin", ISSUER);
    let right = scene.token(&scene.browser, operation);
    let mut forged = vec![("cookies alone".to_owned(), ask()), ("no token".to_owned(), ours(ask()))];

    let other = if operation.by_access { "csrf_refresh_token" } else { "csrf_access_token" };
    let mut flipped = right.clone().into_bytes();
    flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
    let wrong = [
        ("an empty token", String::new()),
        ("another user's token", scene.token(&scene.eve, operation)),
        ("another session's token", scene.token(&scene.elsewhere, operation)),
        ("the token of the other cookie", scene.browser.csrf[other].as_str().unwrap().to_owned()),
        ("the session id", scene.browser.session().to_owned()),
        ("a changed token", String::from_utf8(flipped).unwrap()),
        ("half a token", right[..20].to_owned()),
        ("a padded token", format!("{right}=")),
        ("two tokens in one", format!("{right}, {right}")),
        ("garbage", "%00\u{e9}".to_owned()),
        ("the access token", scene.browser.value(ACCESS).unwrap().to_owned()),
    ];
    for (what, token) in wrong {
        for header in ["x-csrf-token", "x-xsrf-token"] {
            forged.push((format!("{what} in {header}"), ours(ask()).header(header, &token)));
        }
    }
    let eves = scene.token(&scene.eve, operation);
    forged.push((
        "a right and a wrong token".to_owned(),
        ours(ask()).header("x-csrf-token", &right).header("x-xsrf-token", &eves),
    ));
    forged.push(("two headers".to_owned(), ours(ask()).header("x-csrf-token", &right).header("x-csrf-token", &eves)));
    let in_cookie = ask().header("cookie", format!("x-csrf-token={right}; XSRF-TOKEN={right}"));
    forged.push(("the token in a cookie".to_owned(), ours(in_cookie)));

    for origin in FOREIGN {
        forged.push((format!("origin {origin:?}"), ask().header("x-csrf-token", &right).header("origin", origin)));
        for site in ["cross-site", "same-site"] {
            let ask = ask().header("x-csrf-token", &right).header("sec-fetch-site", site).header("origin", origin);
            forged.push((format!("{site} {origin:?}"), ask));
        }
    }
    for site in ["cross-site", "same-site", "", "Same-Origin", "same-origin, cross-site", "x"] {
        forged.push((format!("site {site:?}"), ask().header("x-csrf-token", &right).header("sec-fetch-site", site)));
    }
    let token = || ask().header("x-csrf-token", &right);
    forged.push((
        "null of the same origin".to_owned(),
        token().header("sec-fetch-site", "same-origin").header("origin", "null"),
    ));
    forged.push(("two origins".to_owned(), token().header("origin", ISSUER).header("origin", EVIL)));
    forged.push((
        "two sites".to_owned(),
        token().header("sec-fetch-site", "same-origin").header("sec-fetch-site", "cross-site"),
    ));

    let path = scene.path(operation);
    let form = format!("csrf_token={right}&x-csrf-token={right}&_csrf={right}&username=mallory");
    for (media, body) in [
        ("text/plain", "{\"username\":\"mallory\"}"),
        ("application/x-www-form-urlencoded", form.as_str()),
        (
            "multipart/form-data; boundary=x",
            "--x\r\ncontent-disposition: form-data; name=\"username\"\r\n\r\nmallory\r\n--x--",
        ),
    ] {
        let posted = || scene.browser.ask(operation.method.clone(), &path).raw(media, body);
        forged.push((format!("{media} without headers"), posted()));
        forged.push((
            format!("{media} from elsewhere"),
            posted().header("origin", EVIL).header("sec-fetch-site", "cross-site"),
        ));
    }
    forged
}

#[tokio::test]
async fn a047_no_forged_request_changes_anything() {
    let scene = Scene::new().await;
    let operations = operations(&scene.house).await;
    assert!(operations.len() >= 30);
    let before = scene.state().await;
    let mut sent = 0;
    for operation in &operations {
        for (what, ask) in forgeries(&scene, operation) {
            sent += 1;
            let answer = scene.house.send(ask).await;
            let expected = [StatusCode::FORBIDDEN, StatusCode::UNSUPPORTED_MEDIA_TYPE];
            assert!(
                expected.contains(&answer.status),
                "{} with {what}: {} {}",
                operation.id,
                answer.status,
                answer.text()
            );
            if answer.status == StatusCode::FORBIDDEN {
                assert_eq!(answer.problem(), "csrf-failed", "{} with {what}", operation.id);
            }
            assert_eq!(answer.header("set-cookie"), None, "{} with {what}", operation.id);
        }
        assert_eq!(scene.state().await, before, "{} changed something", operation.id);
        assert_eq!(scene.events().await, 0, "{} announced something", operation.id);
    }
    assert!(sent >= 2_000, "only {sent} requests were forged");
    for path in ["/api/v1/me", "/api/v1/auth/csrf"] {
        scene.house.send(scene.browser.ask(Method::GET, path)).await.is(StatusCode::OK);
    }
}

#[tokio::test]
async fn a047_the_page_itself_can_do_all_of_it() {
    let operations = operations(&Scene::new().await.house).await;
    for operation in &operations {
        let pages: [fn(Ask) -> Ask; 7] = [
            |ask| ask.header("sec-fetch-site", "same-origin"),
            |ask| ask.header("sec-fetch-site", "same-origin").header("origin", ISSUER),
            |ask| ask.header("sec-fetch-site", "none"),
            |ask| ask.header("origin", ISSUER),
            |ask| ask.header("origin", FRIEND).header("sec-fetch-site", "cross-site"),
            |ask| ask.header("origin", FRIEND).header("sec-fetch-site", "same-site"),
            // No browser: the token alone decides.
            |ask| ask,
        ];
        for (number, page) in pages.into_iter().enumerate() {
            let scene = Scene::new().await;
            let header = if number % 2 == 0 { "x-csrf-token" } else { "x-xsrf-token" };
            let ask = page(scene.ask(operation)).header(header, scene.token(&scene.browser, operation));
            let answer = scene.house.send(ask).await;
            assert!(answer.status.is_success(), "{} on page {number}: {}", operation.id, answer.text());
        }
    }
}

#[tokio::test]
async fn a047_reading_needs_no_token() {
    let scene = Scene::new().await;
    for path in ["/api/v1/me", "/api/v1/me/sessions", "/api/v1/auth/csrf"] {
        for site in ["same-origin", "cross-site"] {
            // What another page may read of it is for CORS to say.
            let ask = scene.browser.ask(Method::GET, path).header("sec-fetch-site", site);
            scene.house.send(ask).await.is(StatusCode::OK);
        }
    }
}

async fn log_in_by_cookie(scene: &Scene, shape: impl Fn(Ask) -> Ask) -> Answer {
    let body = json!({ "login": "eve", "password": PASSWORD, "transport": "cookie" });
    scene.house.send(shape(scene.browser.ask(Method::POST, LOGIN)).json(body)).await
}

#[tokio::test]
async fn a048_nobody_is_logged_in_by_another_page() {
    let scene = Scene::new().await;
    let before = scene.state().await;
    for origin in FOREIGN {
        for site in [None, Some("cross-site"), Some("same-site")] {
            let answer = log_in_by_cookie(&scene, |ask| match site {
                Some(site) => ask.header("origin", origin).header("sec-fetch-site", site),
                None => ask.header("origin", origin),
            });
            let answer = answer.await.is(StatusCode::FORBIDDEN);
            assert_eq!(answer.problem(), "csrf-failed");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    for site in ["cross-site", "same-site", "x"] {
        log_in_by_cookie(&scene, |ask| ask.header("sec-fetch-site", site)).await.is(StatusCode::FORBIDDEN);
    }
    for media in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let body = "{\"login\":\"eve\",\"password\":\"a quiet harbour at dawn\",\"transport\":\"cookie\",\"x\":\"=\"}";
        scene.house.send(Ask::post(LOGIN).raw(media, body)).await.is(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    assert_eq!(scene.state().await, before);
    assert_eq!(scene.events().await, 0, "the password was not even looked at");
    for shape in [
        |ask: Ask| ask,
        |ask: Ask| ask.header("sec-fetch-site", "same-origin"),
        |ask: Ask| ask.header("origin", ISSUER),
        |ask: Ask| ask.header("origin", FRIEND).header("sec-fetch-site", "cross-site"),
    ] {
        let answer = log_in_by_cookie(&scene, shape).await.is(StatusCode::OK);
        assert!(answer.header("set-cookie").is_some());
    }
}

#[tokio::test]
async fn a048_a_csrf_token_dies_with_its_session() {
    let scene = Scene::new().await;
    let mut browser = scene.browser.clone();
    let before = browser.csrf.clone();
    browser.login(&scene.house, "ada", PASSWORD).await.is(StatusCode::OK);
    for kind in ["csrf_access_token", "csrf_refresh_token"] {
        assert_ne!(browser.csrf[kind], before[kind]);
        for path in ["/api/v1/auth/logout", "/api/v1/auth/refresh"] {
            let ask = browser.ask(Method::POST, path).header("sec-fetch-site", "same-origin");
            let ask = ask.header("x-csrf-token", before[kind].as_str().unwrap());
            assert_eq!(scene.house.send(ask).await.is(StatusCode::FORBIDDEN).problem(), "csrf-failed");
        }
    }
    scene.house.send(browser.ask(Method::GET, "/api/v1/me")).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a048_nobody_is_logged_out_by_another_page() {
    let scene = Scene::new().await;
    for name in [ACCESS, REFRESH] {
        let mut browser = scene.browser.clone();
        browser.drop_cookie(name);
        for path in ["/api/v1/auth/logout", "/api/v1/auth/logout-all"] {
            for ask in [
                browser.ask(Method::POST, path),
                browser.ask(Method::POST, path).header("origin", EVIL),
                browser.ask(Method::POST, path).header("sec-fetch-site", "cross-site"),
                browser.page(Method::POST, path).header("origin", "null"),
            ] {
                let answer = scene.house.send(ask).await.is(StatusCode::FORBIDDEN);
                assert_eq!(answer.header("set-cookie"), None);
            }
        }
    }
    assert_eq!(scene.events().await, 0);
    // The form of a stranger comes without `SameSite` cookies: its answer must not take them away.
    for path in ["/api/v1/auth/logout", "/api/v1/auth/logout-all", "/api/v1/auth/refresh"] {
        for ask in [Ask::post(path), Ask::post(path).header("origin", EVIL).header("sec-fetch-site", "cross-site")] {
            let answer = scene.house.send(ask).await;
            assert!([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status), "{path}");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    // Not even cookies that are good for nothing are taken away by a stranger.
    for path in ["/api/v1/auth/logout", "/api/v1/auth/refresh"] {
        let ask =
            Ask::post(path).header("cookie", format!("{ACCESS}=x; {REFRESH}=x; {DEVICE}=x")).header("origin", EVIL);
        assert_eq!(scene.house.send(ask).await.is(StatusCode::FORBIDDEN).header("set-cookie"), None);
    }
}

#[tokio::test]
async fn a049_no_safe_method_changes_anything() {
    let scene = Scene::new().await;
    let document = scene.house.send(Ask::get("/openapi.json")).await.json();
    let before = scene.state().await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", scene.elsewhere.session());
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            for _ in 0..2 {
                let ask = scene.browser.page(method.clone(), &path);
                assert!(!scene.house.send(ask).await.status.is_server_error(), "{path}");
            }
        }
        for other in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            let other = other.to_uppercase();
            let ask = scene.browser.page(Method::GET, &format!("{path}?_method={other}&method={other}"));
            let ask = ["x-http-method-override", "x-http-method", "x-method-override"]
                .into_iter()
                .fold(ask, |ask, header| ask.header(header, &other));
            scene.house.send(ask).await;
        }
    }
    assert_eq!(scene.state().await, before);
    assert_eq!(scene.events().await, 0);
    scene.house.send(scene.browser.ask(Method::GET, "/api/v1/me")).await.is(StatusCode::OK);
}
