//! Ending sessions: one's own, another device's, all of them.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::caller::Caller;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::secret::SecretString;

use super::{RevocationReason, Revoked, Sessions, revoked_events};

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

impl Sessions {
    /// Ends the session that calls. Logging out twice is fine and announces nothing more.
    pub async fn log_out(&self, caller: &Caller, origin: Origin) -> Result<(), Failure> {
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

    /// Ends all sessions of the account.
    pub async fn log_out_everywhere(&self, caller: &Caller, origin: Origin) -> Result<(), Failure> {
        let now = self.clock.now();
        let revoked = Revoked { at: now, reason: RevocationReason::LogoutAll };
        let mut tx = self.store.begin().await?;
        let ended = tx.sessions().revoke_all_of(caller.user, None, revoked).await?;
        let ended = self.policy.revocations(&ended, now);
        tx.revocations().add(&ended).await?;
        let act = AuditEntry::new(now, &*self.random, Actor::User(caller.user), Action::RevokeAll, &origin);
        tx.audit().append(act.on(caller.user).in_session(caller.session)).await?;
        tx.commit(now, revoked_events(caller.user, &ended, revoked.reason, &origin)).await?;
        self.revocations.remember(&ended, now);
        Ok(())
    }

    /// Ends one live session of an account; `false` when the account has no such session.
    pub async fn revoke(&self, cmd: RevokeSession) -> Result<bool, Failure> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let session = tx.sessions().by_id(cmd.session).await?.filter(|session| session.user == cmd.user);
        if session.as_ref().is_some_and(|session| session.revoked.is_some()) {
            // Another replica was first, or an answer was lost: from here on this one knows too.
            self.revocations.remember(&self.policy.revocations(&[cmd.session], now), now);
        }
        let live = session.is_some_and(|session| session.is_live(now));
        if !live || !tx.sessions().revoke(cmd.session, Revoked { at: now, reason: cmd.reason }).await? {
            return Ok(false);
        }
        let ended = self.policy.revocations(&[cmd.session], now);
        tx.revocations().add(&ended).await?;
        let act = AuditEntry::new(now, &*self.random, cmd.actor, Action::Revoke, &cmd.origin);
        tx.audit().append(act.on(cmd.user).in_session(cmd.session).with(cmd.reason.as_str())).await?;
        tx.commit(now, revoked_events(cmd.user, &ended, cmd.reason, &cmd.origin)).await?;
        self.revocations.remember(&ended, now);
        Ok(true)
    }
}
