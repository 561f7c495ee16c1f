//! A new API key.

use ipnet::IpNet;

use crate::audit::{Action, AuditEntry};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::ids::{ApiKeyId, UserId};
use crate::origin::Origin;
use crate::ports::limits::Quota;
use crate::ports::store::Effect;
use crate::secret::SecretString;
use crate::{Failure, Timestamp};

use super::key_rules::{check_end, check_name, check_networks, check_permissions, check_roles, may_have};
use super::{Access, ApiKey, KeyText, Permission, Permissions, RoleName, standing_in};

/// What a new API key is to be.
#[derive(Clone, Debug)]
pub struct CreateApiKey {
    /// Who asks.
    pub caller: Caller,
    /// For whom it acts: the caller's own account, or, with `api-keys:write`, anybody's whose rights the caller has.
    pub owner: UserId,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub permissions: Permissions,
    /// The roles that it has besides, with what they hold: of those that its owner has.
    pub roles: Vec<RoleName>,
    /// The networks that it may be used from.
    pub networks: Vec<IpNet>,
    /// How often it may be used.
    pub quota: Option<Quota>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Where the request came from.
    pub origin: Origin,
}

/// A key that was created or rotated: the secret is told here and never again.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The key.
    pub key: ApiKey,
    /// What its holder presents.
    pub secret: SecretString,
}

/// Why there is no such API key.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The caller lacks a permission. API keys, clients and those who act as somebody else make no keys of their own.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller is not a user in a session of their own; an API key leaves those of its owner as they are.
    #[error("only a user who is signed in manages own API keys")]
    NotASession,
    /// The owner may not do that: no key has more rights than its owner.
    #[error("the owner of the key lacks the permission {0}")]
    BeyondOwner(Permission),
    /// The owner has not that role, or there is none: no key goes by the name of a role that its owner has not.
    #[error("the owner of the key has not the role {0}")]
    RoleNotHeld(RoleName),
    /// There is no such account, or no such key that may be used.
    #[error("there is no such API key")]
    NotFound,
    /// There is no such role; said only to whoever may look at roles.
    #[error("there is no role {0}")]
    UnknownRole(RoleName),
    /// The name is empty, too long, or holds control characters.
    #[error("a name is 1 to 100 characters without control characters")]
    Name,
    /// It would have ended already.
    #[error("the end of a key is in the future")]
    Expired,
    /// The account has too many, or the key has too many networks, permissions or roles.
    #[error("too many: at most 100 live keys of an account, and 50 networks, 200 permissions and 20 roles of a key")]
    TooMany,
    /// It was changed by somebody else at the same time, or is of another version.
    #[error("the API key was changed at the same time")]
    Conflict,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Access {
    /// Creates an API key. Nobody gets a permission or a role by it that its owner or the caller has not.
    pub async fn create_key(&self, cmd: CreateApiKey) -> Result<NewApiKey, ApiKeyError> {
        let now = self.clock.now();
        let id = ApiKeyId::new(now, &*self.random);
        let act = self.act(now, &cmd.caller, Action::CreateApiKey, &cmd.origin).on(cmd.owner);
        let created = self.try_create_key(cmd, id, act.clone().with(id.to_string())).await;
        self.noted_key(created, act).await
    }

    async fn try_create_key(&self, cmd: CreateApiKey, id: ApiKeyId, act: AuditEntry) -> Result<NewApiKey, ApiKeyError> {
        let now = act.at;
        let is_own = self.creates_own(&cmd.caller, cmd.owner)?;
        check_name(&cmd.name)?;
        check_end(cmd.expires_at, now)?;
        check_permissions(&cmd.permissions)?;
        let text = KeyText::fresh(id, &*self.random);
        let key = ApiKey {
            id,
            owner: cmd.owner,
            name: cmd.name,
            secret: self.key_digest(id, &text.secret),
            previous: None,
            permissions: cmd.permissions,
            roles: check_roles(cmd.roles)?,
            networks: check_networks(&cmd.networks)?,
            quota: cmd.quota,
            created_at: now,
            updated_at: now,
            expires_at: cmd.expires_at,
            revoked_at: None,
            version: 1,
        };

        let mut tx = self.store.begin().await?;
        let owner = standing_in(&mut *tx, key.owner).await?.ok_or(ApiKeyError::NotFound)?;
        if !is_own {
            cmd.caller.require_all(&owner.permissions)?;
        }
        may_have(&mut *tx, &cmd.caller, &owner, &key.permissions, &key.roles).await?;
        tx.api_keys().insert(&key, ApiKey::PER_ACCOUNT_MAX).await?;
        tx.audit().append(act).await?;
        let event = Event::ApiKeyCreated { user_id: key.owner, api_key_id: id };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        Ok(NewApiKey { key, secret: text.text() })
    }
}
