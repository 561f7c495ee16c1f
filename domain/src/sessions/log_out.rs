//! Ending sessions: one's own, another device's, all of them.

use crate::Failure;
use crate::caller::Caller;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::sessions::Revocation;

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
    /// Where the request came from.
    pub origin: Origin,
}

impl Sessions {
    /// Ends the session that calls. Logging out twice is fine and announces nothing more.
    pub async fn log_out(&self, caller: &Caller, origin: Origin) -> Result<(), Failure> {
        let reason = RevocationReason::Logout;
        self.revoke(RevokeSession { user: caller.user, session: caller.session, reason, origin }).await?;
        Ok(())
    }

    /// Ends all sessions of the account.
    pub async fn log_out_everywhere(&self, caller: &Caller, origin: Origin) -> Result<(), Failure> {
        let now = self.clock.now();
        let revoked = Revoked { at: now, reason: RevocationReason::LogoutAll };
        let mut tx = self.store.begin().await?;
        let ended = tx.sessions().revoke_all_of(caller.user, None, revoked).await?;
        let ended = self.policy.revocations(&ended, now);
        tx.revocations().add(&ended).await?;
        tx.commit(now, revoked_events(caller.user, &ended, revoked.reason, &origin)).await?;
        self.remember(&ended);
        Ok(())
    }

    /// Ends one live session of an account; `false` when the account has no such session.
    pub async fn revoke(&self, cmd: RevokeSession) -> Result<bool, Failure> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let session = tx.sessions().by_id(cmd.session).await?.filter(|session| session.user == cmd.user);
        if session.as_ref().is_some_and(|session| session.revoked.is_some()) {
            // Another replica was first, or an answer was lost: from here on this one knows too.
            self.remember(&self.policy.revocations(&[cmd.session], now));
        }
        let live = session.is_some_and(|session| session.is_live(now));
        if !live || !tx.sessions().revoke(cmd.session, Revoked { at: now, reason: cmd.reason }).await? {
            return Ok(false);
        }
        let ended = self.policy.revocations(&[cmd.session], now);
        tx.revocations().add(&ended).await?;
        tx.commit(now, revoked_events(cmd.user, &ended, cmd.reason, &cmd.origin)).await?;
        self.remember(&ended);
        Ok(true)
    }

    pub(super) fn remember(&self, ended: &[Revocation]) {
        for revocation in ended {
            self.revocations.revoke(revocation.session, revocation.until);
        }
    }
}
