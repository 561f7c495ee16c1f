//! API keys.

use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyInUse, KeyQuery, KeyUsage, RoleName};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::access::ApiKeyRepository;
use portcullis_domain::ports::store::{StoreError, Unique};

use crate::state::{Changes, UsedKey};
use crate::store::Unit;
use crate::view::View;

fn written(key: ApiKey, usage: KeyUsage) -> Changes {
    let mut changes = Changes::default();
    changes.api_keys.insert(key.id, Some((key, usage)));
    changes
}

/// The roles of the key by name, each once; refused when one of them is not there.
fn known_roles(view: &View<'_>, key: &ApiKey) -> Result<Vec<RoleName>, StoreError> {
    if key.roles.iter().any(|role| view.role(role).is_none()) {
        return Err(StoreError::Conflict);
    }
    Ok(key.roles.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect())
}

/// How many keys of an account are live at `now`.
fn live_of(view: &View<'_>, owner: UserId, now: Timestamp) -> usize {
    view.api_keys().filter(|(key, _)| key.owner == owner && key.is_live(now)).count()
}

fn matches(query: &KeyQuery, key: &ApiKey) -> bool {
    query.owner.is_none_or(|owner| key.owner == owner)
        && query.live_at.is_none_or(|now| key.is_live(now))
        && query.after.is_none_or(|after| key.id < after)
}

/// Whether the key ended, in whatever way, before the instant.
fn ended_before(key: &ApiKey, before: Timestamp) -> bool {
    key.revoked_at.is_some_and(|at| at < before) || key.expires_at.is_some_and(|at| at < before)
}

#[async_trait]
impl ApiKeyRepository for Unit {
    async fn insert(&mut self, key: &ApiKey, most: u32) -> Result<(), StoreError> {
        self.change(|view| {
            if live_of(view, key.owner, key.created_at) >= usize::try_from(most).unwrap_or(usize::MAX) {
                return Err(StoreError::Full);
            }
            if view.api_key(key.id).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            if view.user(key.owner).is_none() {
                return Err(StoreError::Conflict);
            }
            let roles = known_roles(view, key)?;
            Ok(((), written(ApiKey { roles, ..key.clone() }, KeyUsage::default())))
        })
        .await
    }

    async fn update(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        self.change(|view| {
            let stored = view.api_key(key.id).filter(|(stored, _)| stored.version == key.version);
            let Some((stored, usage)) = stored else { return Err(StoreError::Conflict) };
            let roles = known_roles(view, key)?;
            let version = key.version.checked_add(1);
            let version = version.ok_or_else(|| StoreError::Corrupt("a version beyond counting".to_owned()))?;
            let (owner, created_at) = (stored.owner, stored.created_at);
            Ok(((), written(ApiKey { owner, created_at, roles, version, ..key.clone() }, *usage)))
        })
        .await
    }

    async fn by_id(&mut self, id: ApiKeyId) -> Result<Option<UsedKey>, StoreError> {
        self.look(|view| view.api_key(id).cloned())
    }

    async fn in_use(&mut self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        self.look(|view| {
            let (key, _) = view.api_key(id)?;
            let owner = view.user(key.owner)?;
            let owner_roles = view.granted(owner.id).cloned().collect();
            Some(KeyInUse { key: key.clone(), owner_status: owner.status, owner_roles })
        })
    }

    async fn page(&mut self, query: &KeyQuery) -> Result<Vec<UsedKey>, StoreError> {
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        self.look(|view| {
            let mut found: Vec<_> = view.api_keys().filter(|(key, _)| matches(query, key)).collect();
            found.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(key.id));
            found.into_iter().take(limit).cloned().collect()
        })
    }

    async fn add_uses(&mut self, uses: &[(ApiKeyId, KeyUsage)]) -> Result<(), StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            for (id, more) in uses {
                let counted = changes.api_keys.get(id).and_then(Option::as_ref).or_else(|| view.api_key(*id));
                let Some((key, counted)) = counted else { continue };
                let total = KeyUsage {
                    uses: counted.uses.saturating_add(more.uses),
                    last_used_at: counted.last_used_at.max(more.last_used_at),
                };
                let row = (key.clone(), total);
                changes.api_keys.insert(*id, Some(row));
            }
            Ok(((), changes))
        })
        .await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            let ended = view.api_keys().filter(|(key, _)| ended_before(key, before)).take(limit);
            changes.api_keys.extend(ended.map(|(key, _)| (key.id, None)));
            Ok((changes.api_keys.len() as u64, changes))
        })
        .await
    }
}
