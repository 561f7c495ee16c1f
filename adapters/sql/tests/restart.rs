//! What was committed is there after a restart.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::time::Duration;

use databases::Fresh;
use databases::samples::{at, client, rotated, sent_to, signed_in, webhook};
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Store, StoreError};
use portcullis_domain::ports::webhooks::WebhookQueue;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_after_a_restart() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (user, session) = signed_in(&*store, "ann").await;
        rotated(&*store, session.id, 0).await.commit(at(10), Vec::new()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let before = tx.sessions().by_id(session.id).await.unwrap();
        drop(tx);
        let sequence = Outbox::claim(&*store, 1, at(0), Duration::from_secs(20)).await.unwrap()[0].sequence;
        store.close().await;

        let store = fresh.migrated().await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.users().by_id(user.id).await.unwrap(), Some(user.clone()));
        assert_eq!(tx.sessions().by_id(session.id).await.unwrap(), before);
        assert!(
            Outbox::claim(&*store, 1, at(19), Duration::from_secs(20)).await.unwrap().is_empty(),
            "the lease holds"
        );
        let claimed = Outbox::claim(&*store, 1, at(21), Duration::from_secs(20)).await.unwrap();
        assert_eq!((claimed[0].sequence, claimed[0].attempts), (sequence, 2));
        Outbox::done(&*store, &[claimed[0].id]).await.unwrap();
        store.close().await;

        // A number is not given twice, even when nothing of its row is left.
        let store = fresh.migrated().await;
        signed_in(&*store, "ben").await;
        let claimed = Outbox::claim(&*store, 1, at(21), Duration::from_secs(20)).await.unwrap();
        assert!(claimed[0].sequence > sequence, "{} after {sequence}", claimed[0].sequence);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_and_webhooks_and_what_waits_for_them_are_there_after_a_restart() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (orders, hook) = (client("orders"), webhook());
        let mut tx = store.begin().await.unwrap();
        tx.clients().insert(&orders).await.unwrap();
        tx.webhooks().insert(&hook).await.unwrap();
        let ann = databases::samples::user("ann");
        tx.commit(at(0), vec![sent_to(&ann, &[hook.id]), sent_to(&ann, &[hook.id])]).await.unwrap();
        let lease = Duration::from_secs(20);
        let claimed = WebhookQueue::claim(&*store, 1, 1, at(0), lease).await.unwrap();
        store.close().await;

        let store = fresh.migrated().await;
        let mut tx = store.begin().await.unwrap();
        assert_eq!(tx.clients().by_id(&orders.id).await.unwrap(), Some(orders));
        assert_eq!(tx.webhooks().all().await.unwrap(), std::slice::from_ref(&hook));
        drop(tx);
        assert_eq!(store.waiting().await.unwrap(), 2);
        let other = WebhookQueue::claim(&*store, 9, 9, at(19), lease).await.unwrap();
        assert!(other.len() == 1 && other[0].delivery.id != claimed[0].delivery.id, "the lease holds: {other:?}");
        let again = WebhookQueue::claim(&*store, 9, 9, at(21), lease).await.unwrap();
        assert_eq!((again.len(), again[0].delivery.attempts), (1, 2), "and runs out");
        assert_eq!(again[0].delivery.id, claimed[0].delivery.id);
        store.close().await;
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
            Outbox::done(&*store, &[]).await.and(store.backlog().await.map(drop)),
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
