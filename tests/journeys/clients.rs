//! Clients that an operator gives out while the service runs.

use std::fs::OpenOptions;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, Person};
use crate::operator::{call, migrated};
use crate::place::Place;
use crate::service::{CLIENT, Settings};

/// What a client proves itself with.
type Credentials<'a> = (&'a str, &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_knows_a_client_at_once_and_its_end_within_the_bound_on_sqlite() {
    // Nobody brings word from the command to the service: it looks every half second.
    let place = Place::sqlite();
    a_running_service_follows(&place, "1s", Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_knows_a_client_at_once_and_its_end_by_word_on_postgres() {
    // It would look every half minute: it is the word that is fast.
    let place = Place::postgres().await;
    a_running_service_follows(&place, "60s", Duration::from_secs(5)).await;
}

async fn a_running_service_follows(place: &Place, staleness: &str, bound: Duration) {
    let settings = migrated(place).with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", staleness);
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let user = api.join(&Person::new()).await;
    // Asked for before it is there: that it was unknown is not remembered.
    token(&api, ("orders", "pcs_0123456789abcdef"), None).await.expect(401);

    let secret = secret_of(&settings, &["clients", "create", "--id", "orders", "--scope", "stock:read stock:write"]);
    let granted = token(&api, ("orders", &secret), None).await.expect(200);
    assert_eq!((granted.str("token_type"), granted.str("scope")), ("Bearer", "stock:read stock:write"));
    let narrowed = token(&api, ("orders", &secret), Some("stock:read")).await.expect(200);
    assert_eq!(narrowed.str("scope"), "stock:read");
    let refused = token(&api, ("orders", &secret), Some("stock:read admin")).await.expect(400);
    assert_eq!(refused.str("error"), "invalid_scope");
    let held = granted.str("access_token").to_owned();
    api.verify(&held).await.expect(204);
    let told = introspect(&api, ("orders", &secret), &user.access).await.expect(200);
    assert_eq!(told.json["active"], true, "it may ask about the tokens of users: {}", told.text);

    let second = secret_of(&settings, &["clients", "rotate-secret", "orders", "--overlap", "1h"]);
    assert_ne!(second, secret);
    for secret in [&secret, &second] {
        token(&api, ("orders", secret), None).await.expect(200);
    }
    let third = secret_of(&settings, &["clients", "rotate-secret", "orders"]);
    let rotated = Instant::now();
    token(&api, ("orders", &third), None).await.expect(200);
    for secret in [&secret, &second] {
        until(rotated + bound, || async { token(&api, ("orders", secret), None).await.status == 401 }).await;
    }
    api.verify(&held).await.expect(204);

    call(&settings, &["clients", "delete", "orders"]).expect(0);
    let deleted = Instant::now();
    until(deleted + bound, || async { api.verify(&held).await.status == 401 }).await;
    until(deleted + bound, || async { token(&api, ("orders", &third), None).await.status == 401 }).await;
    let told = api.introspect(&held).await.expect(200);
    assert_eq!(told.json, json!({ "active": false }));
    api.verify(&user.access).await.expect(204);

    let log = service.log();
    for secret in [&secret, &second, &third] {
        assert!(!log.contains(secret.trim_start_matches("pcs_")), "a secret is in the log");
    }
    service.stop().await;
    if let Some(file) = place.file() {
        let stored = std::fs::read(file).expect("the database can be read");
        for secret in [&secret, &second, &third] {
            let digits = secret.trim_start_matches("pcs_").as_bytes();
            assert!(!stored.windows(digits.len()).any(|part| part == digits), "a secret is in the database");
        }
    }
    let trail = call(&settings, &["audit", "tail", "--json", "--actor", "operator"]).expect(0).lines();
    let acts: Vec<&str> = trail.iter().map(|entry| entry["action"].as_str().unwrap_or_default()).collect();
    assert_eq!(acts, ["client.create", "client.rotate_secret", "client.rotate_secret", "client.delete"]);
    assert!(trail.iter().all(|entry| entry["detail"] == "orders"), "{trail:?}");
}

async fn until<F: Future<Output = bool>>(deadline: Instant, is_so: impl Fn() -> F) {
    while !is_so().await {
        assert!(Instant::now() < deadline, "the service has not heard of it in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The secret that a command prints, as JSON.
#[track_caller]
fn secret_of(settings: &Settings, arguments: &[&str]) -> String {
    let told = call(settings, &[arguments, &["--json"]].concat()).expect(0);
    let secret = told.json()["client_secret"].as_str().expect("a secret").to_owned();
    assert!(secret.starts_with("pcs_") && secret.len() == 68, "{secret}");
    secret
}

async fn token(api: &Api, (id, secret): Credentials<'_>, scope: Option<&str>) -> Answer {
    let scope = scope.map(|scope| format!("&scope={}", scope.replace(' ', "+"))).unwrap_or_default();
    form(api, "/oauth2/token", (id, secret), format!("grant_type=client_credentials{scope}")).await
}

async fn introspect(api: &Api, client: Credentials<'_>, token: &str) -> Answer {
    form(api, "/oauth2/introspect", client, format!("token={token}")).await
}

async fn form(api: &Api, path: &str, (id, secret): Credentials<'_>, body: String) -> Answer {
    let request = api.request(Method::POST, path).basic_auth(id, Some(secret));
    api.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
}

#[tokio::test]
async fn the_secret_is_printed_once_and_what_is_listed_holds_none() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    // B51: what turns the direction of writing shows people another name than there is.
    let turned = call(&settings, &["clients", "create", "--name", "Orders \u{202e}x"]).expect(1);
    assert!(turned.err.contains("a name is") && !turned.err.contains('\u{202e}'), "{turned:?}");
    let made = call(&settings, &["clients", "create", "--name", "Orders x"]).expect(0);
    let lines: Vec<(&str, &str)> = made.out.lines().filter_map(|line| line.split_once("  ")).collect();
    let [("client_id", id), ("client_secret", secret)] = lines[..] else { panic!("{made:?}") };
    let (id, secret) = (id.trim(), secret.trim());
    assert!(id.starts_with("c-") && secret.starts_with("pcs_"), "{made:?}");
    assert!(made.err.contains("not shown again") && !made.err.contains(secret), "{made:?}");

    let create = ["clients", "create", "--id", "orders", "--name", "Orders", "--scope", "a b", "--json"];
    let orders = call(&settings, &create).expect(0).json();
    let keys: Vec<&String> = orders.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["client_id", "client_secret", "created_at", "name", "scope"]);
    assert_eq!(
        (&orders["client_id"], &orders["name"], &orders["scope"]),
        (&json!("orders"), &json!("Orders"), &json!("a b"))
    );

    let listed = call(&settings, &["clients", "list", "--json"]).expect(0);
    let mut expected = orders.clone();
    expected.as_object_mut().expect("an object").remove("client_secret");
    let all = listed.json();
    assert_eq!(all.as_array().map(Vec::len), Some(2));
    assert_eq!((&all[0]["client_id"], &all[0]["name"], &all[0]["scope"]), (&json!(id), &json!("Orders x"), &json!("")));
    assert_eq!(all[1], expected);
    let text = call(&settings, &["clients", "list"]).expect(0);
    assert_eq!(text.out.lines().count(), 2);
    assert!(text.out.contains("orders") && text.out.contains("a b") && text.out.contains(id), "{text:?}");
    for printed in [&listed, &text] {
        assert!(!printed.out.contains("pcs_") && !printed.out.contains('\u{202e}'), "{printed:?}");
    }

    let rotated = call(&settings, &["clients", "rotate-secret", "orders", "--overlap", "90s"]).expect(0);
    assert!(rotated.err.contains("90 s") && rotated.out.contains("pcs_"), "{rotated:?}");
    assert_eq!(call(&settings, &["clients", "delete", "orders"]).expect(0).out, "deleted orders\n");
    let gone = call(&settings, &["clients", "delete", id, "--json"]).expect(0);
    assert_eq!(gone.json(), json!({ "client_id": id, "deleted": true }));
    assert_eq!(call(&settings, &["clients", "list", "--json"]).expect(0).json(), json!([]));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_the_exit_code_of_its_kind() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    call(&settings, &["clients", "create", "--id", "orders"]).expect(0);
    call(&settings, &["clients", "create", "--id", "gone"]).expect(0);
    call(&settings, &["clients", "delete", "gone"]).expect(0);
    let long = "n".repeat(101);
    for (arguments, code, complaint) in [
        (&["create", "--id", "orders"][..], 1, "orders is taken"),
        (&["create", "--id", "gone"], 1, "ids are not given twice"),
        (&["create", "--id", "portcullis"], 1, "portcullis is reserved"),
        (&["create", "--id", CLIENT.0], 1, "is reserved"),
        (&["create", "--name", &long], 1, "1 to 100 characters"),
        (&["create", "--name", "two\nlines"], 1, "without control characters"),
        (&["create", "--id", "Orders!"], 2, "3 to 64 of a-z"),
        (&["create", "--id", "0198a000-0000-7000-8000-000000000000"], 2, "not a UUID"),
        (&["create", "--scope", "a  b"], 2, "separated by single spaces"),
        (&["rotate-secret", "nobody"], 1, "no client nobody"),
        (&["rotate-secret", "gone"], 1, "no client gone"),
        (&["rotate-secret", "orders", "--overlap", "soon"], 2, "a duration like"),
        (&["rotate-secret", "orders", "--overlap", "31d"], 2, "up to 30d"),
        (&["rotate-secret"], 2, "required"),
        (&["delete", "nobody"], 1, "no client nobody"),
        (&["delete", "gone"], 1, "no client gone"),
    ] {
        let told = call(&settings, &[&["clients"], arguments].concat()).expect(code);
        assert!(told.err.contains(complaint) && told.out.is_empty(), "{arguments:?}: {told:?}");
    }
    let listed: Value = call(&settings, &["clients", "list", "--json"]).expect(0).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "nothing of it was done: {listed}");

    let memory = settings.clone().with("DATABASE_URL", "memory:");
    let told = call(&memory, &["clients", "list"]).expect(1);
    assert!(told.err.contains("set DATABASE_URL"), "{told:?}");
    let fresh = Place::sqlite();
    let told = call(&Settings::on(&fresh), &["clients", "create"]).expect(1);
    assert!(told.err.contains("portcullis migrate up"), "{told:?}");
}

#[tokio::test]
async fn a_secret_under_another_master_key_than_the_services_is_never_given_out() {
    let place = Place::sqlite();
    let settings = Settings::on(&place);
    settings.start().await.stop().await;
    let other = settings.clone().with("SECRET_KEY", "another-master-key-0f9e8d7c6b5a43210-zYxWvUtS");
    for command in [&["create", "--id", "orders"][..], &["rotate-secret", "orders"]] {
        let told = call(&other, &[&["clients"], command].concat()).expect(1);
        assert!(told.err.contains("SECRET_KEY") && told.out.is_empty(), "{told:?}");
    }
    assert_eq!(call(&settings, &["clients", "list", "--json"]).expect(0).json(), json!([]));
}

#[tokio::test]
async fn a_secret_that_could_not_be_printed_is_admitted_with_the_remedy() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let full = OpenOptions::new().write(true).open("/dev/full").expect("a full device");
    let told = settings.command(&["clients", "create", "--id", "orders"]).stdout(full).output().expect("it runs");
    let err = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(1), "{err}");
    assert!(err.contains("clients rotate-secret orders") && !err.contains("pcs_"), "{err}");
    let secret = secret_of(&settings, &["clients", "rotate-secret", "orders"]);
    let service = settings.start().await;
    token(&Api::at(&service.url), ("orders", &secret), None).await.expect(200);
    service.stop().await;
}
