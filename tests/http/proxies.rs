//! Whose address counts, and whose word.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::http::{Method, StatusCode};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Request, RequestParts};
use portcullis_domain::event::Event;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_memory::{MemoryStore, SeededRandomness};
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, CLIENT, House, ISSUER, PASSWORD, Plan};

/// The request, as it comes from this address.
pub(crate) fn from_peer(ask: Ask, peer: &str) -> Request {
    let (parts, body) = ask.into_request().into_parts();
    let mut head = poem::http::Request::builder().method(parts.method).uri(parts.uri).version(parts.version);
    if let Some(headers) = head.headers_mut() {
        *headers = parts.headers;
    }
    let (head, ()) = head.body(()).unwrap().into_parts();
    let peer = RemoteAddr(Addr::from(SocketAddr::new(peer.parse().unwrap(), 50_000)));
    Request::from_parts(RequestParts::from((head, LocalAddr::default(), peer, Scheme::HTTP)), body)
}

impl House {
    pub(crate) async fn send_from(&self, peer: &str, ask: Ask) -> Answer {
        Answer::read(self.endpoint.answer(from_peer(ask, peer)).await).await
    }
}

async fn behind(proxies: &'static [&str]) -> House {
    let adjust = move |settings: &mut portcullis_http::HttpSettings| {
        settings.trusted_proxies = proxies.iter().map(|network| network.parse().unwrap()).collect();
    };
    House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await
}

fn login() -> Ask {
    Ask::post("/api/v1/auth/login").json(json!({ "login": "ada", "password": PASSWORD }))
}

/// The address that the session of a login keeps.
async fn session_of(house: &House, peer: &str, ask: Ask) -> Value {
    let tokens = house.send_from(peer, ask).await.is(StatusCode::OK).json();
    let access = tokens["access_token"].as_str().unwrap();
    let page = house.send(Ask::get("/api/v1/me/sessions").bearer(access)).await.is(StatusCode::OK).json();
    let items = page["items"].as_array().unwrap();
    items.iter().find(|item| item["current"] == true).unwrap()["ip"].clone()
}

#[tokio::test]
async fn b26_a_session_keeps_whom_a_trusted_proxy_speaks_for() {
    let house = behind(&["10.0.0.0/8"]).await;
    house.user("ada").await;
    for (peer, lines, expected) in [
        ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
        ("10.0.0.1", &["198.51.100.1, 203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.0.0.1", &["198.51.100.1", "203.0.113.7:4711"], "203.0.113.7"),
        ("::ffff:10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", &["evil\"><script>"], "10.0.0.1"),
        ("10.0.0.1", &[""], "10.0.0.1"),
        ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
    ] {
        let ask = lines.iter().fold(login(), |ask, line| ask.header("x-forwarded-for", line));
        assert_eq!(session_of(&house, peer, ask).await, expected, "{peer} {lines:?}");
    }
    let ask = login().header("forwarded", "for=\"[2001:db8::7]:4711\";proto=https");
    assert_eq!(session_of(&house, "10.0.0.1", ask).await, "2001:db8::7");
}

#[tokio::test]
async fn a110_what_an_untrusted_peer_claims_reaches_no_session_and_no_event() {
    let store = Arc::new(MemoryStore::new(Arc::new(SeededRandomness::new(3))));
    let house = House::build(Plan { store: Some(store.clone()), ..Plan::default() }).await;
    house.user("ada").await;
    let lying = |ask: Ask| {
        ask.header("x-forwarded-for", "198.51.100.1")
            .header("forwarded", "for=198.51.100.1")
            .header("x-real-ip", "198.51.100.1")
            .header("true-client-ip", "198.51.100.1")
            .header("x-client-ip", "198.51.100.1")
    };
    assert_eq!(session_of(&house, "203.0.113.7", lying(login())).await, "203.0.113.7");
    let wrong = Ask::post("/api/v1/auth/login").json(json!({ "login": "ada", "password": "wrong" }));
    house.send_from("203.0.113.7", lying(wrong)).await.is(StatusCode::UNAUTHORIZED);
    let mut seen = Vec::new();
    for delivery in store.claim(100, house.clock.now(), Duration::from_secs(60)).await.unwrap() {
        match delivery.event {
            Event::SessionStarted { ip, .. } | Event::LoginFailed { ip, .. } => seen.extend(ip),
            _ => {}
        }
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.iter().all(|ip| ip.to_string() == "203.0.113.7"), "{seen:?}");
}

/// Every path that prints a link, and a refusal of every kind that does.
fn asks_for_links() -> Vec<Ask> {
    vec![
        Ask::get("/openapi.json"),
        Ask::get("/docs"),
        Ask::get("/docs/problems"),
        Ask::get("/.well-known/jwks.json"),
        Ask::get("/nothing"),
        Ask::get("/api/v1/me"),
        Ask::new(Method::DELETE, "/livez"),
        Ask::post("/api/v1/auth/login").raw("text/plain", ""),
        Ask::post("/api/v1/auth/login").raw("application/json", "{"),
        Ask::post("/api/v1/auth/login").json(json!({})),
        Ask::post("/api/v1/auth/register").json(json!({ "email": "b@example.com", "password": PASSWORD })),
        Ask::post("/oauth2/introspect").form("token=x").basic(CLIENT),
        Ask::post("/oauth2/introspect").form("token=x"),
    ]
}

#[tokio::test]
async fn a111_b17_links_come_from_the_settings_whatever_the_request_says() {
    for peer in ["203.0.113.7", "10.0.0.1"] {
        let house = behind(&["10.0.0.0/8"]).await;
        for ask in asks_for_links() {
            let tricked = ask
                .clone()
                .header("host", "evil.example")
                .header("x-forwarded-host", "evil.example")
                .header("x-forwarded-server", "evil.example")
                .header("x-forwarded-proto", "gopher")
                .header("x-forwarded-port", "666")
                .header("x-forwarded-prefix", "/evil.example")
                .header("x-original-host", "evil.example")
                .header("x-host", "evil.example")
                .header("forwarded", "for=203.0.113.7;host=evil.example;proto=gopher");
            let name = format!("{ask:?}");
            let answer = house.send_from(peer, tricked).await;
            let everything = format!("{:?}{}", answer.headers, answer.text());
            assert!(!everything.contains("evil.example") && !everything.contains("gopher"), "{name}: {everything}");
            if answer.header("content-type") == Some("application/problem+json") {
                assert!(answer.json()["type"].as_str().unwrap().starts_with(ISSUER), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a111_an_absolute_uri_names_a_path_and_nothing_more() {
    let house = House::new().await;
    let answer = house.send(Ask::get("http://evil.example/api/v1/me")).await.is(StatusCode::UNAUTHORIZED);
    assert!(!format!("{:?}{}", answer.headers, answer.text()).contains("evil.example"));
    house.send(Ask::get("http://evil.example/livez")).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a111_b17_a_request_names_one_host() {
    let house = House::new().await;
    let two = Ask::get("/livez").header("host", "auth.example.com").header("host", "evil.example");
    assert_eq!(house.send(two).await.is(StatusCode::BAD_REQUEST).problem(), "malformed-request");
    for host in ["a b", "a, b", "user@a", "a/b", "a\\b", "[::1", "ü"] {
        let answer = house.send(Ask::get("/livez").header("host", host)).await.is(StatusCode::BAD_REQUEST);
        assert_eq!(answer.problem(), "malformed-request", "{host}");
    }
    for host in ["", "auth.example.com", "auth.example.com:8443", "[::1]:8080", "127.0.0.1"] {
        house.send(Ask::get("/livez").header("host", host)).await.is(StatusCode::OK);
    }
}
