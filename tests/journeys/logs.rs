//! A112: one JSON object a line, whatever clients send.

use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::{Api, Person};
use crate::broker::Broker;
use crate::place::Place;
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_is_one_json_object_whatever_clients_send() {
    let place = Place::sqlite();
    let broker = Broker::fresh().await;
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .with("PORTCULLIS__LOG__LEVEL", "trace")
        .with("PORTCULLIS__SERVER__ACCESS_LOG", "true");
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    let user = api.register(&who).await.expect(201);

    let nasty = [
        "a\r\n{\"level\":\"INFO\",\"message\":\"forged\"}",
        "\u{1b}[31mred\u{1b}[0m\u{7}",
        "para\u{2028}graph\u{2029}end\u{85}",
        "\u{202e}drowssap\u{0}",
        "\\\"}\n{\"message\":\"forged\"}",
    ];
    for name in nasty {
        api.login(name, "whatever-it-is").await.expect(401);
        let body = json!({ "username": name, "email": format!("{name}@example.com"), "password": "whatever-it-is" });
        let refused = api.call(Method::POST, "/api/v1/auth/register", None, &body).await;
        assert!((400..500).contains(&refused.status), "{name:?}: {}", refused.text);
        // Clients may put visible bytes and those beyond ASCII into a header; the rest goes through a raw connection.
        let visible: Vec<u8> = name.bytes().filter(|byte| *byte >= 0x20 && *byte != 0x7f).collect();
        let body = json!({ "login": who.email, "password": who.password });
        let request = api.request(Method::POST, "/api/v1/auth/login").json(&body);
        let agent = HeaderValue::from_bytes(&visible).expect("a header");
        let id = agent.clone();
        api.send(request.header("user-agent", agent).header("x-request-id", id)).await.expect(200);
        send_raw(&service.url, name).await;
    }
    let started = broker.of("session.started", user.str("id"), nasty.len()).await;
    for event in started {
        let agent = event.data("user_agent").to_owned();
        assert!(!agent.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{agent:?}");
    }
    let log_path = service.log_path().to_owned();
    service.stop().await;

    let log = std::fs::read_to_string(log_path).expect("the log is UTF-8");
    let mut lines = 0;
    for line in log.split_terminator('\n') {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(parsed["level"].is_string() && parsed["timestamp"].is_string(), "{line}");
        assert_ne!(parsed["message"], "forged", "{line}");
        assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{line:?}");
        lines += 1;
    }
    assert!(lines > 3 * nasty.len(), "every request has its line: {log}");
}

/// Control characters in a header and in the path: refused by the parser or not, it must not end up in the log raw.
async fn send_raw(url: &str, name: &str) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the service accepts");
    let one_line: String = name.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let head =
        format!("GET /api/v1/me%0d%0a{{}}?x={one_line} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {name}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    stream.shutdown().await.expect("it reads");
    let mut answer = Vec::new();
    // Reset or answered: only the log counts.
    let _broken = stream.read_to_end(&mut answer).await;
}
