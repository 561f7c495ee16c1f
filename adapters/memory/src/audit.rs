//! The audit trail.

use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{Actor, AuditEntry, AuditQuery};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::store::StoreError;

use crate::state::Changes;
use crate::store::Unit;

/// API keys of an account.
type Keys = BTreeSet<ApiKeyId>;

/// Whether the entry is on or by this account, in its own name, as somebody else, or by one of its API keys.
fn is_about(entry: &AuditEntry, user: UserId, keys: &Keys) -> bool {
    let by = match &entry.actor {
        Actor::User(id) => *id == user,
        Actor::ApiKey(id) => keys.contains(id),
        _ => false,
    };
    by || entry.subject == Some(user) || entry.impersonator == Some(user)
}

/// The entry without the traces of this account's person.
fn without_traces(entry: &AuditEntry, user: UserId) -> AuditEntry {
    let mut entry = AuditEntry { ip: None, user_agent: None, ..entry.clone() };
    if entry.subject == Some(user) && entry.action.tells_reason() {
        entry.detail = None;
    }
    entry
}

fn matches(query: &AuditQuery, keys: &Keys, entry: &AuditEntry) -> bool {
    query.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
        && query.subject.is_none_or(|subject| entry.subject == Some(subject))
        && query.about.is_none_or(|user| is_about(entry, user, keys))
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
        let keys = query.keys.iter().copied().collect();
        self.look(|view| {
            let newest = view.audit().rev().map(|(_, entry)| entry);
            newest.filter(|entry| matches(query, &keys, entry)).take(limit).cloned().collect()
        })
    }

    async fn note_erasure(&mut self, user: UserId, keys: &[ApiKeyId]) -> Result<(), StoreError> {
        self.change(|view| {
            let mut all = view.erasure(user).cloned().unwrap_or_default();
            all.extend(keys);
            let mut changes = Changes::default();
            changes.erasures.insert(user, Some(all));
            Ok(((), changes))
        })
        .await
    }

    async fn erasures(&mut self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.look(|view| view.erasures().take(limit).collect())
    }

    async fn erase(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let keys = view.erasure(user).cloned().unwrap_or_default();
            let about = view.audit().filter(|(_, entry)| is_about(entry, user, &keys));
            let without = about.map(|(place, entry)| (place, entry, without_traces(entry, user)));
            let traced = without.filter(|(_, entry, without)| *entry != without);
            changes.audit.extend(traced.take(most).map(|(place, _, without)| (*place, Some(without))));
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
