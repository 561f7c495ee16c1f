//! The last statements of a unit: no more than it needs, for every login waits for them.

use portcullis_domain::Timestamp;
use portcullis_domain::audit::{Action, Actor, AuditEntry};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{UserId, WebhookId};
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::store::Effect;
use sea_orm::{DbBackend, Statement};

use super::Counter;
use crate::last;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn announced(webhooks: usize) -> Effect {
    let webhooks = (0..webhooks).map(|_| WebhookId::new(NOW, &Counter)).collect();
    Effect::Publish { event: Event::UserDeleted { user_id: UserId::new(NOW, &Counter) }, traceparent: None, webhooks }
}

fn statements(backend: DbBackend, entries: usize, effects: Vec<Effect>) -> Vec<Statement> {
    let entry = || AuditEntry::new(NOW, &Counter, Actor::Service, Action::Register, &Origin::default());
    let entries: Vec<_> = (0..entries).map(|_| entry()).collect();
    last::statements(backend, NOW, &entries, effects, &Counter).unwrap()
}

#[test]
fn an_effect_for_no_webhook_costs_no_statement_more() {
    for (backend, noted) in [(DbBackend::Postgres, 1), (DbBackend::Sqlite, 2)] {
        assert_eq!(statements(backend, 0, Vec::new()).len(), 0);
        assert_eq!(statements(backend, 0, vec![announced(0)]).len(), 1);
        let login = statements(backend, 1, vec![announced(0)]);
        assert_eq!(login.len(), noted, "a login and its audit entry");
        assert!(login.iter().all(|statement| !statement.sql.contains("webhook")), "{login:?}");
    }
}

#[test]
fn webhooks_cost_one_statement_more_however_many() {
    for (backend, noted) in [(DbBackend::Postgres, 1), (DbBackend::Sqlite, 2)] {
        for webhooks in [1, 2, 200] {
            assert_eq!(statements(backend, 1, vec![announced(webhooks)]).len(), noted + 1);
        }
    }
    assert_eq!(
        statements(DbBackend::Sqlite, 0, vec![announced(1_200)]).len(),
        1 + 3,
        "a text has no end of parameters"
    );
}
