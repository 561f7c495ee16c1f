//! `portcullis webhooks`, as an operator uses it.

use sea_orm::ConnectionTrait;
use serde_json::Value;

use crate::operator::{Called, call, call_with_input, migrated};
use crate::place::{Place, connect};
use crate::service::Settings;
use crate::webhooks_receiver::{Answer, Receiver, create, settings};

const URL: &str = "https://hooks.example.com/portcullis?token=url-canary";

fn webhooks(settings: &Settings, arguments: &[&str]) -> Called {
    let arguments: Vec<&str> = std::iter::once("webhooks").chain(arguments.iter().copied()).collect();
    call(settings, &arguments)
}

#[test]
fn a_webhook_is_created_listed_changed_and_deleted() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let created = webhooks(&settings, &["create", URL, "--event", "user.*", "--event", "session.revoked"]).expect(0);
    let secret = created.out.lines().find_map(|line| line.strip_prefix("secret: ")).expect("a secret").to_owned();
    assert!(secret.starts_with("whsec_") && created.out.contains("not shown again"), "{created:?}");

    let list = |settings: &Settings| webhooks(settings, &["list", "--json"]).expect(0).json();
    let all = list(&settings);
    let row = all[0].clone();
    assert_eq!((&row["url"], &row["status"]), (&URL.into(), &"enabled".into()));
    assert_eq!(row["events"], serde_json::json!(["user.*", "session.revoked"]));
    let text = format!("{all}{}", webhooks(&settings, &["list"]).expect(0).out);
    assert!(!text.contains("whsec_") && !text.contains("sealed"), "a secret is never listed: {text}");

    let id = row["id"].as_str().expect("an id").to_owned();
    let changed = webhooks(&settings, &["update", &id, "--url", "https://new.example.com/", "--all-events", "--json"]);
    let changed = changed.expect(0).json();
    assert_eq!((&changed["url"], &changed["events"]), (&"https://new.example.com/".into(), &serde_json::json!([])));
    webhooks(&settings, &["update", &id]).expect(2);

    webhooks(&settings, &["disable", &id]).expect(0);
    let row = list(&settings)[0].clone();
    assert_eq!((&row["status"], &row["why"]), (&"disabled".into(), &"by an operator".into()));
    assert!(row["disabled_at"].is_string());
    webhooks(&settings, &["enable", &id]).expect(0);
    assert_eq!(list(&settings)[0]["status"], "enabled");

    let rotated = webhooks(&settings, &["rotate-secret", &id, "--overlap", "1h", "--json"]).expect(0).json();
    assert!(rotated["secret"].as_str().is_some_and(|new| new.starts_with("whsec_") && new != secret), "{rotated}");
    assert!(list(&settings)[0]["previous_secret_signs_until"].is_string());
    webhooks(&settings, &["rotate-secret", &id, "--overlap", "0s"]).expect(0);
    assert_eq!(list(&settings)[0]["previous_secret_signs_until"], Value::Null);

    webhooks(&settings, &["delete", &id]).expect(0);
    assert_eq!(list(&settings), Value::Array(Vec::new()));
    for verb in ["delete", "enable", "disable", "rotate-secret", "test"] {
        let called = webhooks(&settings, &[verb, &id]).expect(1);
        assert!(called.err.contains("there is no webhook"), "{called:?}");
    }
    let trail = call(&settings, &["audit", "tail", "--json"]).expect(0).out;
    for action in ["webhook.create", "webhook.update", "webhook.disable", "webhook.delete"] {
        assert!(trail.contains(action), "{action} is in the audit trail: {trail}");
    }
    assert!(!trail.contains("url-canary") && !trail.contains("whsec_"), "{trail}");
}

#[test]
fn a_url_that_is_a_secret_is_read_from_standard_input() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    let listed = |settings: &Settings| webhooks(settings, &["list", "--json"]).expect(0).json();
    let create = ["webhooks", "create", "-", "--json"];
    let created = call_with_input(&settings, &create, format!("{URL}\r\nhttps://second.example.com/\n").as_bytes());
    let created = created.expect(0).json();
    assert_eq!(created["url"], URL, "the first line");
    let id = created["id"].as_str().expect("an id");
    let update = ["webhooks", "update", id, "--url", "-"];
    call_with_input(&settings, &update, b"https://new.example.com/?token=url-canary").expect(0);
    let all = listed(&settings);
    assert_eq!(all[0]["url"], "https://new.example.com/?token=url-canary", "also without an end of line");

    let long = format!("https://hooks.example.com/{}", "a".repeat(1_000_000));
    for wrong in [&b""[..], b"\n", b"ftp://url-canary.example.com/", b"\xff\xfe", long.as_bytes()] {
        for arguments in [&create[..], &update] {
            let refused = call_with_input(&settings, arguments, wrong).expect(2);
            assert!(refused.err.contains("the URL on standard input"), "{refused:?}");
            assert!(!refused.err.contains("url-canary"), "{refused:?}");
        }
    }
    assert_eq!(listed(&settings), all, "nothing was created or changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_webhook_stays_on_its_line_and_steers_no_terminal() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    webhooks(&settings, &["create", URL]).expect(0);
    let odd = "it answered\n\u{1b}[2J\u{9b}31m\u{202e}elif\u{2028}end";
    let connection = connect(&place.url()).await;
    let damage = format!("UPDATE webhooks SET disabled_at = 1, disabled_why = '{odd}'");
    connection.execute_unprepared(&damage).await.expect("a change");
    connection.close().await.expect("the end");
    let told = webhooks(&settings, &["list"]).expect(0).out;
    let shown = r#""it answered\n\u{1b}[2J\u{9b}31m\u{202e}elif\u{2028}end""#;
    assert!(told.ends_with(&format!("{shown}\n")) && told.lines().count() == 1, "{told:?}");
    let listed = webhooks(&settings, &["list", "--json"]).expect(0);
    assert_eq!(listed.json()[0]["why"], odd, "programs get it as it is");
    assert!(!listed.out.trim_end().contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}')));
}

#[test]
fn what_cannot_be_is_refused_with_a_reason() {
    let place = Place::sqlite();
    let settings = migrated(&place);
    for (arguments, code, reason) in [
        (&["create", URL, "--event", "user.registred"][..], 1, "there is no event \"user.registred\""),
        (&["create", "ftp://hooks.example.com/"], 2, "absolute http or https URL"),
        (&["create", "https://user:secret@hooks.example.com/"], 2, "without user, password"),
        (&["create", "https://10.0.0.1/"], 1, "not public"),
        (&["enable", "7"], 2, "must be the id of a webhook"),
        (&["rotate-secret", "01234567-89ab-7def-8123-456789abcdef", "--overlap", "31d"], 2, "up to 30d"),
    ] {
        let called = webhooks(&settings, arguments).expect(code);
        assert!(called.err.contains(reason), "{arguments:?}: {called:?}");
    }
    assert_eq!(webhooks(&settings, &["list"]).expect(0).out, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_tells_what_comes_back() {
    let place = Place::sqlite();
    migrated(&place);
    let (settings, receiver) = (settings(&place), Receiver::start().await);
    let (id, _) = create(&settings, &receiver.url(), &["user.*"]);
    webhooks(&settings, &["test", &id]).expect(0);
    assert_eq!(receiver.messages()[0].name(), "webhook.test");
    receiver.answer(Answer::Status(418));
    let refused = webhooks(&settings, &["test", &id]).expect(1);
    assert!(refused.err.contains("it answered 418"), "{refused:?}");
    receiver.answer(Answer::Never);
    let refused = webhooks(&settings, &["test", &id, "--json"]).expect(1).json();
    assert_eq!(refused["delivered"], false);
    assert!(refused["why"].as_str().is_some_and(|why| why.contains("within 1s")), "{refused}");
}
