//! Closing one's account.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError};
use crate::sessions::{RevocationReason, Revoked, revoked_events};

use super::Accounts;

/// The end of an account, by its owner.
#[derive(Clone, Debug)]
pub struct DeleteAccount {
    /// Which account.
    pub user: UserId,
    /// The session that asks.
    pub session: SessionId,
    /// Where the request came from.
    pub origin: Origin,
}

impl Accounts {
    /// Ends every session, removes the account with all that belongs to it, and announces it; whether there was one.
    pub async fn delete(&self, cmd: DeleteAccount) -> Result<bool, Failure> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        // Logins of this account that are under way wait for the end of this unit, or were before it: none slips through.
        if let Some(hash) = tx.credentials().of(cmd.user).await?
            && !tx.credentials().confirm(cmd.user, &hash).await?
        {
            return Err(StoreError::Conflict.into());
        }
        let revoked = Revoked { at: now, reason: RevocationReason::AccountDeleted };
        let ended = tx.sessions().revoke_all_of(cmd.user, None, revoked).await?;
        let ended = self.sessions.revocations(&ended, now);
        tx.revocations().add(&ended).await?;
        if !tx.users().delete(cmd.user).await? {
            return Ok(false);
        }
        let act = AuditEntry::new(now, &*self.random, Actor::User(cmd.user), Action::DeleteAccount, &cmd.origin);
        tx.audit().append(act.on(cmd.user).in_session(cmd.session)).await?;
        let mut effects = revoked_events(cmd.user, &ended, revoked.reason, &cmd.origin);
        let event = Event::UserDeleted { user_id: cmd.user };
        effects.push(Effect::publish(event, &cmd.origin));
        tx.commit(now, effects).await?;
        self.revocations.remember(&ended, now);
        Ok(true)
    }
}
