//! Roles, and who has them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, Role, RoleName};
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::access::RoleRepository;
use portcullis_domain::ports::store::{StoreError, Unique};

use crate::state::Changes;
use crate::store::Unit;
use crate::view::View;

fn next(version: u32) -> Result<u32, StoreError> {
    version.checked_add(1).ok_or_else(|| StoreError::Corrupt("a version beyond counting".to_owned()))
}

fn written(role: Role) -> Changes {
    let mut changes = Changes::default();
    changes.roles.insert(role.name.clone(), Some(role));
    changes
}

/// The account has these roles from `at` on.
fn granted(changes: &mut Changes, user: &User, roles: BTreeSet<RoleName>, at: Timestamp) -> Result<(), StoreError> {
    changes.granted.insert(user.id, Some(roles));
    changes.users.insert(user.id, Some(User { updated_at: at, version: next(user.version)?, ..user.clone() }));
    Ok(())
}

/// Takes a role from an account that has it; whether it had.
fn taken(
    view: &View<'_>,
    changes: &mut Changes,
    user: UserId,
    role: &RoleName,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let Some(user) = view.user(user) else { return Ok(false) };
    let mut roles: BTreeSet<_> = view.granted(user.id).cloned().collect();
    let had = roles.remove(role);
    if had {
        granted(changes, user, roles, at)?;
    }
    Ok(had)
}

#[async_trait]
impl RoleRepository for Unit {
    async fn insert(&mut self, role: &Role, most: usize) -> Result<(), StoreError> {
        self.change(|view| {
            if view.roles().count() >= most {
                return Err(StoreError::Full);
            }
            if view.role(&role.name).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            Ok(((), written(role.clone())))
        })
        .await
    }

    async fn update(&mut self, role: &Role) -> Result<(), StoreError> {
        self.change(|view| {
            let stored = view.role(&role.name).filter(|stored| stored.version == role.version);
            let Some(stored) = stored else { return Err(StoreError::Conflict) };
            let version = next(role.version)?;
            Ok(((), written(Role { version, created_at: stored.created_at, ..role.clone() })))
        })
        .await
    }

    async fn delete(&mut self, name: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            if view.role(name).is_none() {
                return Ok((false, changes));
            }
            changes.roles.insert(name.clone(), None);
            for user in view.holders(name) {
                taken(view, &mut changes, user, name, at)?;
            }
            for (key, usage) in view.api_keys().filter(|(key, _)| key.roles.contains(name)) {
                let roles = key.roles.iter().filter(|role| *role != name).cloned().collect();
                let left = ApiKey { roles, updated_at: at, version: next(key.version)?, ..key.clone() };
                changes.api_keys.insert(key.id, Some((left, *usage)));
            }
            Ok((true, changes))
        })
        .await
    }

    async fn by_name(&mut self, name: &RoleName) -> Result<Option<Role>, StoreError> {
        self.look(|view| view.role(name).cloned())
    }

    async fn all(&mut self) -> Result<Vec<Role>, StoreError> {
        self.look(|view| {
            let mut roles: Vec<_> = view.roles().cloned().collect();
            roles.sort_by(|a, b| a.name.cmp(&b.name));
            roles
        })
    }

    async fn grant(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|view| {
            let (Some(user), Some(_)) = (view.user(user), view.role(role)) else { return Err(StoreError::Conflict) };
            let mut changes = Changes::default();
            let mut roles: BTreeSet<_> = view.granted(user.id).cloned().collect();
            let new = roles.insert(role.clone());
            if new {
                granted(&mut changes, user, roles, at)?;
            }
            Ok((new, changes))
        })
        .await
    }

    async fn withdraw(&mut self, user: UserId, role: &RoleName, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            let had = taken(view, &mut changes, user, role, at)?;
            Ok((had, changes))
        })
        .await
    }

    async fn of(&mut self, user: UserId) -> Result<Vec<RoleName>, StoreError> {
        self.look(|view| view.granted(user).cloned().collect())
    }

    async fn of_all(&mut self, users: &[UserId]) -> Result<Vec<Vec<RoleName>>, StoreError> {
        self.look(|view| users.iter().map(|user| view.granted(*user).cloned().collect()).collect())
    }

    async fn held_without(&mut self, role: &RoleName, user: UserId) -> Result<bool, StoreError> {
        // It writes nothing but takes the turn: the answer holds until the unit ends.
        self.change(|view| {
            let active = |id: UserId| view.user(id).is_some_and(|holder| holder.status == UserStatus::Active);
            let held = view.holders(role).any(|holder| holder != user && active(holder));
            Ok((held, Changes::default()))
        })
        .await
    }
}
