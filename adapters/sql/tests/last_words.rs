//! SQLite: the words that open and end a transaction travel with the units' own statements.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::time::Duration;

use databases::log::{commits, folder};
use databases::samples::{announced, at, user};
use databases::{Counter, Fresh};
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery};
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Store, StoreError, Unique};
use portcullis_sql::SqlStore;
use sqlx::{Connection, Executor};

fn entry() -> AuditEntry {
    AuditEntry::new(at(1), &Counter, Actor::Operator, Action::Import, &Origin::default())
}

async fn trail(store: &SqlStore) -> Vec<AuditEntry> {
    let mut tx = store.begin().await.unwrap();
    tx.audit().page(&AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap()
}

async fn is_there(store: &SqlStore, user: &portcullis_domain::accounts::User) -> bool {
    store.begin().await.unwrap().users().by_id(user.id).await.unwrap().is_some()
}

/// Adds an account, with what a unit of work says last.
async fn register(store: &SqlStore, name: &str, entries: &[AuditEntry]) -> Result<bool, StoreError> {
    let account = user(name);
    let mut tx = store.begin().await?;
    tx.users().insert(&account).await?;
    for entry in entries {
        tx.audit().append(entry.clone()).await?;
    }
    tx.commit(at(1), vec![announced(&account)]).await?;
    Ok(is_there(store, &account).await)
}

#[tokio::test]
async fn a_unit_that_is_alone_commits_once_and_the_next_one_begins_anew() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let before = commits(folder(&fresh));
    for number in 0..5 {
        assert!(register(&store, &format!("user{number}"), &[entry(), entry()]).await.unwrap());
        assert_eq!(commits(folder(&fresh)) - before, number + 1, "each unit has one COMMIT");
    }
    assert_eq!((trail(&store).await.len(), store.backlog().await.unwrap().waiting), (10, 5));
}

#[tokio::test]
async fn a_failure_in_the_last_words_undoes_the_whole_unit() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let twice = entry();
    let refused = register(&store, "ann", &[twice.clone(), twice.clone()]).await;
    assert!(matches!(refused, Err(StoreError::Duplicate(Unique::Id))), "{refused:?}");
    assert_eq!((trail(&store).await, store.backlog().await.unwrap().waiting), (Vec::new(), 0));
    assert!(register(&store, "ann", &[twice]).await.unwrap(), "the name is free, and the writer goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failure_in_the_last_words_leaves_the_neighbours_alone() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let before = commits(folder(&fresh));
    let ann = user("ann");
    let mut first = store.begin().await.unwrap();
    first.users().insert(&ann).await.unwrap();
    let twice = entry();
    let waiting = |name: &'static str, entries: Vec<AuditEntry>| {
        let store = store.clone();
        tokio::spawn(async move { register(&store, name, &entries).await })
    };
    let failing = waiting("ben", vec![twice.clone(), twice]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let fine = waiting("cleo", vec![entry()]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    first.commit(at(0), Vec::new()).await.unwrap();
    assert!(matches!(failing.await.unwrap(), Err(StoreError::Duplicate(Unique::Id))));
    assert!(fine.await.unwrap().unwrap());
    assert!(is_there(&store, &ann).await, "who waited for the COMMIT before it is committed");
    assert_eq!((trail(&store).await.len(), store.backlog().await.unwrap().waiting), (1, 1));
    assert!(commits(folder(&fresh)) - before <= 2, "those who waited share a COMMIT");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_claim_shares_the_commit_of_others() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    assert!(register(&store, "ann", &[]).await.unwrap());
    let before = commits(folder(&fresh));
    let ben = user("ben");
    let mut first = store.begin().await.unwrap();
    first.users().insert(&ben).await.unwrap();
    let (outbox, lease) = (store.clone(), Duration::from_secs(20));
    let claim = tokio::spawn(async move { outbox.claim(1, at(2), lease).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let others = store.clone();
    let other = tokio::spawn(async move { register(&others, "cleo", &[]).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    first.commit(at(0), Vec::new()).await.unwrap();
    assert_eq!(claim.await.unwrap().len(), 1);
    assert!(other.await.unwrap().unwrap() && is_there(&store, &ben).await);
    // The first one has held up the others for so long that it is not made to wait for them.
    assert_eq!(commits(folder(&fresh)) - before, 2, "those who waited share a COMMIT");
    let left = store.claim(10, at(2), lease).await.unwrap();
    assert_eq!(left.len(), 1, "what is leased is not claimed again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_another_process_holds_is_a_conflict_and_heals() {
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let mut other = sqlx::SqliteConnection::connect(&fresh.url()).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = register(&store, "ann", &[entry()]).await;
    assert!(matches!(refused, Err(StoreError::Conflict | StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(trail(&store).await, [], "reading goes on");
    other.execute("ROLLBACK").await.unwrap();
    assert!(register(&store, "ann", &[entry()]).await.unwrap(), "and so does writing, once the file is free");
    other.close().await.unwrap();
}
