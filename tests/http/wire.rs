//! What only a socket shows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{Endpoint, Request, Response, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::harness::{Door, House, PASSWORD, Plan};

/// A house with a socket; it closes with the test.
struct Socket {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Behind(std::sync::Arc<dyn Door>);

impl Endpoint for Behind {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        Ok(self.0.answer(request).await)
    }
}

impl Socket {
    async fn open(house: &House) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let endpoint = Behind(house.endpoint.clone());
        let server = tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(endpoint).await.unwrap() });
        Self { address, server }
    }

    /// Sends the bytes and reads what comes back until the connection ends or nothing comes for a while.
    async fn exchange(&self, parts: &[&str], patience: Duration) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        for part in parts {
            // The other side may have had enough already.
            let _sent = stream.write_all(part.as_bytes()).await;
        }
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(Ok(read)) = tokio::time::timeout(patience, stream.read(&mut buffer)).await {
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..read]);
        }
        String::from_utf8(answer).unwrap()
    }
}

const SOON: Duration = Duration::from_millis(400);

#[tokio::test]
async fn head_sends_the_headers_of_get_and_no_body() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let get = socket.exchange(&["GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"], SOON).await;
    let head = socket.exchange(&["HEAD /livez HTTP/1.1\r\nhost: x\r\n\r\n"], SOON).await;
    assert!(get.ends_with("\r\n\r\n{\"status\":\"ok\"}"), "{get}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let length = "content-length: 15\r\n";
    assert!(get.contains(length) && head.contains(length), "{head}");
}

#[tokio::test]
async fn a053_head_has_no_body_anywhere_not_even_with_a_refusal() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    for path in ["/api/v1/me", "/openapi.json", "/docs", "/.well-known/jwks.json", "/nothing", "/api/v1/auth/login"] {
        let head =
            socket.exchange(&[&format!("HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")], SOON).await;
        assert!(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"), "{path}: {head}");
        assert_eq!(head.matches("\r\n\r\n").count(), 1, "{path}: {head}");
    }
}

#[tokio::test]
async fn a111_a_request_to_a_proxy_is_answered_for_its_path_alone() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let absolute = "GET http://evil.example/api/v1/me HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    let answer = socket.exchange(&[absolute], SOON).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("https://auth.example.com/docs/problems#") && !answer.contains("evil"), "{answer}");
    for (head, status) in [
        ("GET /livez HTTP/1.1\r\n\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
        ("GET /livez HTTP/1.0\r\n\r\n", "200"),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", "204"),
        ("CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n", "404"),
    ] {
        let answer = socket.exchange(&[head], SOON).await;
        assert!(answer.to_lowercase().contains("x-content-type-options: nosniff"), "{answer}");
        assert_eq!(answer.get(9..12), Some(status), "{head}");
    }
}

#[tokio::test]
async fn a109_a_body_that_nobody_reads_does_not_hold_the_connection() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let head = "POST /api/v1/auth/logout HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nabc";
    let began = Instant::now();
    let answer = socket.exchange(&[head], Duration::from_secs(10)).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(8), "it was closed");
}

#[tokio::test]
async fn a109_a_chunked_body_without_end_is_cut_at_the_limit() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(4096));
    let chunks = chunk.repeat(17);
    let answer = socket.exchange(&[head, &chunks], SOON).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("\"code\":\"body-too-large\""), "{answer}");
}

#[tokio::test]
async fn a109_a_declared_length_is_refused_before_the_body_is_sent() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 104857600\r\n\r\n";
    let began = Instant::now();
    let answer = socket.exchange(&[head], SOON).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a109_a_body_that_does_not_arrive_is_408() {
    let house = House::build(Plan { request_timeout: Duration::from_millis(300), ..Plan::default() }).await;
    let socket = Socket::open(&house).await;
    for (path, media, needle) in [
        ("/api/v1/auth/login", "application/json", "\"code\":\"request-timeout\""),
        ("/oauth2/introspect", "application/x-www-form-urlencoded", "\"error\":\"invalid_request\""),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\ncontent-length: 100\r\n\r\n{{");
        let answer = socket.exchange(&[&head], Duration::from_secs(2)).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains(needle), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_the_rules_of_http_is_400() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let answer = socket.exchange(&[head], SOON).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("\"code\":\"malformed-request\""), "{answer}");
}

#[tokio::test]
async fn a110_a_session_keeps_the_address_of_the_peer() {
    let house = House::new().await;
    house.user("ada").await;
    let socket = Socket::open(&house).await;
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{}{path}", socket.address);
    let body = json!({ "login": "ada", "password": PASSWORD });
    let login = client
        .post(url("/api/v1/auth/login"))
        .header("x-forwarded-for", "203.0.113.9")
        .header("forwarded", "for=203.0.113.9")
        .header("x-real-ip", "203.0.113.9")
        .header("user-agent", "x".repeat(5000))
        .json(&body);
    let tokens: Value = login.send().await.unwrap().json().await.unwrap();
    let sessions = client.get(url("/api/v1/me/sessions")).bearer_auth(tokens["access_token"].as_str().unwrap());
    let page: Value = sessions.send().await.unwrap().json().await.unwrap();
    let current = page["items"].as_array().unwrap().iter().find(|item| item["current"] == true).unwrap().clone();
    assert_eq!(current["ip"], "127.0.0.1");
    assert_eq!(current["user_agent"].as_str().unwrap().len(), 256);
}

#[tokio::test]
async fn a_refused_request_leaves_the_connection_usable() {
    let house = House::new().await;
    let socket = Socket::open(&house).await;
    let bad =
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1\r\n\r\n{";
    let missing = "GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n";
    let good = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = socket.exchange(&[bad, missing, good], SOON).await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
    assert_eq!(statuses, ["400", "404", "200"], "{answer}");
}
