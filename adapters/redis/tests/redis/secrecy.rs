//! A113: the password is in no log line, error or debug output.

use std::time::Duration;

use portcullis_redis::{RedisAdapter, RedisSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::journal::Journal;
use crate::server::says;

#[tokio::test]
async fn a113_the_password_is_never_shown_even_when_the_server_repeats_it() {
    let (journal, _guard) = Journal::open();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://user:Pa55-canary@127.0.0.1:{}/0", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut heard = [0; 1024];
            let count = near.read(&mut heard).await.unwrap_or(0);
            assert!(
                String::from_utf8_lossy(&heard[..count]).contains("Pa55-canary"),
                "the password goes to the server"
            );
            // The greeting is accepted; whatever comes then is refused with the secret in the words, and a line feed.
            near.write_all(b"+OK\r\n+OK\r\n+OK\r\n").await.unwrap();
            let asked = near.read(&mut heard).await;
            let said = near.write_all(b"-ERR no 'Pa55-canary' here\x0bforged=line\r\n").await;
            drop((asked, said, near));
        }
    });
    let settings = RedisSettings::at(url);
    let mut shown = format!("{settings:?}");
    let redis = RedisAdapter::start(settings).unwrap();
    says(&redis, "no '").await;
    shown += &format!("{redis:?} {:?}", redis.last_error());
    tokio::time::sleep(Duration::from_millis(300)).await;
    redis.close().await;
    shown += &journal.text();
    assert!(shown.contains("[redacted]"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    server.abort();
}
