//! Who calls, and what may they do?

use std::sync::Arc;

use crate::accounts::UserStatus;
use crate::caller::{Caller, Identity, Impersonation, UserSession};
use crate::ids::ApiKeyId;
use crate::origin::Origin;
use crate::ports::store::StoreError;
use crate::secret::{SecretDigest, SecretString};
use crate::tokens::Claims;
use crate::{Failure, Timestamp};

use super::known::KeyStanding;
use super::standing::{allowed_by, standing_in};
use super::{Access, Asked, KeyText, Permissions, Standing};

/// Tags of API keys are for nothing else.
const PURPOSE: &str = "api key";

/// Why nobody is behind what was presented.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Unknown, wrong, expired, revoked, or of an account that may not be used. Nobody is told which.
    #[error("the credentials are not valid")]
    Unauthenticated,
    /// The key is good, and may not be used from there.
    #[error("the API key may not be used from this address")]
    AddressNotAllowed,
    /// The service could not tell.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Access {
    /// The caller behind an access token that was [identified](crate::tokens::Tokens::identify), with what they may do at
    /// this moment. A user may do what their roles allow; with a token of another client than the first party only as far
    /// as its scope names it, and as somebody else only what both may do, and nothing but reading if it is to be so. A
    /// client may do what its scope names.
    pub async fn resolve_token(&self, claims: &Claims) -> Result<Caller, ResolveError> {
        let Some(session) = UserSession::of(claims.clone()) else { return self.resolve_client(claims) };
        let mut tx = self.store.begin().await?;
        let standing = standing_in(&mut *tx, session.user).await?;
        let actor = match session.impersonation {
            Some(impersonation) => Some((impersonation, standing_in(&mut *tx, impersonation.by).await?)),
            None => None,
        };
        drop(tx);
        let Standing { mut roles, mut permissions, .. } = active(standing)?;
        if session.client_id != self.first_party {
            permissions = permissions.common(&claims.scope.permissions());
            // A role would say more than the scope lets this client do.
            roles.clear();
        }
        if let Some((impersonation, actor)) = actor {
            permissions = as_somebody_else(&permissions, impersonation, &active(actor)?)?;
        }
        Ok(Caller { identity: Identity::User(session), permissions, roles })
    }

    fn resolve_client(&self, claims: &Claims) -> Result<Caller, ResolveError> {
        let mut permissions = claims.scope.permissions();
        if let Some(client) = self.clients.get(&claims.client_id) {
            if !client.is_live() {
                return Err(ResolveError::Unauthenticated);
            }
            permissions = permissions.common(&client.scope.permissions());
        }
        let identity = Identity::Client { id: claims.client_id.clone() };
        Ok(Caller { identity, permissions, roles: Vec::new() })
    }

    /// The caller behind an API key, with what it may do at this moment: what the key holds and its owner may do. What it
    /// knows of the key is not older than a quarter of a second. A use that is granted is counted.
    pub async fn resolve_key(&self, presented: &str, origin: &Origin) -> Result<Caller, ResolveError> {
        let Ok(text) = KeyText::parse(presented) else { return Err(ResolveError::Unauthenticated) };
        let now = self.clock.now();
        let digest = self.key_digest(text.id, &text.secret);
        // Only what proves the key is answered from memory: a wrong secret costs what an unknown id costs.
        let known = self.known.key(text.id, now).filter(|known| known.found.key.is_proved_by(&digest, now));
        let known = match known {
            Some(known) => known,
            None => self.look_up(text.id, now).await?.ok_or(ResolveError::Unauthenticated)?,
        };
        let (key, owner) = (&known.found.key, known.found.owner_status);
        if !key.is_proved_by(&digest, now) || !key.is_live(now) || owner != UserStatus::Active {
            return Err(ResolveError::Unauthenticated);
        }
        if !key.is_allowed_from(origin.ip) {
            return Err(ResolveError::AddressNotAllowed);
        }
        self.usage.count(key.id, now);
        let identity = Identity::ApiKey { id: key.id, owner: key.owner, quota: key.quota, expires_at: key.expires_at };
        Ok(Caller { identity, permissions: known.permissions.clone(), roles: key.roles.clone() })
    }

    /// What the store says of a key. The roles are read also when there is none: both answers take the same work.
    async fn look_up(&self, id: ApiKeyId, now: Timestamp) -> Result<Option<Arc<KeyStanding>>, StoreError> {
        let look = self.known.look(now);
        let mut tx = self.store.begin().await?;
        let found = tx.api_keys().in_use(id).await?;
        let roles = tx.roles().all().await?;
        drop(tx);
        Ok(found.map(|found| {
            let mut permissions = found.key.permissions.clone();
            permissions.extend(&allowed_by(&found.key.roles, &roles));
            let owner = Standing::new(found.owner_status, found.owner_roles.clone(), &roles);
            let permissions = permissions.common(&owner.permissions);
            let known = Arc::new(KeyStanding { found, permissions });
            self.known.note_key(look, id, known.clone());
            known
        }))
    }

    pub(super) fn key_digest(&self, id: ApiKeyId, secret: &SecretString) -> SecretDigest {
        let message = zeroize::Zeroizing::new([id.as_uuid().as_bytes(), secret.expose().as_bytes()].concat());
        SecretDigest(self.mac.tag(PURPOSE, &message))
    }
}

/// Refuses an account that is not there or may not be served.
fn active(standing: Option<Standing>) -> Result<Standing, ResolveError> {
    standing.filter(|standing| standing.status == UserStatus::Active).ok_or(ResolveError::Unauthenticated)
}

/// What `actor` may do as somebody who has `permissions`. Whoever may not act as others any more is nobody.
fn as_somebody_else(
    permissions: &Permissions,
    impersonation: Impersonation,
    actor: &Standing,
) -> Result<Permissions, ResolveError> {
    let asked = if impersonation.read_only { Asked::Impersonate } else { Asked::ImpersonateWrite };
    if !actor.permissions.allow(&asked.into()) {
        return Err(ResolveError::Unauthenticated);
    }
    let both = permissions.common(&actor.permissions);
    Ok(if impersonation.read_only { both.common(&Permissions::reading()) } else { both })
}

impl From<StoreError> for ResolveError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}
