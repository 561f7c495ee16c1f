//! Webhooks are sent when the test says so.

use std::time::Duration;

use portcullis::testing::TestService;
use portcullis::testing::domain::audit::Actor;
use portcullis::testing::domain::origin::Origin;
use portcullis::testing::domain::webhooks::{CreateWebhook, WebhookUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn one_in_the_tests_own_process_gets_what_it_wants() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", receiver.local_addr().expect("an address"));
    let builder = TestService::builder().setting("webhooks.allow_http", "true");
    let service = builder.setting("webhooks.allowed_networks", "127.0.0.0/8").build().await.expect("settings");
    let webhook = CreateWebhook {
        url: WebhookUrl::parse(&url).expect("a URL"),
        events: vec!["user.registered".to_owned()],
        actor: Actor::Operator,
        origin: Origin::default(),
    };
    service.app().webhooks.create(webhook).await.expect("it is allowed");
    let ada = service.register("ada").await;

    let sent = async {
        let (mut stream, _) = receiver.accept().await.expect("a connection");
        let mut request = String::new();
        while !request.contains(&ada.id) {
            let mut part = [0; 4_096];
            let read = stream.read(&mut part).await.expect("bytes");
            assert!(read > 0, "it ended early: {request}");
            request.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.expect("it is read");
        request
    };
    let both = async { tokio::join!(service.send_webhooks(), sent) };
    let ((), request) = tokio::time::timeout(Duration::from_secs(30), both).await.expect("it is sent");
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("webhook-signature: v1,") && request.contains("user.registered"), "{request}");
    // Nothing is left, and nothing is sent twice.
    service.send_webhooks().await;
    assert_eq!(service.app().webhooks.waiting().await.expect("the queue"), 0);
}
