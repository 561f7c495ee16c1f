//! Word of revocations between replicas over PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::time::Duration;

use databases::samples::at;
use databases::{Fresh, Schema, on_server, server};
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::{Revocation, RevocationSignal};
use portcullis_domain::ports::store::Store;
use portcullis_sql::SqlStore;
use sqlx::{Connection, Row};
use tokio::time::timeout;

/// Promised are 250 ms; a busy machine gets more.
const SOON: Duration = Duration::from_secs(5);
/// Long enough to be sure that there was no word.
const A_WHILE: Duration = Duration::from_millis(400);

async fn revoke(store: &SqlStore) {
    let revocation = Revocation { grant: GrantId::new(at(0), &databases::Counter), at: at(1), until: at(1_000_000) };
    let mut tx = store.begin().await.unwrap();
    tx.revocations().add(&[revocation]).await.unwrap();
    tx.commit(at(1), Vec::new()).await.unwrap();
}

/// Asks once, and takes the word that follows the connection.
async fn listening(store: &SqlStore) {
    timeout(SOON, store.heard()).await.expect("there is word once it listens");
    assert!(store.is_connected());
}

/// The connections that listen in the schema.
async fn ears(schema: &Schema) -> Vec<i32> {
    let mut connection = sqlx::PgConnection::connect(&server()).await.unwrap();
    let query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'portcullis listener' \
        AND query = 'LISTEN \"portcullis_revocations_' || md5($1) || '\"'";
    let rows = sqlx::query(query).bind(&schema.0).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

fn schema(fresh: &Fresh) -> &Schema {
    let Fresh::Postgres(schema) = fresh else { panic!("a PostgreSQL database") };
    schema
}

#[tokio::test]
async fn word_of_a_revocation_reaches_the_other_replica() {
    let fresh = Fresh::postgres().await;
    let (one, other) = (fresh.migrated().await, fresh.connect().await);
    listening(&other).await;
    revoke(&one).await;
    timeout(SOON, other.heard()).await.expect("a revocation on one is heard on the other");
}

#[tokio::test]
async fn a_revocation_that_is_not_committed_is_not_heard_of() {
    let fresh = Fresh::postgres().await;
    let (one, other) = (fresh.migrated().await, fresh.connect().await);
    listening(&other).await;
    let revocation = Revocation { grant: GrantId::new(at(0), &databases::Counter), at: at(1), until: at(9) };
    let mut tx = one.begin().await.unwrap();
    tx.revocations().add(&[revocation]).await.unwrap();
    assert!(timeout(A_WHILE, other.heard()).await.is_err(), "word before the commit");
    drop(tx);
    assert!(timeout(A_WHILE, other.heard()).await.is_err(), "word of what never happened");
}

#[tokio::test]
async fn schemas_do_not_hear_each_other() {
    let (mine, foreign) = (Fresh::postgres().await, Fresh::postgres().await);
    let (here, there) = (mine.migrated().await, foreign.migrated().await);
    listening(&here).await;
    revoke(&there).await;
    assert!(timeout(A_WHILE, here.heard()).await.is_err(), "word from another schema");
    revoke(&here).await;
    timeout(SOON, here.heard()).await.expect("word from its own");
}

#[tokio::test]
async fn a_killed_connection_is_made_anew_and_there_is_word_once() {
    let fresh = Fresh::postgres().await;
    let (one, other) = (fresh.migrated().await, fresh.connect().await);
    listening(&other).await;
    let before = ears(schema(&fresh)).await;
    assert_eq!(before.len(), 1, "one connection listens");
    for pid in &before {
        on_server(format!("SELECT pg_terminate_backend({pid})")).await;
    }
    timeout(SOON, other.heard()).await.expect("after it has been away there is word");
    assert!(other.is_connected(), "and it listens again");
    let after = ears(schema(&fresh)).await;
    assert!(after.len() == 1 && after != before, "on another connection: {before:?}, {after:?}");
    assert!(timeout(A_WHILE, other.heard()).await.is_err(), "only once");
    revoke(&one).await;
    timeout(SOON, other.heard()).await.expect("and what is revoked then is heard");
}

#[tokio::test]
async fn a_store_that_nobody_asks_does_not_listen_and_a_closed_one_does_no_more() {
    let fresh = Fresh::postgres().await;
    let store = fresh.migrated().await;
    assert!(!store.is_connected() && ears(schema(&fresh)).await.is_empty());
    listening(&store).await;
    assert_eq!(ears(schema(&fresh)).await.len(), 1);
    store.close().await;
    assert!(!store.is_connected());
    assert!(timeout(A_WHILE, store.heard()).await.is_err(), "a closed store has no word");
    for _ in 0..100 {
        // The server notices the end of a connection in its own time.
        if ears(schema(&fresh)).await.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a closed store still listens");
}

#[tokio::test]
async fn on_sqlite_there_is_nobody_to_hear_of() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    assert!(store.is_connected());
    revoke(&store).await;
    assert!(timeout(A_WHILE, store.heard()).await.is_err());
}
