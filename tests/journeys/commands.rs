//! What the program can be told beside serving, as an operator calls it.

use std::process::Output;

use serde_json::Value;

use crate::api::{Api, Person};
use crate::place::Place;
use crate::service::{CLIENT, SECRET_KEY, Settings};

fn run(settings: &Settings, arguments: &[&str]) -> Output {
    settings.command(arguments).output().expect("the program runs")
}

#[track_caller]
fn said(settings: &Settings, arguments: &[&str]) -> String {
    let output = run(settings, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn said_json(settings: &Settings, arguments: &[&str]) -> Value {
    let text = said(settings, arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_can_be_brought_up_to_date_by_hand() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let settings = Settings::on(&place);
        if let Some(file) = place.file() {
            std::fs::write(file, "").expect("the folder can be written");
        }
        let before = said_json(&settings, &["migrate", "status", "--json"]);
        let pending = |status: &Value| {
            status.as_array().expect("a list").iter().filter(|row| row["applied"] == Value::Bool(false)).count()
        };
        assert!(pending(&before) > 0, "{before}");
        let applied = said_json(&settings, &["migrate", "up", "--json"]);
        assert_eq!(applied["applied"].as_array().expect("a list").len(), pending(&before));
        assert_eq!(pending(&said_json(&settings, &["migrate", "status", "--json"])), 0);
        assert_eq!(said_json(&settings, &["migrate", "up", "--json"])["applied"], Value::Array(Vec::new()));
        let service = settings.start().await;
        Api::at(&service.url).join(&Person::new()).await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_as_they_are_published_and_without_their_private_parts() {
    let place = Place::sqlite();
    let settings = Settings::on(&place);
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let jwks = api.get("/.well-known/jwks.json", None).await.expect(200).json;
    let listed = said_json(&settings, &["keys", "list", "--json"]);
    let kids: Vec<&str> = listed.as_array().expect("a list").iter().filter_map(|key| key["kid"].as_str()).collect();
    let published = jwks["keys"][0]["kid"].as_str().expect("a kid");
    assert!(kids.contains(&published), "{listed}");
    let text = listed.to_string();
    assert!(!text.contains("private") && !text.contains("sealed"), "{text}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_openapi_document_is_the_served_one() {
    let place = Place::sqlite();
    let settings = Settings::on(&place);
    let service = settings.start().await;
    let served = Api::at(&service.url).get("/openapi.json", None).await.expect(200).json;
    assert_eq!(said_json(&settings, &["openapi"]), served);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_tells_by_its_exit_status() {
    let place = Place::sqlite();
    let settings = Settings::on(&place).with("PORT", &crate::secrets::free_port().to_string());
    assert!(!run(&settings, &["healthcheck"]).status.success(), "nobody listens");
    let service = settings.start().await;
    assert!(run(&settings, &["healthcheck"]).status.success());
    service.stop().await;
    assert!(!run(&settings, &["healthcheck"]).status.success(), "nobody listens any more");
}

#[test]
fn the_printed_configuration_shows_origins_and_no_secret() {
    let place = Place::sqlite();
    let settings = Settings::on(&place).with("AMQP_URL", "amqp://guest:amqp-canary-password@127.0.0.1:5672/%2f");
    for arguments in [&["config", "print"][..], &["config", "print", "--json"]] {
        let text = said(&settings, arguments);
        for secret in [SECRET_KEY, CLIENT.1, "amqp-canary-password"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("SECRET_KEY") && text.contains("[redacted]"), "{text}");
    }
    said(&settings, &["config", "check"]);
    let template = said(&settings, &["config", "template"]);
    let file = place.dir().join("template.toml");
    std::fs::write(&file, template).expect("the folder can be written");
    said(&settings, &["--config", file.to_str().expect("text"), "config", "check"]);
}

#[test]
fn a_mistyped_setting_is_refused_with_the_nearest_known_one() {
    let place = Place::sqlite();
    let typo = Settings::on(&place).with("PORTCULLIS__SESSIONS__REUSE_GRAZE", "1s");
    let output = run(&typo, &["serve"]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(complaint.contains("PORTCULLIS__SESSIONS__REUSE_GRACE"), "{complaint}");
    let wrong = Settings::on(&place).with("PORTCULLIS__SESSIONS__REUSE_GRACE", "soon");
    let output = run(&wrong, &["config", "check"]);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(complaint.contains("REUSE_GRACE") && complaint.contains("10s"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_on_a_database_leaves_its_log_written_back_and_says_what_memory_lacks() {
    let place = Place::sqlite();
    let settings = Settings::on(&place);
    let service = settings.start().await;
    Api::at(&service.url).join(&Person::new()).await;
    service.stop().await;
    let log = place.file().expect("a file").with_extension("db-wal");
    let memory = settings.clone().with("DATABASE_URL", "memory:");
    for (arguments, lack) in [
        (&["audit", "tail"][..], "has no audit trail"),
        (&["users", "export"], "holds no accounts"),
        (&["keys", "rotate"], "has no keys of its own"),
        (&["users", "list"], "holds nothing that a command could work on"),
    ] {
        said(&settings, arguments);
        assert!(!log.exists(), "{arguments:?}");
        let refused = run(&memory, arguments);
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(why.contains(&format!("a database in memory {lack}: set DATABASE_URL")), "{why}");
    }
    assert!(!run(&settings, &["users", "export", "/dev/full"]).status.success());
    assert!(!log.exists(), "also when it breaks off");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_binds_nothing_to_the_master_key_goes_without_it() {
    let place = Place::sqlite();
    let settings = Settings::on(&place);
    settings.start().await.stop().await;
    let another = settings.with("SECRET_KEY", "another-master-key-than-that-of-the-service");
    said(&another, &["audit", "tail"]);
    said(&another, &["users", "export"]);
    assert!(!run(&another, &["users", "list"]).status.success());
}
