//! A Redis that answers, but not as we need it: readiness says what is wrong, and nobody waits.

use std::time::Duration;

use portcullis_domain::ports::limits::Quota;
use tokio::net::TcpListener;

use crate::journal::Journal;
use crate::private::Private;
use crate::server::{HOUR, Replica, becomes_ready, client, patient, prefix};

const QUOTA: Quota = Quota { burst: 3, period: HOUR };

/// A server whose users are `ours` with the given rights, under the prefix `p`, and nobody else.
async fn with_rights(rights: &str) -> (Private, String) {
    let server = Private::start().await;
    let mut client = client(&server.url()).await;
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("ours").arg("on").arg(">Pa55-canary").arg(rights.split(' ').collect::<Vec<_>>());
    command.exec_async(&mut client).await.unwrap();
    redis::cmd("ACL").arg("SETUSER").arg("default").arg("off").exec_async(&mut client).await.unwrap();
    let url = format!("redis://ours:Pa55-canary@127.0.0.1:{}/0", server.port);
    (server, url)
}

async fn says(url: &str, words: &str) {
    let (journal, _guard) = Journal::open();
    let replica = Replica::start(patient(url, "p"));
    replica.revoke();
    crate::server::says(&replica.redis, words).await;
    assert_eq!(replica.granted("key", QUOTA, 5).await, 3, "the limiter of this process counts");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!replica.redis.is_ready());
    let outages = journal.count("Redis is not available");
    assert!((1..=2).contains(&outages), "an outage is no stream of lines: {}", journal.text());
    assert!(!journal.text().contains("canary"), "{}", journal.text());
}

#[tokio::test]
async fn the_rights_that_the_documentation_names_are_enough() {
    let (_server, url) = with_rights(
        "+@connection +@read +@write +@scripting +publish +subscribe +time resetkeys ~p:* resetchannels &p:*",
    )
    .await;
    let (one, two) = (Replica::start(patient(&url, "p")), Replica::start(patient(&url, "p")));
    becomes_ready(&one.redis).await;
    becomes_ready(&two.redis).await;
    assert_eq!(one.granted("key", QUOTA, 2).await + two.granted("key", QUOTA, 2).await, 3);
    let grant = one.revoke();
    two.learns(grant).await;
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let server = Private::start().await;
    let url = format!("redis://nobody:Pa55-canary@127.0.0.1:{}/0", server.port);
    says(&url, "authentication failed").await;
}

#[tokio::test]
async fn a_missing_password_is_told() {
    let (server, _) = with_rights("+@all ~* &*").await;
    says(&server.url(), "NOAUTH").await;
}

#[tokio::test]
async fn missing_rights_are_told() {
    let (_server, url) = with_rights("+@all -evalsha -script ~* &*").await;
    says(&url, "NOPERM").await;
    let (_server, url) = with_rights("+@all -subscribe ~* &*").await;
    says(&url, "subscribe").await;
    let (_server, url) = with_rights("+@all -zadd ~* &*").await;
    says(&url, "zadd").await;
}

#[tokio::test]
async fn a_full_redis_is_told() {
    let server = Private::with(|_| vec!["--maxmemory".to_owned(), "1".to_owned()]).await;
    says(&server.url(), "OOM").await;
}

#[tokio::test]
async fn a_read_only_replica_is_told() {
    let primary = Private::start().await;
    let port = primary.port.to_string();
    let replica = Private::with(|_| vec!["--replicaof".to_owned(), "127.0.0.1".to_owned(), port]).await;
    says(&replica.url(), "READONLY").await;
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told() {
    let server = Private::start().await;
    says(&format!("redis://127.0.0.1:{}/4711", server.port), "database").await;
}

#[tokio::test]
async fn something_that_is_not_redis_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://127.0.0.1:{}/1", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let said = tokio::io::AsyncWriteExt::write_all(&mut near, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            drop((said, near));
        }
    });
    says(&url, "Redis at 127.0.0.1").await;
    server.abort();
}

#[tokio::test]
async fn a_prefix_of_a_bare_server_is_free() {
    let server = Private::start().await;
    let replica = Replica::start(patient(&server.url(), &prefix()));
    becomes_ready(&replica.redis).await;
}
