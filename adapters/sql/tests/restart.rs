//! What was committed is there after a restart.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::time::Duration;

use databases::Fresh;
use databases::samples::{at, rotated, signed_in};
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Store, StoreError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_a_restart() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (user, session) = signed_in(&*store, "ann").await;
        rotated(&*store, session.id, 0).await.commit(at(10), Vec::new()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let before = tx.sessions().by_id(session.id).await.unwrap();
        drop(tx);
        let sequence = store.claim(1, at(0), Duration::from_secs(20)).await.unwrap()[0].sequence;
        store.close().await;

        let store = fresh.migrated().await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.users().by_id(user.id).await.unwrap(), Some(user.clone()));
        assert_eq!(tx.sessions().by_id(session.id).await.unwrap(), before);
        assert!(store.claim(1, at(19), Duration::from_secs(20)).await.unwrap().is_empty(), "the lease holds");
        let claimed = store.claim(1, at(21), Duration::from_secs(20)).await.unwrap();
        assert_eq!((claimed[0].sequence, claimed[0].attempts), (sequence, 2));
        store.done(&[claimed[0].id]).await.unwrap();
        store.close().await;

        // A number is not given twice, even when nothing of its row is left.
        let store = fresh.migrated().await;
        signed_in(&*store, "ben").await;
        let claimed = store.claim(1, at(21), Duration::from_secs(20)).await.unwrap();
        assert!(claimed[0].sequence > sequence, "{} after {sequence}", claimed[0].sequence);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_store_is_unavailable() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let mut open = store.begin().await.unwrap();
        store.close().await;
        for answer in [
            store.ping().await,
            open.users().insert(&databases::samples::user("ann")).await,
            store.done(&[]).await.and(store.backlog().await.map(drop)),
        ] {
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_and_its_folder_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let fresh = Fresh::sqlite();
    let store = fresh.migrated().await;
    let Fresh::Sqlite(folder) = &fresh else { panic!("a SQLite database") };
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.file().parent().unwrap()), 0o700);
    assert_eq!(mode(&folder.file()), 0o600);
    assert_eq!(mode(&folder.file().with_extension("db-wal")), 0o600);
    store.close().await;
    assert!(!folder.file().with_extension("db-wal").exists(), "the log was not written back");
}
