//! Stored values that cannot be: an error that names the column, never a panic.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::time::Duration;

use databases::samples::{announced, at, signed_in, user};
use databases::{Counter, Fresh, on_server};
use portcullis_domain::accounts::AttemptKey;
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery};
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Store, StoreError};
use sqlx::{Connection, Executor};

async fn damage(fresh: &Fresh, sql: &'static str) {
    match fresh {
        Fresh::Sqlite(folder) => {
            let mut connection = sqlx::SqliteConnection::connect(&folder.url()).await.unwrap();
            connection.execute(sql).await.unwrap();
            connection.close().await.unwrap();
        }
        Fresh::Postgres(schema) => on_server(format!("SET search_path = {}; {sql}", schema.0)).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_is_named_by_its_column() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (ann, web) = signed_in(&*store, "ann").await;
        for (column, sql) in [
            ("users.status", "UPDATE users SET status = 'sleeping'"),
            ("users.email", "UPDATE users SET status = 'active', email = 'nobody'"),
            ("users.version", "UPDATE users SET email = 'ann@example.com', version = -1"),
            ("users.created_at", "UPDATE users SET version = 1, created_at = 9223372036854775807"),
        ] {
            damage(&fresh, sql).await;
            let mut tx = store.begin().await.unwrap();
            let answer = tx.users().by_id(ann.id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
            assert!(matches!(tx.users().by_id(ann.id).await, Err(StoreError::Closed)));
        }
        for (column, sql) in [
            ("sessions.generation", "UPDATE sessions SET generation = 4294967296"),
            ("sessions.ip", "UPDATE sessions SET generation = 0, ip = 'here'"),
            ("sessions.scope", "UPDATE sessions SET ip = NULL, scope = 'a  b'"),
            ("sessions.revoked_reason", "UPDATE sessions SET scope = '', revoked_at = 1, revoked_reason = 'fun'"),
        ] {
            damage(&fresh, sql).await;
            let mut tx = store.begin().await.unwrap();
            let answer = tx.sessions().by_id(web.id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_attempt_or_an_audit_entry_that_cannot_be_is_named_by_its_column() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let key = AttemptKey([7; 32]);
        let entry =
            AuditEntry::new(at(1), &Counter, Actor::Client("web".to_owned()), Action::Revoke, &Origin::default());
        let mut tx = store.begin().await.unwrap();
        tx.attempts().fail(&key, at(1), at(0)).await.unwrap();
        tx.audit().append(entry).await.unwrap();
        tx.commit(at(1), Vec::new()).await.unwrap();
        for (column, sql) in [
            ("attempts.failures", "UPDATE attempts SET failures = -1"),
            ("attempts.last_at", "UPDATE attempts SET failures = 1, last_at = 9223372036854775807"),
        ] {
            damage(&fresh, sql).await;
            let answer = store.begin().await.unwrap().attempts().of(&key).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
        for (column, sql) in [
            ("audit.actor_kind", "UPDATE audit SET actor_kind = 'ghost'"),
            ("audit.actor_kind", "UPDATE audit SET actor_kind = 'self'"),
            ("audit.action", "UPDATE audit SET actor_kind = 'client', action = 'dance'"),
            ("audit.refusal", "UPDATE audit SET action = 'session.login', refusal = 'mood'"),
            ("audit.ip", "UPDATE audit SET refusal = NULL, ip = 'here'"),
        ] {
            damage(&fresh, sql).await;
            let answer =
                store.begin().await.unwrap().audit().page(&AuditQuery { limit: 9, ..AuditQuery::default() }).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_read_stops_only_its_subject() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (ann, _) = signed_in(&*store, "ann").await;
        damage(&fresh, "UPDATE outbox SET event = '{\"type\":\"portcullis.from.the.future.v9\"}'").await;
        let ben = user("ben");
        let tx = store.begin().await.unwrap();
        tx.commit(at(0), vec![announced(&ann), announced(&ben)]).await.unwrap();

        for round in 0..9 {
            let claimed = store.claim(10, at(100 * round), Duration::from_secs(20)).await.unwrap();
            let subjects: Vec<_> = claimed.iter().map(|delivery| delivery.subject.clone()).collect();
            match round {
                0 => assert_eq!(subjects, [format!("users/{}", ben.id)], "another subject goes on"),
                1..=6 => assert_eq!(subjects, Vec::<String>::new(), "round {round}: the subject waits"),
                7 => assert_eq!(subjects, [format!("users/{}", ann.id)], "it is parked, and the next one passes"),
                _ => assert_eq!(subjects, Vec::<String>::new(), "round {round}"),
            }
            store.done(&claimed.iter().map(|delivery| delivery.id).collect::<Vec<_>>()).await.unwrap();
        }
        let backlog = store.backlog().await.unwrap();
        assert_eq!((backlog.waiting, backlog.parked), (1, 1), "it is kept and counted");
    }
}
