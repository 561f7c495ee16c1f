//! A113, A040: no secret in logs at trace level, events, metrics, or the database.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;

use crate::api::{Api, Person, Tokens, fresh_password};
use crate::broker::Broker;
use crate::operator::call;
use crate::place::{Place, connect};
use crate::service::{CLIENT, SECRET_KEY, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn secrets_stay_out_of_everything_on_sqlite() {
    secrets_stay_out(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_stay_out_of_everything_on_postgres() {
    secrets_stay_out(Place::postgres().await).await;
}

async fn secrets_stay_out(place: Place) {
    let broker = Broker::fresh().await;
    let management = free_port();
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .with("PORTCULLIS__LOG__LEVEL", "trace")
        .with("PORTCULLIS__SERVER__ACCESS_LOG", "true")
        .with("PORTCULLIS__SESSIONS__REUSE_GRACE", "0s")
        .with("PORTCULLIS__MANAGEMENT__PORT", &management.to_string());
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    let mut canaries = vec![SECRET_KEY.to_owned(), CLIENT.1.to_owned(), who.password.clone()];
    canaries.extend(use_every_secret(&api, &who).await);
    canaries.extend(use_links_and_keys(&settings, &api).await);
    let user = api.get("/api/v1/me", Some(&api.sign_in(&latest(&who, &canaries)).await.access)).await.expect(200);
    broker.of("session.started", user.str("id"), 3).await;

    let metrics = Api::at(&format!("http://127.0.0.1:{management}")).get("/metrics", None).await.expect(200);
    assert!(metrics.text.contains("# TYPE"), "metrics are there: {}", metrics.text);
    must_not_contain("the metrics", metrics.text.as_bytes(), &canaries);
    for event in broker.received() {
        must_not_contain("an event", &event.body, &canaries);
    }
    check_database(&place, &canaries).await;
    let log_path = service.log_path().to_owned();
    service.stop().await;
    let log = std::fs::read(log_path).expect("the log can be read");
    let requests = log.windows(14).filter(|window| *window == b"\"status\":401,\"").count();
    assert!(requests >= 5, "the log tells of the refusals: {}", String::from_utf8_lossy(&log));
    must_not_contain("the log", &log, &canaries);
    check_database(&place, &canaries).await;
}

/// Secrets in every place where a client may put them, right and wrong.
async fn use_every_secret(api: &Api, who: &Person) -> Vec<String> {
    let mut used = Vec::new();
    let mut canary = |kind: &str| {
        let secret = format!("{kind}-{}", fresh_password());
        used.push(secret.clone());
        secret
    };
    let wrong = canary("wrong");
    let tokens = api.join(who).await;
    api.login(&who.email, &wrong).await.expect(401);
    api.login("nobody-at-all", &canary("nobody")).await.expect(401);
    api.register(&Person { password: canary("second"), ..who.clone() }).await.expect(409);
    let odd = json!({ "email": who.email, "password": canary("odd"), "pass_word": canary("field") });
    api.call(Method::POST, "/api/v1/auth/register", None, &odd).await;
    let broken = format!("{{\"login\":\"{}\",\"password\":\"{}", who.email, canary("broken"));
    let request = api.request(Method::POST, "/api/v1/auth/login").header("content-type", "application/json");
    api.send(request.body(broken)).await.expect(400);
    let typed = json!({ "login": who.email, "password": [canary("typed")] });
    api.call(Method::POST, "/api/v1/auth/login", None, &typed).await;
    // A055: never from the query string, and never logged from there.
    api.get(&format!("/api/v1/me?access_token={}", canary("query")), None).await.expect(401);
    api.get("/api/v1/me", Some(&canary("bearer"))).await.expect(401);
    api.refresh(&canary("refresh")).await.expect(401);
    let foreign = api.request(Method::POST, "/oauth2/introspect").basic_auth(CLIENT.0, Some(canary("client")));
    let foreign = foreign.header("content-type", "application/x-www-form-urlencoded");
    api.send(foreign.body(format!("token={}", tokens.access))).await.expect(401);
    api.introspect(&tokens.access).await.expect(200);
    api.introspect(&canary("introspected")).await.expect(200);

    let rotated = Tokens::of(&api.refresh(&tokens.refresh).await.expect(200));
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    api.refresh(&tokens.refresh).await.expect(401);
    let again = api.sign_in(who).await;
    let new = canary("changed");
    api.change_password(&again.access, &canary("current"), &new).await.expect(403);
    api.change_password(&again.access, &who.password, &new).await.expect(204);
    for held in [tokens, rotated, again] {
        used.extend([held.access, held.refresh]);
    }
    used
}

/// Secrets that the operator hands out, right and wrong, in every place where a client may put them.
async fn use_links_and_keys(settings: &Settings, api: &Api) -> Vec<String> {
    let text = |arguments: &[&str], name: &str| {
        let told = call(settings, &[arguments, &["--json"]].concat()).expect(0).json();
        told[name].as_str().expect("a text").rsplit('#').next().expect("a secret").to_owned()
    };
    let (boss, foreign) = (Person::new(), format!("psl_{}", "5e".repeat(32)));
    let setup = text(&["admin", "setup-link"], "url");
    let wrong = format!("pk_{}_{}", "0a".repeat(16), "b7".repeat(36));
    let body = |token: &str| json!({ "token": token, "email": boss.email, "password": boss.password });
    api.call(Method::POST, "/api/v1/setup", None, &body(&foreign)).await.expect(410);
    api.call(Method::POST, "/api/v1/setup", None, &body(&setup)).await.expect(204);
    let link = text(&["users", "password-link", &boss.email], "url");
    let next = fresh_password();
    for (token, status) in [(&foreign, 410), (&link, 204)] {
        let body = json!({ "token": token, "password": next });
        api.call(Method::POST, "/api/v1/auth/set-password", None, &body).await.expect(status);
    }
    let key = text(&["api-keys", "create", "--user", &boss.email, "--name", "x", "--permission", "users:read"], "key");
    api.get_by_key("/api/v1/users", &key).await.expect(200);
    api.get_by_key("/api/v1/users", &wrong).await.expect(401);
    api.get(&format!("/api/v1/users?api_key={key}"), None).await.expect(401);
    let secret = |key: &str| key.rsplit('_').next().expect("a secret").to_owned();
    vec![secret(&setup), secret(&link), secret(&foreign), secret(&key), secret(&wrong), boss.password, next]
}

/// The person with the password that was set last.
fn latest(who: &Person, canaries: &[String]) -> Person {
    let changed = canaries.iter().find(|canary| canary.starts_with("changed-")).expect("the password was changed");
    Person { password: changed.clone(), ..who.clone() }
}

async fn check_database(place: &Place, canaries: &[String]) {
    if let Some(file) = place.file() {
        let mut seen = 0;
        for suffix in ["", "-wal"] {
            let path = format!("{}{suffix}", file.display());
            // The log is gone once the last connection has closed.
            let bytes = std::fs::read(&path).unwrap_or_default();
            seen += bytes.windows(12).filter(|window| *window == b"@example.com").count();
            must_not_contain(&path, &bytes, canaries);
        }
        assert!(seen > 0, "the database holds data");
        return;
    }
    let connection = connect(&place.url()).await;
    let all = "SELECT database_to_xml(true, false, '')::text";
    let statement = Statement::from_string(connection.get_database_backend(), all);
    let row = connection.query_one_raw(statement).await.expect("the database can be read").expect("a row");
    let text: String = row.try_get_by_index(0).expect("a text");
    assert!(text.contains("@example.com"), "the dump holds data");
    must_not_contain("the database", text.as_bytes(), canaries);
    connection.close().await.expect("the connection closes");
}

#[track_caller]
fn must_not_contain(place: &str, haystack: &[u8], canaries: &[String]) {
    for canary in canaries {
        let decoded = canary.rsplit(['.', '_']).next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let decoded = decoded.filter(|bytes| bytes.len() >= 16);
        for needle in [Some(canary.clone().into_bytes()), decoded].into_iter().flatten() {
            let found = haystack.windows(needle.len()).position(|window| window == needle);
            if let Some(at) = found {
                let around = &haystack[at.saturating_sub(160)..(at + needle.len() + 80).min(haystack.len())];
                panic!("{place} contains {canary}: …{}…", String::from_utf8_lossy(around));
            }
        }
    }
}

/// A port that was free a moment ago: the management listener cannot be asked for its address from outside.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
