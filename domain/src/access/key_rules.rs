//! Who works on which API keys, and what a key can be.

use ipnet::IpNet;

use crate::Timestamp;
use crate::audit::{AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden, Identity};
use crate::ids::{ApiKeyId, UserId};
use crate::plain_text::is_name;
use crate::ports::store::{StoreError, Tx};

use super::standing::allowed_by;
use super::{
    Access, ApiKey, ApiKeyError, ApiKeyScope, Asked, KeyUsage, Permission, Permissions, RoleName, Standing, standing_in,
};

impl Access {
    /// The account whose keys are the caller's own: of a user who signed in here, and not of somebody who acts as them.
    fn manages_own(&self, caller: &Caller) -> Option<UserId> {
        let session = caller.session()?;
        (session.client_id == self.first_party && session.impersonation.is_none()).then_some(session.user)
    }

    /// Whether a new key of `owner` is the caller's own, or of somebody whose keys the caller manages.
    pub(super) fn creates_own(&self, caller: &Caller, owner: UserId) -> Result<bool, ApiKeyError> {
        if self.manages_own(caller) == Some(owner) {
            return Ok(true);
        }
        if is_somebody_else(caller) || is_key_of(caller, owner) {
            return Err(ApiKeyError::NotASession);
        }
        match caller.require(Asked::ApiKeysWrite) {
            Err(_) if caller.user() == Some(owner) => Err(ApiKeyError::NotASession),
            allowed => Ok(allowed.map(|()| false)?),
        }
    }

    /// Among whose keys the caller does what was `asked`: one account's, or, with `None`, everybody's. Whoever acts as
    /// somebody else looks at keys and leaves them as they are.
    pub(super) fn reach(
        &self,
        caller: &Caller,
        scope: ApiKeyScope,
        asked: Asked,
    ) -> Result<Option<UserId>, ApiKeyError> {
        match scope {
            ApiKeyScope::Own => Ok(Some(self.manages_own(caller).ok_or(ApiKeyError::NotASession)?)),
            ApiKeyScope::All => {
                caller.require(asked)?;
                let changes = asked == Asked::ApiKeysWrite;
                if changes && is_somebody_else(caller) { Err(ApiKeyError::NotASession) } else { Ok(None) }
            }
        }
    }

    /// Records that somebody wanted of keys what they may not.
    pub(super) async fn noted_key<T>(
        &self,
        outcome: Result<T, ApiKeyError>,
        act: AuditEntry,
    ) -> Result<T, ApiKeyError> {
        use ApiKeyError::{BeyondOwner, Forbidden, NotASession, RoleNotHeld};
        let lacks = |why: &_| matches!(why, Forbidden(_) | NotASession | BeyondOwner(_) | RoleNotHeld(_));
        if outcome.as_ref().is_err_and(lacks) {
            self.note(act, Refusal::NotPermitted).await?;
        }
        outcome
    }
}

/// Whether a key calls that acts for this account: it would lift its own limits.
fn is_key_of(caller: &Caller, owner: UserId) -> bool {
    matches!(caller.identity, Identity::ApiKey { owner: own, .. } if own == owner)
}

fn is_somebody_else(caller: &Caller) -> bool {
    caller.session().is_some_and(|session| session.impersonation.is_some())
}

/// A key that is within reach, live or not.
pub(super) async fn key_in(
    tx: &mut dyn Tx,
    id: ApiKeyId,
    reach: Option<UserId>,
) -> Result<(ApiKey, KeyUsage), ApiKeyError> {
    let found = tx.api_keys().by_id(id).await?;
    found.filter(|(key, _)| reach.is_none_or(|owner| key.owner == owner)).ok_or(ApiKeyError::NotFound)
}

/// A live key that is within reach and whose owner is not mightier than the caller; and what its owner may do.
pub(super) async fn live_key_in(
    tx: &mut dyn Tx,
    caller: &Caller,
    id: ApiKeyId,
    reach: Option<UserId>,
    now: Timestamp,
) -> Result<(ApiKey, KeyUsage, Standing), ApiKeyError> {
    let (key, usage) = key_in(tx, id, reach).await?;
    if !key.is_live(now) {
        return Err(ApiKeyError::NotFound);
    }
    let owner = standing_in(tx, key.owner).await?.ok_or(ApiKeyError::NotFound)?;
    if reach.is_none() {
        caller.require_all(&owner.permissions)?;
    }
    Ok((key, usage, owner))
}

/// The same, for whoever goes on with the key: they get all that it ever holds, also what its owner has lost and may get
/// again.
pub(super) async fn usable_key_in(
    tx: &mut dyn Tx,
    caller: &Caller,
    id: ApiKeyId,
    reach: Option<UserId>,
    now: Timestamp,
) -> Result<(ApiKey, KeyUsage, Standing), ApiKeyError> {
    let found = live_key_in(tx, caller, id, reach, now).await?;
    if is_key_of(caller, found.0.owner) {
        return Err(ApiKeyError::NotASession);
    }
    if reach.is_none() {
        may_have_all(tx, caller, &found.0.permissions, &found.0.roles).await?;
    }
    Ok(found)
}

/// Refuses rights and roles that the owner of a key has not, or the caller. A role that is not there is told from one that
/// the owner has not only to whoever may look at roles.
pub(super) async fn may_have(
    tx: &mut dyn Tx,
    caller: &Caller,
    owner: &Standing,
    permissions: &Permissions,
    names: &[RoleName],
) -> Result<(), ApiKeyError> {
    if let Some(name) = names.iter().find(|name| !owner.roles.contains(name)) {
        let is_told = caller.may(Asked::RolesRead) && tx.roles().by_name(name).await?.is_none();
        let name = name.clone();
        return Err(if is_told { ApiKeyError::UnknownRole(name) } else { ApiKeyError::RoleNotHeld(name) });
    }
    if let Some(beyond) = permissions.iter().find(|permission| !owner.permissions.allow(permission)) {
        return Err(ApiKeyError::BeyondOwner(beyond.clone()));
    }
    may_have_all(tx, caller, permissions, names).await
}

/// Refuses a caller who has not these permissions and roles, and what the roles hold.
async fn may_have_all(
    tx: &mut dyn Tx,
    caller: &Caller,
    permissions: &Permissions,
    names: &[RoleName],
) -> Result<(), ApiKeyError> {
    let everything = Permission::everything();
    // Others decide by the names of roles: what they hold says not all.
    if !caller.permissions.allow(&everything) && names.iter().any(|name| !caller.roles.contains(name)) {
        return Err(Forbidden(everything).into());
    }
    let roles = if names.is_empty() { Vec::new() } else { tx.roles().all().await? };
    Ok(caller.require_all(&Permissions::union([permissions, &allowed_by(names, &roles)]))?)
}

pub(super) fn check_name(name: &str) -> Result<(), ApiKeyError> {
    if is_name(name, ApiKey::NAME_MAX) { Ok(()) } else { Err(ApiKeyError::Name) }
}

pub(super) fn check_end(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), ApiKeyError> {
    if expires_at.is_some_and(|expires_at| expires_at <= now) { Err(ApiKeyError::Expired) } else { Ok(()) }
}

pub(super) fn check_permissions(permissions: &Permissions) -> Result<(), ApiKeyError> {
    if permissions.iter().len() > ApiKey::PERMISSIONS_MAX { Err(ApiKeyError::TooMany) } else { Ok(()) }
}

/// The roles by name, each once.
pub(super) fn check_roles(mut roles: Vec<RoleName>) -> Result<Vec<RoleName>, ApiKeyError> {
    roles.sort();
    roles.dedup();
    if roles.len() > ApiKey::ROLES_MAX { Err(ApiKeyError::TooMany) } else { Ok(roles) }
}

/// The networks, each once and without the bits that do not count.
pub(super) fn check_networks(networks: &[IpNet]) -> Result<Vec<IpNet>, ApiKeyError> {
    let mut plain: Vec<IpNet> = Vec::new();
    for network in networks.iter().map(IpNet::trunc) {
        if !plain.contains(&network) {
            plain.push(network);
        }
        if plain.len() > ApiKey::NETWORKS_MAX {
            return Err(ApiKeyError::TooMany);
        }
    }
    Ok(plain)
}

impl From<StoreError> for ApiKeyError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            StoreError::Full => Self::TooMany,
            error => Self::Failure(error.into()),
        }
    }
}
