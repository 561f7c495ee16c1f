//! A receiver that does not behave costs a bounded time and bounded memory.

use std::time::{Duration, Instant};

use portcullis_domain::ports::webhooks::SendError;
use portcullis_webhooks::WebhookClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::receiver::{LocalReceiver, refused, send, settings, url};

use portcullis_memory::contract::webhook_sender::Receiver;

/// A receiver that reads a request and then does what it likes; where it listens.
async fn rude<F>(conduct: impl Fn(TcpStream) -> F + Send + 'static) -> portcullis_domain::webhooks::WebhookUrl
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4_096];
            if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                tokio::spawn(conduct(stream));
            }
        }
    });
    url(&format!("http://{address}/"))
}

/// Writes until nobody reads.
async fn pour(mut stream: TcpStream, head: &'static [u8], drop: &'static [u8], pause: Duration) {
    if stream.write_all(head).await.is_err() {
        return;
    }
    while stream.write_all(drop).await.is_ok() {
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let endless = rude(|stream| {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        pour(stream, head, b"5\r\nabcde\r\n", Duration::ZERO)
    })
    .await;
    let begun = Instant::now();
    send(&WebhookClient::new(settings()), &endless).await.expect("its status was 200");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_that_drips_is_not_waited_for() {
    let dripping = rude(|stream| {
        pour(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b".", Duration::from_millis(50))
    })
    .await;
    let begun = Instant::now();
    send(&WebhookClient::new(settings()), &dripping).await.expect("its status was 200");
    assert!(begun.elapsed() < Duration::from_millis(1_900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_head_that_drips_ends_with_the_time_for_the_whole() {
    let slow = rude(|stream| pour(stream, b"HTTP/1.1 200 OK\r\n", b"a: b\r\n", Duration::from_millis(100))).await;
    let begun = Instant::now();
    assert_eq!(refused(&WebhookClient::new(settings()), &slow).await, "no answer within 2s");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let large = rude(|stream| pour(stream, b"HTTP/1.1 200 OK\r\na: ", &[b'b'; 8_192], Duration::ZERO)).await;
    let begun = Instant::now();
    refused(&WebhookClient::new(settings()), &large).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_no_http_is_no_delivery() {
    for answer in [&b"SSH-2.0-OpenSSH_9.9\r\n"[..], b"+PONG\r\n", b"HTTP/1.1 99 \r\n\r\n", b""] {
        let rude = rude(move |mut stream| async move {
            // It may be gone already.
            drop(stream.write_all(answer).await);
        })
        .await;
        refused(&WebhookClient::new(settings()), &rude).await;
    }
}

#[tokio::test]
async fn a_receiver_that_dies_between_two_messages_is_connected_to_again() {
    let once = rude(|mut stream| async move {
        // It may be gone already.
        drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await);
    })
    .await;
    let sender = WebhookClient::new(settings());
    for _ in 0..5 {
        send(&sender, &once).await.expect("each gets a connection that lives");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = LocalReceiver::start().await;
    let sender = WebhookClient::new(settings());
    for _ in 0..10 {
        send(&sender, &receiver.url()).await.expect("it is sent");
    }
    assert_eq!((receiver.count(), receiver.connections()), (10, 1));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told_at_once() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let begun = Instant::now();
    let why = refused(&WebhookClient::new(settings()), &url(&format!("http://{closed}/"))).await;
    assert!(why.starts_with("no connection: ") && begun.elapsed() < Duration::from_secs(1), "{why}");
    let answer = send(&WebhookClient::new(settings()), &url("http://nowhere.invalid/")).await;
    assert_eq!(answer, Err(SendError::Unreachable("the name cannot be resolved".to_owned())));
}
