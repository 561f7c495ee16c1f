//! Defining roles.

use std::collections::BTreeMap;

use crate::Failure;
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::origin::Origin;
use crate::plain_text::is_plain;
use crate::ports::store::{Effect, StoreError, Tx, Unique};

use super::giving::{is_held, may_all_of};
use super::{Access, Asked, Permission, Permissions, Role, RoleName, for_caller};

/// A role as it is to be.
#[derive(Clone, Debug)]
pub struct DefineRole {
    /// Who asks.
    pub caller: Caller,
    /// Its name.
    pub name: RoleName,
    /// What it is for; `None` leaves it, or is empty for a new one.
    pub description: Option<String>,
    /// What its holders may do; `None` leaves it, or is nothing for a new one.
    pub permissions: Option<Permissions>,
    /// The version that is to be changed; `None` for whichever there is.
    pub version: Option<u32>,
    /// Where the request came from.
    pub origin: Origin,
}

/// A permission, and which roles hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionView {
    /// Which.
    pub permission: Permission,
    /// What it allows, when the service itself asks for it.
    pub about: Option<&'static str>,
    /// The roles that hold it, literally, by name.
    pub roles: Vec<RoleName>,
}

/// Why no role was defined.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The caller lacks a permission: `roles:write`, one that the role holds before or after, or, if somebody has the role
    /// and what it holds changes, `roles:grant`. Whoever may not look at roles gets the same for one that is not there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such role.
    #[error("there is no such role")]
    NotFound,
    /// There is one of that name.
    #[error("there is a role of this name")]
    Taken,
    /// It is built in: `admin` cannot be changed, neither it nor `user` deleted.
    #[error("this role is built in")]
    BuiltIn,
    /// Somebody has the role, and would lose something of it: that takes whoever may do everything.
    #[error("accounts have this role: to narrow or delete it needs the permission *:*, or take it from them first")]
    Held,
    /// There are too many roles, or it holds too many permissions.
    #[error("too many: at most 500 roles of at most 200 permissions")]
    TooMany,
    /// The description is too long or holds control characters.
    #[error("a description is at most 200 characters without control characters")]
    Description,
    /// It was changed by somebody else at the same time, or is of another version.
    #[error("the role was changed at the same time")]
    Conflict,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Access {
    /// All roles, by name. Needs `roles:read`.
    pub async fn roles(&self, caller: &Caller) -> Result<Vec<Role>, RoleError> {
        caller.require(Asked::RolesRead)?;
        let mut tx = self.store.begin().await?;
        Ok(tx.roles().all().await?)
    }

    /// One role. Needs `roles:read`.
    pub async fn role(&self, caller: &Caller, name: &RoleName) -> Result<Role, RoleError> {
        caller.require(Asked::RolesRead)?;
        let mut tx = self.store.begin().await?;
        tx.roles().by_name(name).await?.ok_or(RoleError::NotFound)
    }

    /// Every permission that the service asks for or a role holds, in alphabetical order. Needs `roles:read`.
    pub async fn permissions(&self, caller: &Caller) -> Result<Vec<PermissionView>, RoleError> {
        let asked = Asked::ALL.iter().map(|asked| (Permission::from(*asked), (Some(asked.about()), Vec::new())));
        let mut all: BTreeMap<_, _> = asked.collect();
        for role in self.roles(caller).await? {
            for permission in role.permissions.iter() {
                all.entry(permission.clone()).or_default().1.push(role.name.clone());
            }
        }
        Ok(all.into_iter().map(|(permission, (about, roles))| PermissionView { permission, about, roles }).collect())
    }

    /// Creates a role. Needs `roles:write`, and whatever the role holds.
    pub async fn create_role(&self, cmd: DefineRole) -> Result<Role, RoleError> {
        let now = self.clock.now();
        let act = self.act(now, &cmd.caller, Action::CreateRole, &cmd.origin).with(cmd.name.as_str());
        let created = self.try_create_role(cmd, act.clone()).await;
        self.noted_role(created, act).await
    }

    async fn try_create_role(&self, cmd: DefineRole, act: AuditEntry) -> Result<Role, RoleError> {
        let now = act.at;
        cmd.caller.require(Asked::RolesWrite)?;
        let permissions = cmd.permissions.unwrap_or_default();
        cmd.caller.require_all(&permissions)?;
        let description = cmd.description.unwrap_or_default();
        check(&description, &permissions)?;
        if cmd.name.is_built_in() {
            return Err(RoleError::Taken);
        }
        let role = Role { name: cmd.name, description, permissions, created_at: now, updated_at: now, version: 1 };

        let mut tx = self.store.begin().await?;
        tx.roles().insert(&role, Role::ROLES_MAX).await?;
        tx.audit().append(act).await?;
        tx.commit(now, vec![Effect::publish(role.created(), &cmd.origin)]).await?;
        self.known.forget();
        Ok(role)
    }

    /// Changes a role. Needs `roles:write`, and whatever it holds before and after. To change what a role holds that an
    /// account has, or `user`, is to give and to take: that needs `roles:grant` besides, and `*:*` if anything is lost.
    /// Sessions in which holders act as others do not end; what is looked up at each request is what they may do from now
    /// on. Changing nothing announces nothing.
    pub async fn update_role(&self, cmd: DefineRole) -> Result<Role, RoleError> {
        let now = self.clock.now();
        let act = self.act(now, &cmd.caller, Action::UpdateRole, &cmd.origin).with(cmd.name.as_str());
        let updated = self.try_update_role(cmd, act.clone()).await;
        self.noted_role(updated, act).await
    }

    async fn try_update_role(&self, cmd: DefineRole, act: AuditEntry) -> Result<Role, RoleError> {
        let now = act.at;
        cmd.caller.require(Asked::RolesWrite)?;
        let mut tx = self.store.begin().await?;
        let role = tx.roles().by_name(&cmd.name).await?;
        let role = for_caller(&cmd.caller, role, may_all_of)?.ok_or(RoleError::NotFound)?;
        if role.name.as_str() == RoleName::ADMIN {
            return Err(RoleError::BuiltIn);
        }
        if cmd.version.is_some_and(|version| version != role.version) {
            return Err(RoleError::Conflict);
        }
        let description = cmd.description.unwrap_or_else(|| role.description.clone());
        let permissions = cmd.permissions.unwrap_or_else(|| role.permissions.clone());
        cmd.caller.require_all(&permissions)?;
        check(&description, &permissions)?;
        if description == role.description && permissions == role.permissions {
            return Ok(role);
        }
        let old = role.permissions.clone();
        let role = Role { description, permissions, updated_at: now, ..role };
        tx.roles().update(&role).await?;
        if role.permissions != old {
            let loses = !role.permissions.cover(&old);
            of_holders(&mut *tx, &cmd.caller, &role.name, loses).await?;
        }
        tx.audit().append(act).await?;
        tx.commit(now, vec![Effect::publish(role.updated(), &cmd.origin)]).await?;
        self.known.forget();
        Ok(Role { version: role.version + 1, ..role })
    }

    /// Deletes a role and takes it from everybody. Needs `roles:write`, whatever it holds and, if an account has it, `*:*`.
    /// As when it is changed, what its holders may do is judged by what they have from now on.
    pub async fn delete_role(&self, caller: &Caller, name: &RoleName, origin: &Origin) -> Result<(), RoleError> {
        let now = self.clock.now();
        let act = self.act(now, caller, Action::DeleteRole, origin).with(name.as_str());
        let deleted = self.try_delete_role(caller, name, origin, act.clone()).await;
        self.noted_role(deleted, act).await
    }

    async fn try_delete_role(
        &self,
        caller: &Caller,
        name: &RoleName,
        origin: &Origin,
        act: AuditEntry,
    ) -> Result<(), RoleError> {
        let now = act.at;
        caller.require(Asked::RolesWrite)?;
        let mut tx = self.store.begin().await?;
        let role = tx.roles().by_name(name).await?;
        let role = for_caller(caller, role, may_all_of)?.ok_or(RoleError::NotFound)?;
        if name.is_built_in() {
            return Err(RoleError::BuiltIn);
        }
        // Nobody gives it meanwhile what the caller lacks.
        tx.roles().update(&role).await?;
        of_holders(&mut *tx, caller, name, true).await?;
        if !tx.roles().delete(name, now).await? {
            return Err(RoleError::NotFound);
        }
        tx.audit().append(act).await?;
        tx.commit(now, vec![Effect::publish(Event::RoleDeleted { role: name.clone() }, origin)]).await?;
        self.known.forget();
        Ok(())
    }

    /// Records that somebody wanted to define what they may not.
    async fn noted_role<T>(&self, outcome: Result<T, RoleError>, act: AuditEntry) -> Result<T, RoleError> {
        if matches!(outcome, Err(RoleError::Forbidden(_) | RoleError::Held)) {
            self.note(act, Refusal::NotPermitted).await?;
        }
        outcome
    }
}

impl Role {
    /// That it was created.
    pub(super) fn created(&self) -> Event {
        Event::RoleCreated { role: self.name.clone(), permissions: self.permissions.iter().cloned().collect() }
    }

    /// That it was changed.
    pub(super) fn updated(&self) -> Event {
        Event::RoleUpdated { role: self.name.clone(), permissions: self.permissions.iter().cloned().collect() }
    }
}

/// Refuses whoever may not give the role, when it changes for those who have it; and, when they lose something, whoever may
/// not do everything: others may be mightier. The unit has written the role before: nobody gets it meanwhile.
async fn of_holders(tx: &mut dyn Tx, caller: &Caller, name: &RoleName, loses: bool) -> Result<(), RoleError> {
    if !is_held(tx, name).await? {
        return Ok(());
    }
    caller.require(Asked::RolesGrant)?;
    if loses && !caller.permissions.cover(&Permissions::all()) {
        return Err(RoleError::Held);
    }
    Ok(())
}

/// Refuses what no role can be.
pub(super) fn check(description: &str, permissions: &Permissions) -> Result<(), RoleError> {
    if description.chars().count() > Role::DESCRIPTION_MAX || !is_plain(description) {
        return Err(RoleError::Description);
    }
    if permissions.iter().len() > Role::PERMISSIONS_MAX {
        return Err(RoleError::TooMany);
    }
    Ok(())
}

impl From<StoreError> for RoleError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Id) => Self::Taken,
            StoreError::Conflict => Self::Conflict,
            StoreError::Full => Self::TooMany,
            error => Self::Failure(error.into()),
        }
    }
}
