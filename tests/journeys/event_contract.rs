//! The event contract as others read it: every event that the service really publishes is what its schema and the
//! AsyncAPI document say, checked by programs that we did not write.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis_domain::event::Event;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, Person, Tokens, fresh_password};
use crate::broker::{Broker, Received};
use crate::browser::{read, root};
use crate::consumers::{program_of, said, set_up};
use crate::operator::call_with_input;
use crate::place::Place;
use crate::service::{ISSUER, Service, Settings};

#[tokio::test(flavor = "multi_thread")]
async fn every_published_event_is_what_its_schema_and_the_asyncapi_document_say() {
    let (place, broker) = (Place::sqlite(), Broker::fresh().await);
    let (settings, service, events) = every_event(&place, &broker).await;
    set_up();

    let url = service.url.clone();
    let lines: String = events.iter().map(|event| format!("{}\n", event.json)).collect();
    let mut schemas = program_of("check_schemas.py");
    let told = fed(schemas.env("PORTCULLIS_URL", &url).env("ISSUER", ISSUER), &lines);
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), events.len(), "{told}");

    let message = |event: &Received| {
        let message = json!({
            "routing_key": event.routing_key, "exchange": broker.exchange(), "queue": broker.service_queue(),
            "content_type": event.content_type, "event": event.json,
        });
        format!("{message}\n")
    };
    let messages: String = events.iter().map(message).collect();
    let mut document = program_of("check_asyncapi.mjs");
    let told = fed(document.env("PORTCULLIS_URL", &url), &messages);
    // Each event on its own channel and, with all others, in the service's queue.
    assert!(told.starts_with(&format!("valid {}\n", 2 * Event::schemas().len())), "{told}");
    assert_eq!(told.lines().filter(|line| line.starts_with("ok ")).count(), events.len(), "{told}");

    for event in events.iter().filter(|event| event.name() == "session.revoked") {
        let reason = event.data("reason");
        let known = portcullis_domain::sessions::RevocationReason::parse(reason);
        assert!(known.is_some(), "{reason} is no reason that the schema names");
    }

    let printed = settings.command(&["asyncapi"]).output().expect("the program runs");
    assert!(printed.status.success(), "{}", said(&printed));
    let printed: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    let served = Api::at(&url).get("/asyncapi.json", None).await.expect(200);
    assert_eq!(printed, served.json, "the command prints what the service serves");
    for secret in ["guest", "5672", broker.url()] {
        assert!(!served.text.contains(secret), "the document tells where the broker is, or who may use it: {secret}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cloudevents_sdks_read_every_event_from_the_queue() {
    let (place, broker) = (Place::sqlite(), Broker::fresh().await);
    let (_, service, events) = every_event(&place, &broker).await;
    set_up();
    broker.until_service_queue_holds(events.len()).await;
    let mut expected: Vec<_> = events.iter().map(|event| event.message_id.clone()).collect();
    expected.sort();
    for program in ["cloudevents_sdk.py", "cloudevents_sdk.mjs"] {
        let mut command = program_of(program);
        command.env("AMQP_URL", broker.url()).env("QUEUE", broker.service_queue());
        let told = fed(&mut command, "");
        let mut read: Vec<_> = told.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect();
        read.sort();
        assert_eq!(read, expected, "{program}: {told}");
        // What was not acknowledged goes back once its connection is gone.
        broker.until_service_queue_holds(events.len()).await;
    }
    service.stop().await;
}

#[test]
fn the_documentation_lists_every_event_with_its_data_and_no_other() {
    let text = read(&root().join("docs/events.md"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows: BTreeSet<(String, String)> = text
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 5)
        .map(|line| (cells(line)[0].clone(), cells(line)[2].clone()))
        .collect();
    let kinds = Event::schemas().into_iter().map(|kind| {
        let schema = kind.data().clone().to_value();
        let fields = schema["properties"].as_object().expect("properties");
        let fields: Vec<_> = fields.keys().map(|name| format!("`{name}`")).collect();
        (format!("`{}`", kind.name()), fields.join(", "))
    });
    assert_eq!(rows, kinds.collect());
}

/// Does with a service everything that publishes an event, and returns what arrived: at least one of each kind.
async fn every_event(place: &Place, broker: &Broker) -> (Settings, Service, Vec<Received>) {
    let settings = Settings::on(place)
        .publishing_to(broker)
        .with("PORTCULLIS__EVENTS__ANNOUNCE_REFRESHES", "true")
        .with("PORTCULLIS__SESSIONS__REUSE_GRACE", "0s");
    let service = settings.start().await;
    let api = Api::at(&service.url);
    an_account_lives_and_dies(&api).await;
    those_in_charge_act(&api, &settings).await;
    a_client_comes_and_goes(&api, &settings).await;
    keys_are_rotated_and_revoked(&settings);
    a_webhook_is_disabled(&settings);

    let kinds: BTreeSet<_> = Event::schemas().into_iter().map(|kind| kind.name().to_owned()).collect();
    let names = |events: &[Received]| events.iter().map(|event| event.name().to_owned()).collect::<BTreeSet<_>>();
    let done = |events: &[Received]| names(events) == kinds;
    broker.wait("every kind of event", Duration::from_secs(30), done).await;
    // What has not arrived yet is no new kind: it only must not arrive between two looks of a test.
    loop {
        let before = broker.received().len();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let events = broker.received();
        if events.len() == before {
            return (settings, service, events);
        }
    }
}

async fn an_account_lives_and_dies(api: &Api) {
    let (ada, mut grace) = (Person::new(), Person::new());
    let first = api.join(&ada).await;
    let body = json!({ "email": grace.email, "password": grace.password });
    api.call(Method::POST, "/api/v1/auth/register", None, &body).await.expect(201);
    api.sign_in(&grace).await;
    api.login(&ada.email, "not the password").await.expect(401);
    api.login("nobody@example.com", "not the password").await.expect(401);
    api.logout(&first.access).await.expect(204);

    // Without a grace the second use of a refresh token is its reuse.
    let second = api.sign_in(&ada).await;
    Tokens::of(&api.refresh(&second.refresh).await.expect(200));
    tokio::time::sleep(Duration::from_millis(20)).await;
    api.refresh(&second.refresh).await.expect(401);

    let third = api.sign_in(&ada).await;
    let _other = api.sign_in(&ada).await;
    let patch = json!({ "username": Person::new().username });
    api.call(Method::PATCH, "/api/v1/me", Some(&third.access), &patch).await.expect(200);
    let new = fresh_password();
    api.change_password(&third.access, &ada.password, &new).await.expect(204);
    api.delete_account(&third.access, &new).await.expect(204);
    grace.username.clear();
    let last = api.sign_in(&grace).await;
    let everywhere = api.request(Method::POST, "/api/v1/auth/logout-all").bearer_auth(&last.access);
    api.send(everywhere).await.expect(204);
}

async fn those_in_charge_act(api: &Api, settings: &Settings) {
    let (admin, eve) = (Person::new(), Person::new());
    let create = ["admin", "create-user", "--email", &admin.email, "--role", "admin", "--password-stdin"];
    call_with_input(settings, &create, admin.password.as_bytes()).expect(0);
    let mine = api.sign_in(&admin).await.access;
    let ask = async |method: Method, path: &str, body: Value| {
        let answer = api.call(method, &format!("/api/v1{path}"), Some(&mine), &body).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.text);
        answer
    };
    api.join(&eve).await;
    let id = ask(Method::GET, &format!("/users?email={}", eve.email), json!({})).await.json["items"][0]["id"].clone();
    let user = format!("/users/{}", id.as_str().expect("an id"));

    let role = json!({ "name": "clerk", "permissions": ["orders:read"] });
    let etag = ask(Method::POST, "/roles", role).await.headers["etag"].clone();
    ask(Method::PUT, &format!("{user}/roles/clerk"), json!({})).await;
    let change = api.request(Method::PATCH, "/api/v1/roles/clerk").bearer_auth(&mine).header("if-match", etag);
    api.send(change.json(&json!({ "permissions": ["orders:*"] }))).await.expect(200);
    ask(Method::DELETE, &format!("{user}/roles/clerk"), json!({})).await;
    ask(Method::DELETE, "/roles/clerk", json!({})).await;

    let key = ask(Method::POST, "/me/api-keys", json!({ "name": "nightly", "permissions": ["users:read"] })).await;
    let key = format!("/me/api-keys/{}", key.str("id"));
    ask(Method::POST, &format!("{key}/rotate"), json!({ "overlap_seconds": 60 })).await;
    ask(Method::DELETE, &key, json!({})).await;

    ask(Method::POST, &format!("{user}/impersonate"), json!({ "reason": "ticket 4711" })).await;
    ask(Method::POST, &format!("{user}/expire-password"), json!({})).await;
    ask(Method::POST, &format!("{user}/disable"), json!({ "reason": "left" })).await;
    ask(Method::POST, &format!("{user}/enable"), json!({})).await;
    ask(Method::DELETE, &user, json!({})).await;
}

async fn a_client_comes_and_goes(api: &Api, settings: &Settings) {
    let made = told(settings, &["clients", "create", "--id", "orders", "--scope", "stock:read stock:write", "--json"]);
    let secret = made["client_secret"].as_str().expect("a secret").to_owned();
    // The service learns of it a moment later.
    let mut answer = form(api, "/oauth2/token", &secret, "grant_type=client_credentials").await;
    for _ in 0..200 {
        if answer.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = form(api, "/oauth2/token", &secret, "grant_type=client_credentials").await;
    }
    let token = answer.expect(200).str("access_token").to_owned();
    form(api, "/oauth2/revoke", &secret, &format!("token={token}")).await.expect(200);
    told(settings, &["clients", "rotate-secret", "orders", "--json"]);
    told(settings, &["clients", "delete", "orders", "--json"]);
}

async fn form(api: &Api, path: &str, secret: &str, body: &str) -> Answer {
    let request = api.request(Method::POST, path).basic_auth("orders", Some(secret));
    api.send(request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())).await
}

fn keys_are_rotated_and_revoked(settings: &Settings) {
    told(settings, &["keys", "rotate", "--json"]);
    let keys = told(settings, &["keys", "list", "--json"]);
    let kid = keys[0]["kid"].as_str().expect("a key").to_owned();
    told(settings, &["keys", "revoke", &kid, "--yes", "--json"]);
}

fn a_webhook_is_disabled(settings: &Settings) {
    let made = told(settings, &["webhooks", "create", "https://hooks.example.com/in", "--json"]);
    let id = made["id"].as_str().expect("an id").to_owned();
    told(settings, &["webhooks", "disable", &id, "--json"]);
}

/// What a command prints for programs.
#[track_caller]
fn told(settings: &Settings, arguments: &[&str]) -> Value {
    let output = settings.command(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?} prints {}", said(&output)))
}

/// What a program that must succeed says about its input.
#[track_caller]
fn fed(command: &mut Command, input: &str) -> String {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipe = child.stdin.take().expect("a pipe");
    let text = input.to_owned();
    // A thread of its own: a program that ends early must not hold up the test.
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, said(&output));
    writer.join().expect("no panic").expect("the program read all");
    String::from_utf8(output.stdout).expect("text")
}
