//! The audit trail.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{Actor, AuditEntry, AuditQuery};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::store::StoreError;

use crate::state::Changes;
use crate::store::Unit;

/// Whether the entry is on or by this account, in its own name or as somebody else.
fn is_about(entry: &AuditEntry, user: UserId) -> bool {
    entry.subject == Some(user) || entry.actor == Actor::User(user) || entry.impersonator == Some(user)
}

fn matches(query: &AuditQuery, entry: &AuditEntry) -> bool {
    query.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
        && query.subject.is_none_or(|subject| entry.subject == Some(subject))
        && query.about.is_none_or(|user| is_about(entry, user))
        && query.action.is_none_or(|action| action == entry.action)
        && query.from.is_none_or(|from| entry.at >= from)
        && query.until.is_none_or(|until| entry.at < until)
        && query.before.is_none_or(|before| (entry.at, entry.id) < before)
}

#[async_trait]
impl AuditRepository for Unit {
    async fn append(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        changes.audit.insert((entry.at, entry.id), Some(entry));
        self.note(changes)
    }

    async fn page(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        self.look(|view| {
            let newest = view.audit().rev().map(|(_, entry)| entry);
            newest.filter(|entry| matches(query, entry)).take(limit).cloned().collect()
        })
    }

    async fn note_erasure(&mut self, user: UserId) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        changes.erasures.insert(user, Some(()));
        self.note(changes)
    }

    async fn erasures(&mut self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.look(|view| view.erasures().take(limit).collect())
    }

    async fn erase(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let about = view.audit().filter(|(_, entry)| is_about(entry, user));
            let traced = about.filter(|(_, entry)| entry.ip.is_some() || entry.user_agent.is_some());
            for (place, entry) in traced.take(most) {
                changes.audit.insert(*place, Some(AuditEntry { ip: None, user_agent: None, ..entry.clone() }));
            }
            let erased = changes.audit.len();
            if erased < most {
                changes.erasures.insert(user, None);
            }
            Ok((erased as u64, changes))
        })
        .await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let old = view.audit().map(|(place, _)| *place).take_while(|(at, _)| *at < before);
            changes.audit.extend(old.take(limit).map(|place| (place, None)));
            Ok((changes.audit.len() as u64, changes))
        })
        .await
    }
}
