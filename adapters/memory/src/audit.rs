//! The audit trail.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{AuditEntry, AuditQuery};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::store::StoreError;

use crate::state::Changes;
use crate::store::Unit;

fn matches(query: &AuditQuery, entry: &AuditEntry) -> bool {
    query.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
        && query.subject.is_none_or(|subject| entry.subject == Some(subject))
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
