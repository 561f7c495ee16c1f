//! Stored values that cannot be: an error that names the column, never a panic.

#![expect(clippy::unwrap_used, reason = "tests")]

mod databases;

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use databases::samples::{announced, at, client, sent_to, signed_in, user, webhook};
use databases::{Counter, Fresh, damage};
use portcullis_domain::accounts::AttemptKey;
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery};
use portcullis_domain::ids::WebhookId;
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::store::{Store, StoreError};
use portcullis_domain::ports::webhooks::WebhookQueue;
use portcullis_domain::webhooks::Webhook;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The errors that this thread tells the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
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
            let claimed = Outbox::claim(&*store, 10, at(100 * round), Duration::from_secs(20)).await.unwrap();
            let subjects: Vec<_> = claimed.iter().map(|delivery| delivery.subject.clone()).collect();
            match round {
                0 => assert_eq!(subjects, [format!("users/{}", ben.id)], "another subject goes on"),
                1..=6 => assert_eq!(subjects, Vec::<String>::new(), "round {round}: the subject waits"),
                7 => assert_eq!(subjects, [format!("users/{}", ann.id)], "it is parked, and the next one passes"),
                _ => assert_eq!(subjects, Vec::<String>::new(), "round {round}"),
            }
            Outbox::done(&*store, &claimed.iter().map(|delivery| delivery.id).collect::<Vec<_>>()).await.unwrap();
        }
        let backlog = store.backlog().await.unwrap();
        assert_eq!((backlog.waiting, backlog.parked), (1, 1), "it is kept and counted");
    }
}

#[tokio::test]
async fn a_client_or_a_webhook_that_cannot_be_is_named_by_its_column() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let (orders, hook) = (client("orders"), webhook());
        let mut tx = store.begin().await.unwrap();
        tx.clients().insert(&orders).await.unwrap();
        tx.webhooks().insert(&hook).await.unwrap();
        tx.commit(at(1), Vec::new()).await.unwrap();
        let short = match fresh {
            Fresh::Sqlite(_) => "UPDATE clients SET secret = x'00'",
            Fresh::Postgres(_) => "UPDATE clients SET secret = '\\x00'",
        };
        for (column, sql) in [
            ("clients.scope", "UPDATE clients SET scope = 'a  b'"),
            ("clients.version", "UPDATE clients SET scope = '', version = -1"),
            ("clients.previous_until", "UPDATE clients SET version = 1, previous_until = 9223372036854775807"),
            ("clients.secret", short),
        ] {
            damage(&fresh, "UPDATE clients SET previous_until = 1").await;
            damage(&fresh, sql).await;
            let answer = store.begin().await.unwrap().clients().by_id(&orders.id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
            let answer = store.begin().await.unwrap().clients().changed_since(at(0)).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
        for (column, sql) in [
            ("webhooks.url", "UPDATE webhooks SET url = 'ftp://hooks.example.com'"),
            ("webhooks.events", "UPDATE webhooks SET url = 'https://hooks.example.com', events = '{}'"),
            ("webhooks.disabled_at", "UPDATE webhooks SET events = '[]', disabled_at = 9223372036854775807"),
        ] {
            damage(&fresh, sql).await;
            let answer = store.begin().await.unwrap().webhooks().by_id(hook.id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what == column), "{column}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_is_left_out_and_told_in_the_log_by_its_id_and_column() {
    for fresh in Fresh::both().await {
        let store = fresh.migrated().await;
        let hooks = [1, 2, 3].map(|number| Webhook {
            id: WebhookId::from_uuid(uuid::Uuid::from_u128(0x0190_f000_0000_7000_8000_0000_0000_0000 + number)),
            ..webhook()
        });
        let mut tx = store.begin().await.unwrap();
        for hook in &hooks {
            tx.webhooks().insert(hook).await.unwrap();
        }
        tx.commit(at(1), Vec::new()).await.unwrap();
        let mut damages = vec![
            ("webhooks.events", "UPDATE webhooks SET events = '?' WHERE id = $"),
            ("webhooks.url", "UPDATE webhooks SET events = '[]', url = '?token=url-canary' WHERE id = $"),
            ("webhooks.version", "UPDATE webhooks SET url = 'https://hooks.example.com', version = -1 WHERE id = $"),
        ];
        // SQLite takes any bytes for a text: then the row is not even one of the table.
        let id = match fresh {
            Fresh::Sqlite(_) => {
                damages.push(("url", "UPDATE webhooks SET version = 1, url = CAST(x'ff' AS text) WHERE id = $"));
                format!("x'{}'", hooks[1].id.as_uuid().simple())
            }
            Fresh::Postgres(_) => format!("'{}'", hooks[1].id),
        };
        for (column, sql) in damages {
            damage(&fresh, &sql.replace('$', &id)).await;
            let log = Log::default();
            let guard = tracing::subscriber::set_default(log.clone());
            let mut tx = store.begin().await.unwrap();
            let all = tx.webhooks().all().await.unwrap();
            drop(guard);
            assert_eq!(all, [hooks[0].clone(), hooks[2].clone()], "{column}: the others are there");
            assert_eq!(
                tx.webhooks().by_id(hooks[0].id).await.unwrap().as_ref(),
                Some(&hooks[0]),
                "{column}: it goes on"
            );
            let told = log.0.lock().unwrap().join("\n");
            assert_eq!(told.lines().count(), 1, "{told}");
            assert!(told.contains(column) && told.contains(&hooks[1].id.to_string()), "{column}: {told}");
            assert!(!told.contains("canary"), "{told}");
            let answer = tx.webhooks().by_id(hooks[1].id).await;
            assert!(matches!(&answer, Err(StoreError::Corrupt(what)) if what.contains(column)), "{column}: {answer:?}");
        }
        let mut tx = store.begin().await.unwrap();
        assert!(tx.webhooks().delete(hooks[1].id).await.unwrap(), "it can be deleted");
        tx.commit(at(2), Vec::new()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_a_webhook_that_cannot_be_read_stops_no_other() {
    for fresh in Fresh::both().await {
        let (store, hook, lease) = (fresh.migrated().await, webhook(), Duration::from_secs(20));
        let mut tx = store.begin().await.unwrap();
        tx.webhooks().insert(&hook).await.unwrap();
        tx.commit(at(0), vec![sent_to(&user("ann"), &[hook.id])]).await.unwrap();
        damage(&fresh, "UPDATE webhook_deliveries SET event = '{\"type\":\"portcullis.from.the.future.v9\"}'").await;
        let tx = store.begin().await.unwrap();
        tx.commit(at(0), vec![sent_to(&user("ben"), &[hook.id])]).await.unwrap();

        let claimed = WebhookQueue::claim(&*store, 9, 9, at(0), lease).await.unwrap();
        assert_eq!(claimed.len(), 1, "another goes on");
        WebhookQueue::done(&*store, hook.id, claimed[0].delivery.id).await.unwrap();
        assert_eq!(WebhookQueue::claim(&*store, 9, 9, at(1_000), lease).await.unwrap(), [], "it is not sent");
        assert_eq!(store.waiting().await.unwrap(), 1, "but kept and counted");
        let again = "UPDATE webhook_deliveries SET event = \
            '{\"type\":\"portcullis.user.deleted.v1\",\"data\":{\"user_id\":\"0190f000-0000-7000-8000-0000000000aa\"}}'";
        damage(&fresh, again).await;
        let claimed = WebhookQueue::claim(&*store, 9, 9, at(1_000_000), lease).await.unwrap();
        assert_eq!((claimed.len(), claimed[0].delivery.attempts), (1, 3), "a newer replica may be able to read it");
    }
}
