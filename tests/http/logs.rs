//! What the log knows, and what it must not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{Ask, CLIENT, House, OTHER_PASSWORD, PASSWORD, Plan, encoded};

/// A log in memory.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Everything that this thread logs from here on, one JSON object a line.
    pub(crate) fn listen(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().json().with_max_level(level).with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The warnings, by what they say.
    pub(crate) fn warnings(&self) -> Vec<Value> {
        let lines = self.lines().into_iter().filter(|line| line["level"] == "WARN");
        lines.map(|line| line["fields"].clone()).collect()
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn a113_no_secret_reaches_the_log_at_any_level() {
    let house = House::new().await;
    let (log, _guard) = Log::listen(tracing::Level::TRACE);
    let first = house.user("ada").await;
    let next = crate::harness::Tokens::of(&house.refresh(&first.refresh).await);
    let body = json!({ "current_password": OTHER_PASSWORD, "new_password": OTHER_PASSWORD });
    house.send(Ask::new(Method::PUT, "/api/v1/me/password").bearer(&first.access).json(body)).await;
    house.post("/api/v1/auth/login", json!({ "login": "ada", "password": OTHER_PASSWORD })).await;
    house.post("/api/v1/auth/login", json!({ "login": OTHER_PASSWORD, "password": [OTHER_PASSWORD] })).await;
    house.send(Ask::post("/api/v1/auth/login").raw("application/json", format!("{{\"{PASSWORD}"))).await;
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        house.send(Ask::post(path).basic(CLIENT).form(&format!("token={}", encoded(&first.refresh)))).await;
        house
            .send(Ask::post(path).form(&format!("token=x&client_id=gateway&client_secret={}", encoded(CLIENT.1))))
            .await;
    }
    house.send(Ask::get(&format!("/api/v1/me?access_token={}", first.access)).header("cookie", &next.access)).await;
    house.send(Ask::get(&format!("/nothing/{}", encoded(PASSWORD)))).await;
    let text = log.text();
    assert!(!text.is_empty());
    for secret in [
        PASSWORD,
        OTHER_PASSWORD,
        CLIENT.1,
        &encoded(PASSWORD),
        &encoded(CLIENT.1),
        &first.access,
        &first.refresh,
        &next.access,
        &next.refresh,
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a113_no_secret_of_a_client_reaches_log_or_audit_trail() {
    let house = House::new().await;
    let (log, _guard) = Log::listen(tracing::Level::TRACE);
    let secret = house.client("orders", "stock:read").await;
    let ada = house.user("ada").await;
    let token = house.client_token(("orders", &secret)).await;
    let guess = "a-guess-that-nobody-should-read";
    let form = format!("grant_type=client_credentials&client_id=orders&client_secret={secret}");
    house.send(Ask::post("/oauth2/token").form(&form)).await.is(StatusCode::OK);
    house.send(Ask::post(&format!("/oauth2/token?client_secret={secret}")).form("grant_type=x")).await;
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        for client in [("orders", guess), (guess, secret.as_str())] {
            let form = format!("grant_type=client_credentials&token={}", ada.refresh);
            house.send(Ask::post(path).basic(client).form(&form)).await.is(StatusCode::UNAUTHORIZED);
        }
    }
    let form = format!("grant_type=refresh_token&client_id=portcullis&refresh_token={}", ada.refresh);
    let next = crate::harness::Tokens::of(&house.send(Ask::post("/oauth2/token").form(&form)).await);
    house.send(Ask::get("/api/v1/revocations").basic(("orders", guess))).await.is(StatusCode::UNAUTHORIZED);
    house.send(Ask::get(&format!("/api/v1/revocations?cursor={secret}")).basic(("orders", &secret))).await;
    house.send(Ask::post("/oauth2/revoke").basic(("orders", &secret)).form(&format!("token={token}"))).await;
    let everything = portcullis_domain::audit::AuditQuery { limit: 1_000, ..Default::default() };
    let trail = serde_json::to_string(&house.app.audit.page(&everything).await.unwrap()).unwrap();
    assert!(trail.contains("client.authenticate") && trail.contains("token.grant") && trail.contains("token.revoke"));
    let text = log.text();
    assert!(!text.is_empty());
    for secret in [&secret, guess, &token, &ada.access, &ada.refresh, &next.access, &next.refresh] {
        assert!(!text.contains(secret), "{secret} in {text}");
        assert!(!trail.contains(secret), "{secret} in {trail}");
    }
}

#[tokio::test]
async fn a112_a_request_is_one_line_whatever_it_holds() {
    let house = House::new().await;
    let (log, _guard) = Log::listen(tracing::Level::DEBUG);
    let ask = Ask::get("/api/v1/me?a=%0d%0aevil%1b[31m")
        .header("x-request-id", "my-own.id_1")
        .header("user-agent", "\u{2028}evil\t".as_bytes());
    house.send(ask).await.is(StatusCode::UNAUTHORIZED);
    let own: Vec<Value> = log.lines().into_iter().filter(|line| line["fields"]["id"] == "my-own.id_1").collect();
    assert_eq!(own.len(), 1, "{own:?}");
    let fields = &own[0]["fields"];
    assert_eq!((&fields["method"], &fields["status"]), (&json!("GET"), &json!(401)));
    assert_eq!(fields["route"], "/api/v1/me", "the pattern, not what the client sent");
    assert!(!log.text().contains("evil"));
}

#[tokio::test]
async fn a110_b26_the_log_names_the_peer_or_whom_a_trusted_proxy_speaks_for() {
    let adjust = |settings: &mut portcullis_http::HttpSettings| {
        settings.access_log = true;
        settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    for (peer, expected) in
        [("203.0.113.7", "203.0.113.7"), ("10.0.0.1", "198.51.100.1"), ("::ffff:203.0.113.8", "203.0.113.8")]
    {
        let (log, _guard) = Log::listen(tracing::Level::INFO);
        let ask = Ask::get("/api/v1/me").header("x-forwarded-for", "192.0.2.66, 198.51.100.1");
        house.send_from(peer, ask).await.is(StatusCode::UNAUTHORIZED);
        let lines = log.lines();
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!(line["fields"]["client"], expected);
        assert!(!log.text().contains("192.0.2.66"), "what a client claims is not even written down");
    }
}

#[tokio::test]
async fn b26_a_proxy_that_nobody_named_is_noticed_once() {
    let warnings = |log: &Log| log.warnings().len();
    let asking = || Ask::get("/livez").header("x-forwarded-for", "203.0.113.7");
    for (peer, expected) in [("127.0.0.1", 1), ("10.1.2.3", 1), ("fd00::1", 1), ("203.0.113.9", 0), ("2001:db8::1", 0)]
    {
        let house = House::new().await;
        let (log, _guard) = Log::listen(tracing::Level::INFO);
        house.send_from(peer, Ask::get("/livez")).await.is(StatusCode::OK);
        assert_eq!(warnings(&log), 0, "nobody is named yet");
        for _ in 0..3 {
            house.send_from(peer, asking()).await.is(StatusCode::OK);
        }
        assert_eq!(warnings(&log), expected, "{peer}: {}", log.text());
        assert!(!log.text().contains("203.0.113.7"), "{}", log.text());
    }
    let adjust =
        |settings: &mut portcullis_http::HttpSettings| settings.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    let (log, _guard) = Log::listen(tracing::Level::INFO);
    house.send_from("127.0.0.1", asking()).await.is(StatusCode::OK);
    house.send_from("10.0.0.1", asking()).await.is(StatusCode::OK);
    assert_eq!(warnings(&log), 0, "{}", log.text());
}

#[tokio::test]
async fn successful_requests_are_not_logged_at_the_usual_level() {
    let house = House::new().await;
    let (log, _guard) = Log::listen(tracing::Level::INFO);
    house.user("ada").await;
    house.send(Ask::get("/livez")).await.is(StatusCode::OK);
    assert_eq!(log.text(), "");
}
