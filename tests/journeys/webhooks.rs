//! Webhooks of the real service: signed, never lost, never into the own network.

use std::time::{Duration, Instant};

use crate::api::{Api, Person};
use crate::interop_oauth::install;
use crate::operator::{call, migrated};
use crate::place::Place;
use crate::secrets::free_port;
use crate::service::{ISSUER, Settings};
use crate::webhooks_receiver::{Answer, Receiver, create, ids, must_verify, settings};

/// Knowledge of a new webhook takes at most so long, on a busy machine.
const LEARNED: Duration = Duration::from_secs(3);

/// A webhook that is known to the running service.
async fn known(settings: &Settings, url: &str, events: &[&str]) -> (String, String) {
    let created = create(settings, url, events);
    tokio::time::sleep(LEARNED).await;
    created
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_signed_and_the_packages_of_others_verify_them() {
    install();
    for place in [Place::sqlite(), Place::postgres().await] {
        let (settings, receiver) = (settings(&place), Receiver::start().await);
        let service = settings.start().await;
        let (id, secret) = known(&settings, &receiver.url(), &[]).await;
        assert!(secret.starts_with("whsec_"));
        let (api, who) = (Api::at(&service.url), Person::new());
        let tokens = api.join(&who).await;
        api.logout(&tokens.access).await.expect(204);
        let messages = receiver.until_events(3).await;
        let mut names: Vec<&str> = messages.iter().map(|message| message.name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["session.revoked", "session.started", "user.registered"]);
        for message in &messages {
            assert_eq!(message.path, "/hooks?of=portcullis");
            assert_eq!(message.headers["content-type"], "application/cloudevents+json");
            assert_eq!(message.json["source"], ISSUER);
            assert!(!message.body.contains(&who.password) && !message.body.contains(&tokens.access));
        }
        must_verify(&messages, &[&secret]);

        // A new secret: for a day both are good.
        let told = call(&settings, &["webhooks", "rotate-secret", &id, "--json"]).expect(0).json();
        let new = told["secret"].as_str().expect("a secret").to_owned();
        let before = receiver.messages().len();
        api.join(&Person::new()).await;
        let messages = receiver.until_events(before + 2).await;
        must_verify(&messages[before..], &[&secret, &new]);

        assert!(!service.log().contains("whsec_") && !service.log().contains("/hooks"), "{}", service.log());
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_between_the_commit_and_the_delivery_loses_nothing_k3() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let (settings, receiver) = (settings(&place), Receiver::start().await);
        let mut service = settings.start().await;
        let (_, secret) = known(&settings, &receiver.url(), &["user.registered"]).await;
        // Committed and on its way, but never answered.
        receiver.answer(Answer::Never);
        let api = Api::at(&service.url);
        for _ in 0..3 {
            api.register(&Person::new()).await.expect(201);
        }
        receiver.until(|messages| !messages.is_empty()).await;
        service.kill();
        receiver.answer(Answer::Status(204));
        let heard = receiver.messages().len();
        let service = settings.start().await;
        let messages = receiver.until(|messages| ids(&messages[heard..]).len() == 3).await;
        install();
        must_verify(&messages[heard..], &[&secret]);
        assert_eq!(ids(&messages).len(), 3, "what came twice has the id of the first time");
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_gets_everything_when_it_is_up() {
    let place = Place::sqlite();
    let (address, management) = (format!("127.0.0.1:{}", free_port()), free_port().to_string());
    let settings = settings(&place).with("PORTCULLIS__MANAGEMENT__PORT", &management);
    let service = settings.start().await;
    known(&settings, &format!("http://{address}/hooks"), &["user.*"]).await;
    let api = Api::at(&service.url);
    for _ in 0..5 {
        api.register(&Person::new()).await.expect(201);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(service.log().contains("a webhook does not take events"), "{}", service.log());
    let receiver = Receiver::at(&address).await;
    receiver.until_events(5).await;
    let operator = Api::at(&format!("http://127.0.0.1:{management}"));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let metrics = operator.get("/metrics", None).await.expect(200).text;
        assert!(!metrics.contains(&address), "no label tells where events go: {metrics}");
        let sent = metrics.contains("portcullis_webhooks_sent_total 5\n");
        let failed = metrics.contains("portcullis_webhooks_failed_total ");
        // The gauge follows every few seconds.
        if sent && failed && metrics.contains("portcullis_webhooks_waiting 0\n") {
            break;
        }
        assert!(Instant::now() < deadline, "{metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    service.stop().await;
    assert_eq!(receiver.messages().len(), 5, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn b45_a_redirect_to_a_private_address_is_not_followed() {
    let place = Place::sqlite();
    let (settings, receiver, inside) = (settings(&place), Receiver::start().await, Receiver::start().await);
    let service = settings.start().await;
    let (id, _) = known(&settings, &receiver.url(), &["user.*"]).await;
    receiver.answer(Answer::Redirect(inside.url()));
    Api::at(&service.url).register(&Person::new()).await.expect(201);
    // The first time, and again after its pause.
    receiver.until(|messages| messages.len() >= 2).await;
    let tested = call(&settings, &["webhooks", "test", &id, "--json"]).expect(1).json();
    assert!(tested["why"].as_str().is_some_and(|why| why.contains("307")), "{tested}");
    assert_eq!(inside.messages().len(), 0, "nobody was sent there");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b45_nothing_is_sent_to_an_address_that_the_operator_has_not_allowed() {
    let place = Place::sqlite();
    let migrated = migrated(&place);
    let receiver = Receiver::start().await;
    let port = receiver.url().rsplit_once(':').map(|(_, rest)| rest.split('/').next().unwrap_or_default().to_owned());
    let port = port.expect("a port");
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0", "169.254.169.254", "10.0.0.1"]
    {
        let refused = call(&migrated, &["webhooks", "create", &format!("https://{host}:{port}/")]).expect(1);
        assert!(refused.err.contains("not public"), "{refused:?}");
    }
    let refused = call(&migrated, &["webhooks", "create", "http://example.com/"]).expect(1);
    assert!(refused.err.contains("webhooks.allow_http"), "{refused:?}");
    // A name says nothing before it is resolved, and then the address is looked at.
    let plain = migrated.with("PORTCULLIS__WEBHOOKS__ALLOW_HTTP", "true");
    let (id, _) = create(&plain, &format!("http://localhost:{port}/"), &[]);
    let tested = call(&plain, &["webhooks", "test", &id]).expect(1);
    assert!(tested.err.contains("not public"), "{tested:?}");
    assert_eq!(receiver.messages().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_takes_nothing_for_long_is_disabled_and_the_others_are_told() {
    let place = Place::sqlite();
    let settings = settings(&place).with("PORTCULLIS__WEBHOOKS__GIVE_UP_AFTER", "1m");
    let (bad, good) = (Receiver::start().await, Receiver::start().await);
    bad.answer(Answer::Status(500));
    let service = settings.start().await;
    create(&settings, &good.url(), &["webhook.disabled"]);
    let (id, _) = known(&settings, &bad.url(), &["user.*"]).await;
    Api::at(&service.url).register(&Person::new()).await.expect(201);
    bad.until(|messages| messages.len() >= 3).await;
    assert_eq!(good.messages().len(), 0, "a minute is not over");
    let told = good.until_events(1).await;
    assert_eq!(told[0].json["data"], serde_json::json!({ "webhook_id": id, "reason": "failing" }));
    let listed = call(&settings, &["webhooks", "list", "--json"]).expect(0).json();
    let row = listed.as_array().expect("a list").iter().find(|row| row["id"] == *id).expect("it is there").clone();
    assert_eq!((&row["status"], &row["why"]), (&"disabled".into(), &"it answered 500".into()));
    let attempts = bad.messages().len();
    Api::at(&service.url).register(&Person::new()).await.expect(201);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bad.messages().len(), attempts, "nothing is sent there any more");
    assert!(service.log().contains("a webhook was disabled"), "{}", service.log());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_does_is_told_to_the_webhooks_too() {
    let place = Place::sqlite();
    let (settings, receiver) = (settings(&place), Receiver::start().await);
    let service = settings.start().await;
    known(&settings, &receiver.url(), &["client.*"]).await;
    call(&settings, &["clients", "create", "--id", "orders"]).expect(0);
    let messages = receiver.until_events(1).await;
    assert_eq!((messages[0].name(), &messages[0].json["data"]["client_id"]), ("client.created", &"orders".into()));
    service.stop().await;
}
