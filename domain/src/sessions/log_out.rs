//! Ending sessions: one's own, another device's, all of them.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::caller::UserSession;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::store::StoreError;
use crate::secret::SecretString;

use super::{EndAll, EndOne, RevocationReason, Revoked, Sessions};

/// The end of one session.
#[derive(Clone, Debug)]
pub struct RevokeSession {
    /// Whose session it must be.
    pub user: UserId,
    /// Which.
    pub session: SessionId,
    /// Why.
    pub reason: RevocationReason,
    /// Who ends it.
    pub actor: Actor,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why sessions go on.
#[derive(Debug, thiserror::Error)]
pub enum LogOutError {
    /// Somebody acts as the user: only the user ends all sessions.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for LogOutError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Sessions {
    /// Ends the session that calls. Logging out twice is fine and announces nothing more.
    pub async fn log_out(&self, caller: &UserSession, origin: Origin) -> Result<(), Failure> {
        let (user, session, reason) = (caller.user, caller.session, RevocationReason::Logout);
        self.revoke(RevokeSession { user, session, reason, actor: Actor::User(user), origin }).await?;
        Ok(())
    }

    /// Ends the session of a refresh token, for a browser whose access token has expired. A token that is not ours, or
    /// of a session that is over, ends nothing.
    pub async fn log_out_with(&self, refresh_token: &SecretString, origin: Origin) -> Result<(), Failure> {
        let Some(presented) = self.refresh_tokens.open(refresh_token.expose()) else { return Ok(()) };
        let mut tx = self.store.begin().await?;
        let Some(session) = tx.sessions().by_id(presented.session).await? else { return Ok(()) };
        drop(tx);
        let (user, session, reason) = (session.user, session.id, RevocationReason::Logout);
        self.revoke(RevokeSession { user, session, reason, actor: Actor::User(user), origin }).await?;
        Ok(())
    }

    /// The session that a refresh token was made for, live or not; `None` for anything that is not our token.
    pub fn session_of(&self, refresh_token: &str) -> Option<SessionId> {
        self.refresh_tokens.open(refresh_token).map(|presented| presented.session)
    }

    /// Ends all sessions of the account, and those in which its owner acts as somebody else. Whoever acts as the owner may
    /// not.
    pub async fn log_out_everywhere(&self, caller: &UserSession, origin: Origin) -> Result<(), LogOutError> {
        if caller.impersonation.is_some() || origin.impersonator.is_some() {
            return Err(LogOutError::Impersonated);
        }
        let now = self.clock.now();
        let (user, actor) = (caller.user, Actor::User(caller.user));
        let mut tx = self.store.begin().await?;
        let revoked = Revoked { at: now, reason: RevocationReason::LogoutAll };
        let all = EndAll { user, keep: None, revoked, actor: &actor, origin: &origin };
        let ended = all.run(&mut *tx, &self.policy, &*self.random).await?;
        let act = AuditEntry::new(now, &*self.random, actor, Action::RevokeAll, &origin);
        tx.audit().append(act.on(user).in_session(caller.session)).await?;
        tx.commit(now, ended.effects).await?;
        self.revocations.remember(&ended.revocations, now);
        Ok(())
    }

    /// Ends one live session of an account, and those in which its owner acts as somebody else: whoever had it may have
    /// begun them. `false` when the account has no such session.
    pub async fn revoke(&self, cmd: RevokeSession) -> Result<bool, Failure> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let session = tx.sessions().by_id(cmd.session).await?.filter(|session| session.user == cmd.user);
        if session.as_ref().is_some_and(|session| session.revoked.is_some()) {
            // Another replica was first, or an answer was lost: from here on this one knows too.
            self.revocations.remember(&self.policy.revocations(&[cmd.session], now), now);
        }
        let Some(session) = session.filter(|session| session.is_live(now)) else { return Ok(false) };
        let act = AuditEntry::new(now, &*self.random, cmd.actor.clone(), Action::Revoke, &cmd.origin);
        let revoked = Revoked { at: now, reason: cmd.reason };
        let end = EndOne { session: &session, revoked, actor: &cmd.actor, origin: &cmd.origin };
        let Some(ended) = end.run(&mut *tx, &self.policy, &*self.random).await? else { return Ok(false) };
        tx.audit().append(act.on(cmd.user).in_session(cmd.session).with(cmd.reason.as_str())).await?;
        tx.commit(now, ended.effects).await?;
        self.revocations.remember(&ended.revocations, now);
        Ok(true)
    }
}
