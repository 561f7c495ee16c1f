//! Looking at API keys, changing, rotating and revoking them.

use std::time::Duration;

use ipnet::IpNet;

use crate::Timestamp;
use crate::audit::{Action, AuditEntry};
use crate::caller::{Caller, Identity};
use crate::event::Event;
use crate::ids::ApiKeyId;
use crate::origin::Origin;
use crate::ports::limits::Quota;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::secret::LONGEST_OVERLAP;

use super::key_rules::{
    check_end, check_name, check_networks, check_permissions, check_roles, key_in, live_key_in, may_have, usable_key_in,
};
use super::{Access, ApiKey, ApiKeyError, Asked, KeyQuery, KeyText, KeyUsage, NewApiKey, Permissions, RoleName};

/// Among whose keys one looks. A key outside is as little there as one that never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyScope {
    /// The caller's own: for a user who is signed in, and not for somebody who acts as them.
    Own,
    /// Everybody's: needs `api-keys:read`, or `api-keys:write` and the rights of the key's owner; to change or rotate it,
    /// also all permissions and roles of the key.
    All,
}

/// A change of an API key; `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct UpdateApiKey {
    /// Who asks.
    pub caller: Caller,
    /// Among whose keys.
    pub scope: ApiKeyScope,
    /// Which key.
    pub id: ApiKeyId,
    /// What it is called.
    pub name: Option<String>,
    /// What it may do.
    pub permissions: Option<Permissions>,
    /// The roles that it has besides, with what they hold: of those that its owner has.
    pub roles: Option<Vec<RoleName>>,
    /// The networks that it may be used from.
    pub networks: Option<Vec<IpNet>>,
    /// How often it may be used.
    pub quota: Option<Option<Quota>>,
    /// When it ends.
    pub expires_at: Option<Option<Timestamp>>,
    /// The version that is to be changed; `None` for whichever there is.
    pub version: Option<u32>,
    /// Where the request came from.
    pub origin: Origin,
}

/// A new secret for an API key.
#[derive(Clone, Debug)]
pub struct RotateApiKey {
    /// Who asks.
    pub caller: Caller,
    /// Among whose keys.
    pub scope: ApiKeyScope,
    /// Which key.
    pub id: ApiKeyId,
    /// For how long the present secret still works, at most 30 days; zero ends it at once.
    pub overlap: Duration,
    /// Where the request came from.
    pub origin: Origin,
}

impl Access {
    /// The longest time for which two secrets of a key work.
    pub const LONGEST_OVERLAP: Duration = LONGEST_OVERLAP;

    /// A page of keys, the newest first, and whether there are more. With [`ApiKeyScope::Own`] the query's owner is the
    /// caller.
    pub async fn keys(
        &self,
        caller: &Caller,
        scope: ApiKeyScope,
        query: KeyQuery,
    ) -> Result<(Vec<(ApiKey, KeyUsage)>, bool), ApiKeyError> {
        let reach = self.reach(caller, scope, Asked::ApiKeysRead)?;
        let more = KeyQuery { owner: reach.or(query.owner), limit: query.limit.saturating_add(1), ..query };
        let mut tx = self.store.begin().await?;
        let mut page = tx.api_keys().page(&more).await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = page.len() > limit;
        page.truncate(limit);
        Ok((page, more))
    }

    /// One key, live or not.
    pub async fn key(
        &self,
        caller: &Caller,
        scope: ApiKeyScope,
        id: ApiKeyId,
    ) -> Result<(ApiKey, KeyUsage), ApiKeyError> {
        let reach = self.reach(caller, scope, Asked::ApiKeysRead)?;
        let mut tx = self.store.begin().await?;
        key_in(&mut *tx, id, reach).await
    }

    /// What the key that calls is: for callers that are API keys.
    pub async fn calling_key(&self, caller: &Caller) -> Result<(ApiKey, KeyUsage), ApiKeyError> {
        let Identity::ApiKey { id, .. } = caller.identity else { return Err(ApiKeyError::NotFound) };
        let mut tx = self.store.begin().await?;
        key_in(&mut *tx, id, None).await
    }

    /// Changes a live key, under the conditions of [`Access::create_key`]. What it may do is judged only when that changes.
    /// Changing nothing leaves it as it is.
    pub async fn update_key(&self, cmd: UpdateApiKey) -> Result<(ApiKey, KeyUsage), ApiKeyError> {
        let act = self.key_act(&cmd.caller, Action::UpdateApiKey, cmd.id, &cmd.origin);
        let updated = self.try_update_key(cmd, act.clone()).await;
        self.noted_key(updated, act).await
    }

    async fn try_update_key(&self, cmd: UpdateApiKey, act: AuditEntry) -> Result<(ApiKey, KeyUsage), ApiKeyError> {
        let now = act.at;
        let reach = self.reach(&cmd.caller, cmd.scope, Asked::ApiKeysWrite)?;
        if let Some(name) = &cmd.name {
            check_name(name)?;
        }
        if let Some(permissions) = &cmd.permissions {
            check_permissions(permissions)?;
        }
        let roles = cmd.roles.map(check_roles).transpose()?;
        let networks = cmd.networks.as_deref().map(check_networks).transpose()?;

        let mut tx = self.store.begin().await?;
        let (old, usage, owner) = usable_key_in(&mut *tx, &cmd.caller, cmd.id, reach, now).await?;
        if cmd.version.is_some_and(|version| version != old.version) {
            return Err(ApiKeyError::Conflict);
        }
        let key = ApiKey {
            name: cmd.name.unwrap_or_else(|| old.name.clone()),
            permissions: cmd.permissions.unwrap_or_else(|| old.permissions.clone()),
            roles: roles.unwrap_or_else(|| old.roles.clone()),
            networks: networks.unwrap_or_else(|| old.networks.clone()),
            quota: cmd.quota.unwrap_or(old.quota),
            expires_at: cmd.expires_at.unwrap_or(old.expires_at),
            ..old.clone()
        };
        if key == old {
            return Ok((old, usage));
        }
        check_end(key.expires_at, now)?;
        if (&key.permissions, &key.roles) != (&old.permissions, &old.roles) {
            may_have(&mut *tx, &cmd.caller, &owner, &key.permissions, &key.roles).await?;
        }
        let key = self.change(tx, ApiKey { updated_at: now, ..key }, act, Vec::new()).await?;
        Ok((key, usage))
    }

    /// Gives a live key a new secret.
    pub async fn rotate_key(&self, cmd: RotateApiKey) -> Result<NewApiKey, ApiKeyError> {
        let act = self.key_act(&cmd.caller, Action::RotateApiKey, cmd.id, &cmd.origin);
        let rotated = self.try_rotate_key(cmd, act.clone()).await;
        self.noted_key(rotated, act).await
    }

    async fn try_rotate_key(&self, cmd: RotateApiKey, act: AuditEntry) -> Result<NewApiKey, ApiKeyError> {
        let now = act.at;
        let reach = self.reach(&cmd.caller, cmd.scope, Asked::ApiKeysWrite)?;
        let text = KeyText::fresh(cmd.id, &*self.random);
        let secret = self.key_digest(cmd.id, &text.secret);
        let until = now.plus(cmd.overlap.min(Self::LONGEST_OVERLAP));

        let mut tx = self.store.begin().await?;
        let (old, _, _) = usable_key_in(&mut *tx, &cmd.caller, cmd.id, reach, now).await?;
        let previous = (until > now).then_some((old.secret, until));
        let event = Event::ApiKeyRotated { user_id: old.owner, api_key_id: old.id };
        let key = ApiKey { secret, previous, updated_at: now, ..old };
        let key = self.change(tx, key, act, vec![Effect::publish(event, &cmd.origin)]).await?;
        Ok(NewApiKey { key, secret: text.text() })
    }

    /// Ends a live key at once.
    pub async fn revoke_key(
        &self,
        caller: &Caller,
        scope: ApiKeyScope,
        id: ApiKeyId,
        origin: &Origin,
    ) -> Result<(), ApiKeyError> {
        let act = self.key_act(caller, Action::RevokeApiKey, id, origin);
        let revoked = self.try_revoke_key(caller, scope, id, origin, act.clone()).await;
        self.noted_key(revoked, act).await
    }

    async fn try_revoke_key(
        &self,
        caller: &Caller,
        scope: ApiKeyScope,
        id: ApiKeyId,
        origin: &Origin,
        act: AuditEntry,
    ) -> Result<(), ApiKeyError> {
        let now = act.at;
        let reach = self.reach(caller, scope, Asked::ApiKeysWrite)?;
        let mut tx = self.store.begin().await?;
        let (old, _, _) = live_key_in(&mut *tx, caller, id, reach, now).await?;
        let event = Event::ApiKeyRevoked { user_id: old.owner, api_key_id: id };
        let key = ApiKey { previous: None, updated_at: now, revoked_at: Some(now), ..old };
        self.change(tx, key, act, vec![Effect::publish(event, origin)]).await?;
        Ok(())
    }

    fn key_act(&self, caller: &Caller, action: Action, id: ApiKeyId, origin: &Origin) -> AuditEntry {
        self.act(self.clock.now(), caller, action, origin).with(id.to_string())
    }

    /// Makes a change true; the key as it is stored then.
    async fn change(
        &self,
        mut tx: Box<dyn Tx>,
        key: ApiKey,
        act: AuditEntry,
        effects: Vec<Effect>,
    ) -> Result<ApiKey, StoreError> {
        tx.api_keys().update(&key).await?;
        let now = act.at;
        tx.audit().append(act.on(key.owner)).await?;
        tx.commit(now, effects).await?;
        self.known.forget();
        Ok(ApiKey { version: key.version + 1, ..key })
    }
}
