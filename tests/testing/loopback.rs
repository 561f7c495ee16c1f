//! A real address, for clients that need one.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use portcullis::testing::TestService;
use serde_json::{Value, json};

#[tokio::test]
async fn a_real_client_and_the_test_see_one_service() {
    let service = TestService::listen().await;
    assert_eq!(service.issuer(), service.url());
    let http = reqwest::Client::new();
    let body = json!({ "email": "ada@example.com", "username": "ada", "password": "seven grey herons wading" });
    let registered = http.post(format!("{}/api/v1/auth/register", service.url())).json(&body).send();
    let account: Value = registered.await.expect("an answer").json().await.expect("JSON");
    let event = service.event("user.registered").await;
    assert_eq!(event.data["user_id"], account["id"]);

    let body = json!({ "login": "ada", "password": "seven grey herons wading" });
    let login: Value = service.post("/api/v1/auth/login").json(&body).send().await.expect(200).json();
    let token = login["access_token"].as_str().expect("a token");
    let verify = async || {
        let asked = http.get(format!("{}/api/v1/auth/verify", service.url())).bearer_auth(token).send();
        asked.await.expect("an answer").status().as_u16()
    };
    assert_eq!(verify().await, 204);
    service.clock().advance(Duration::from_secs(900));
    assert_eq!(verify().await, 401);
}

#[tokio::test]
async fn dropped_it_is_gone() {
    let service = TestService::listen().await;
    let address = service.address().expect("it listens");
    let mut idle = TcpStream::connect(address).expect("it accepts");
    drop(service);
    until_refused(address).await;
    idle.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let read =
        tokio::task::spawn_blocking(move || std::io::Read::read(&mut idle, &mut [0; 1])).await.expect("it reads");
    // Closed or reset: what matters is that nobody holds the connection any more.
    assert!(
        read.as_ref().map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |n| *n == 0),
        "{read:?}"
    );
}

async fn until_refused(address: SocketAddr) {
    for _ in 0..1_000 {
        if TcpStream::connect(address).is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{address} still accepts connections");
}
