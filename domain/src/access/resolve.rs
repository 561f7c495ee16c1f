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
use super::{Access, Asked, KeyInUse, KeyText, Permissions, Role, Standing};

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

/// What this replica knows of an API key that is presented, without asking the store.
#[derive(Debug)]
pub enum Recognized {
    /// It is the right one, looked up a moment ago: this is the answer, and if it is a caller the use is counted.
    Known(Result<Box<Caller>, ResolveError>),
    /// It was the right one when it was last looked up.
    Before,
    /// Nothing: whoever presents it may be guessing.
    Stranger,
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
            Some(impersonation) => standing_in(&mut *tx, impersonation.by).await?,
            None => None,
        };
        drop(tx);
        self.in_session(session, standing, actor)
    }

    /// The same for the session of a user, from what is not older than a quarter of a second: for those who ask at each
    /// request.
    pub async fn recent_caller(&self, session: UserSession) -> Result<Caller, ResolveError> {
        let standing = self.recent_standing(session.user).await?;
        let actor = match session.impersonation {
            Some(impersonation) => self.recent_standing(impersonation.by).await?,
            None => None,
        };
        self.in_session(session, standing, actor)
    }

    /// Whoever calls in a session; `actor` is what whoever acts as its user may do.
    fn in_session(
        &self,
        session: UserSession,
        standing: Option<Standing>,
        actor: Option<Standing>,
    ) -> Result<Caller, ResolveError> {
        let Standing { mut roles, mut permissions, .. } = active(standing)?;
        if session.client_id != self.first_party {
            permissions = permissions.common(&session.scope.permissions());
            // A role would say more than the scope lets this client do.
            roles.clear();
        }
        if let Some(impersonation) = session.impersonation {
            let actor = active(actor)?;
            permissions = as_somebody_else(&permissions, impersonation, &actor)?;
            // Others take a role for what they like: only one that both have says nothing too much.
            roles.retain(|role| actor.roles.contains(role));
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
        let caller = self.check_key(presented, origin).await?;
        self.count_use(&caller);
        Ok(caller)
    }

    /// The same, and no use: for a caller who was let in already.
    pub async fn check_key(&self, presented: &str, origin: &Origin) -> Result<Caller, ResolveError> {
        let Ok(text) = KeyText::parse(presented) else { return Err(ResolveError::Unauthenticated) };
        let now = self.clock.now();
        let digest = self.key_digest(text.id, &text.secret);
        if let Some(known) = self.proved_key(text.id, &digest, now) {
            return known.caller(origin, now);
        }
        let found = self.look_up(text.id, &digest, now).await?;
        let outcome = found.ok_or(ResolveError::Unauthenticated).and_then(|found| found.caller(origin, now));
        // Whoever holds a key that is good, and uses it from the wrong place, is not guessing.
        self.known.note_proof(&digest, now, !matches!(outcome, Err(ResolveError::Unauthenticated)));
        outcome
    }

    /// What is known of a key that is presented. It asks no store: what is no [`Recognized::Known`] costs a look at it.
    pub fn recognize_key(&self, presented: &str, origin: &Origin) -> Recognized {
        let Ok(text) = KeyText::parse(presented) else { return Recognized::Stranger };
        let now = self.clock.now();
        let digest = self.key_digest(text.id, &text.secret);
        match self.proved_key(text.id, &digest, now) {
            Some(known) => Recognized::Known(known.caller(origin, now).map(|caller| {
                self.count_use(&caller);
                Box::new(caller)
            })),
            None if self.known.was_proved(&digest) => Recognized::Before,
            None => Recognized::Stranger,
        }
    }

    /// What was looked up a moment ago of a key that this digest proves. A wrong secret costs what an unknown id costs:
    /// nothing is answered from memory.
    fn proved_key(&self, id: ApiKeyId, digest: &SecretDigest, now: Timestamp) -> Option<Arc<KeyStanding>> {
        self.known.key(id, now).filter(|known| known.found.key.is_proved_by(digest, now))
    }

    fn count_use(&self, caller: &Caller) {
        if let Identity::ApiKey { id, .. } = caller.identity {
            self.usage.count(id, self.clock.now());
        }
    }

    /// What the store says of a key that this digest proves. The roles are read also when there is none: all answers take
    /// the same work.
    async fn look_up(
        &self,
        id: ApiKeyId,
        digest: &SecretDigest,
        now: Timestamp,
    ) -> Result<Option<Arc<KeyStanding>>, StoreError> {
        let look = self.known.look(now);
        let mut tx = self.store.begin().await?;
        let found = tx.api_keys().in_use(id).await?;
        let (look, roles) = self.recent_roles(&mut *tx, look).await?;
        drop(tx);
        Ok(found.filter(|found| found.key.is_proved_by(digest, now)).map(|found| {
            let known = Arc::new(KeyStanding::new(found, &roles));
            self.known.note_key(look, id, known.clone());
            known
        }))
    }

    pub(super) fn key_digest(&self, id: ApiKeyId, secret: &SecretString) -> SecretDigest {
        let message = zeroize::Zeroizing::new([id.as_uuid().as_bytes(), secret.expose().as_bytes()].concat());
        SecretDigest(self.mac.tag(PURPOSE, &message))
    }
}

impl KeyStanding {
    /// Of a key, when `roles` are all there are: of its roles those count that its owner has, and of what it holds then
    /// what its owner may do.
    pub(super) fn new(found: KeyInUse, roles: &[Role]) -> Self {
        let owner = Standing::new(found.owner_status, found.owner_roles.clone(), roles);
        let names: Vec<_> = found.key.roles.iter().filter(|role| owner.roles.contains(role)).cloned().collect();
        let held = Permissions::union([&found.key.permissions, &allowed_by(&names, roles)]);
        Self { permissions: held.common(&owner.permissions), roles: names, found }
    }

    /// The caller behind the key, when it was proved.
    fn caller(&self, origin: &Origin, now: Timestamp) -> Result<Caller, ResolveError> {
        let (key, owner) = (&self.found.key, self.found.owner_status);
        if !key.is_live(now) || owner != UserStatus::Active {
            return Err(ResolveError::Unauthenticated);
        }
        if !key.is_allowed_from(origin.ip) {
            return Err(ResolveError::AddressNotAllowed);
        }
        let identity = Identity::ApiKey { id: key.id, owner: key.owner, quota: key.quota, expires_at: key.expires_at };
        Ok(Caller { identity, permissions: self.permissions.clone(), roles: self.roles.clone() })
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
