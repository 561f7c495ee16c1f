//! Nothing leads into the own network: not a name, not a change of mind, not a redirect, not a proxy.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::ports::webhooks::WebhookSender;
use portcullis_memory::Reply;
use portcullis_memory::contract::webhook_sender::Receiver;
use portcullis_webhooks::{Names, WebhookClient, WebhookSettings};
use tokio::net::TcpListener;

use crate::receiver::{LocalReceiver, PATH, ip, refused, send, settings, url};

/// A name server that the test holds in its hand: each answer is given once, the last one for ever.
struct Scripted {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.iter().map(|text| ip(text)).collect()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Names for Scripted {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert!(matches!(name, "hooks.example.com" | "metadata" | "metadata.google.internal"), "{name}");
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("no test panics in here");
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

/// Nothing private is allowed.
fn strict() -> WebhookSettings {
    WebhookSettings { allowed_networks: Vec::new(), ..settings() }
}

/// This machine by a single address.
fn only(address: &str) -> WebhookSettings {
    WebhookSettings { allowed_networks: vec![address.parse().expect("a network")], ..settings() }
}

#[tokio::test]
async fn b45_a_name_that_resolves_to_a_private_address_is_not_connected_to() {
    let receiver = LocalReceiver::start().await;
    let url = url(&format!("http://hooks.example.com:{}/", receiver.address().port()));
    for answer in [&["127.0.0.1"][..], &["::ffff:127.0.0.1"], &["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254"]] {
        let sender = WebhookClient::with_names(strict(), Scripted::new(&[answer]));
        sender.admits(&url).expect("a name is not resolved before it is connected to");
        assert_eq!(refused(&sender, &url).await, "the address is not public (webhooks.allowed_networks)");
    }
    assert_eq!(receiver.connections(), 0, "nobody has knocked");
}

#[tokio::test]
async fn b45_the_metadata_services_of_the_clouds_are_not_connected_to_by_address_or_by_name() {
    for address in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "::ffff:168.63.129.16"] {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let by_address = url(&format!("http://{host}/latest/meta-data"));
        let sender = WebhookClient::with_names(strict(), Scripted::new(&[&[address]]));
        assert!(sender.admits(&by_address).is_err(), "{address} is refused before anything is sent");
        assert_eq!(refused(&sender, &by_address).await, "the address is not public (webhooks.allowed_networks)");
        for host in ["metadata", "metadata.google.internal"] {
            let by_name = url(&format!("http://{host}/computeMetadata/v1/"));
            let why = refused(&sender, &by_name).await;
            assert_eq!(why, "the address is not public (webhooks.allowed_networks)", "{host} at {address}");
        }
    }
}

#[tokio::test]
async fn b45_of_several_addresses_only_the_admitted_ones_are_connected_to() {
    // The same port on two addresses of this machine, of which one is allowed.
    let receiver = LocalReceiver::start().await;
    let port = receiver.address().port();
    let secret = TcpListener::bind(("127.0.0.2", port)).await.expect("the whole of 127.0.0.0/8 is this machine");
    let sender = WebhookClient::with_names(only("127.0.0.1/32"), Scripted::new(&[&["127.0.0.2", "127.0.0.1"]]));
    send(&sender, &url(&format!("http://hooks.example.com:{port}/"))).await.expect("the admitted one answers");
    let knock = tokio::time::timeout(Duration::from_millis(200), secret.accept()).await;
    assert!(knock.is_err(), "nobody knocks at the other one");
}

#[tokio::test]
async fn b45_a095_a_name_that_changes_its_address_between_two_looks_gains_nothing() {
    let receiver = LocalReceiver::start().await;
    let port = receiver.address().port();
    let secret = TcpListener::bind(("127.0.0.2", port)).await.expect("the whole of 127.0.0.0/8 is this machine");
    let names = Scripted::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let sender = WebhookClient::with_names(only("127.0.0.1/32"), names.clone());
    let url = url(&format!("http://hooks.example.com:{port}/"));
    sender.admits(&url).expect("a name may be created");
    send(&sender, &url).await.expect("it is good at first");
    assert_eq!(
        names.asked.load(Ordering::SeqCst),
        1,
        "one look for one connection: there is no second answer to believe"
    );

    // A new connection looks again, and believes what it sees.
    let again = WebhookClient::with_names(only("127.0.0.1/32"), names);
    assert_eq!(refused(&again, &url).await, "the address is not public (webhooks.allowed_networks)");
    let knock = tokio::time::timeout(Duration::from_millis(200), secret.accept()).await;
    assert!(knock.is_err(), "nobody has knocked at the private one");
}

#[tokio::test]
async fn b45_a_redirect_to_a_private_address_is_not_followed() {
    let receiver = LocalReceiver::start().await;
    let sender = WebhookClient::new(settings());
    receiver.answer(Reply::Status(307));
    let why = refused(&sender, &receiver.url()).await;
    assert!(why.contains("307") && why.contains("not followed"), "{why}");
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn plain_http_is_refused_unless_it_is_allowed() {
    let receiver = LocalReceiver::start().await;
    let sender = WebhookClient::new(WebhookSettings { allow_http: false, ..settings() });
    assert!(sender.admits(&receiver.url()).expect_err("it is plain").contains("allow_http"));
    assert!(refused(&sender, &receiver.url()).await.contains("allow_http"));
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn b45_what_names_this_machine_is_refused_by_the_systems_own_resolver() {
    let receiver = LocalReceiver::start().await;
    let sender = WebhookClient::new(strict());
    for host in ["localhost", "LOCALHOST", "localhost.", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "[::1]", "0"] {
        let url = url(&format!("http://{host}:{}{PATH}", receiver.address().port()));
        let why = refused(&sender, &url).await;
        // Some systems do not know `localhost.`, and that is fine, too.
        assert!(why.contains("not public") || why.contains("cannot be resolved"), "{host}: {why}");
    }
    assert_eq!(receiver.connections(), 0, "nobody has knocked");
}

#[tokio::test]
async fn no_refusal_repeats_the_url_or_a_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let sender = WebhookClient::new(settings());
    let target = url(&format!("http://{closed}/path-canary?token=query-canary"));
    let unknown = url("http://nowhere.invalid/path-canary?token=query-canary");
    for target in [target, unknown] {
        let why = refused(&sender, &target).await;
        assert!(!why.contains("canary") && !why.is_empty(), "{why}");
        assert!(!format!("{target:?}").contains("canary"), "nor does the URL show itself");
    }
}

#[tokio::test]
async fn a_message_says_who_sends_it_and_carries_nothing_of_ours_besides() {
    let receiver = LocalReceiver::start().await;
    send(&WebhookClient::new(settings()), &receiver.url()).await.expect("it is sent");
    let head = &receiver.heads()[0];
    let mut names: Vec<&str> = head.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    ];
    assert_eq!(names, expected);
    assert!(head["user-agent"].to_str().expect("text").starts_with("portcullis/"));
}
