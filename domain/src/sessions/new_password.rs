//! A new password, chosen at the login that proves the one before.

use crate::accounts::{AttemptKey, Password, PasswordContext, PasswordHash, User, screen, settle_password};
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::ports::security::PolicyError;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::{Failure, Timestamp};

use super::end_all::Ended;
use super::{EndAll, LogIn, LogInError, RevocationReason, Revoked, Sessions};

/// Whose password changes at a login.
pub(super) struct Replacement<'a> {
    pub(super) user: UserId,
    /// The session that starts.
    pub(super) session: SessionId,
    pub(super) old: &'a PasswordHash,
    pub(super) new: &'a PasswordHash,
}

impl Sessions {
    /// What is stored instead of the new password, if it is a good one.
    pub(super) async fn choose(&self, cmd: &LogIn, new: &Password, user: &User) -> Result<PasswordHash, LogInError> {
        if new.expose() == cmd.password.expose() {
            return Err(LogInError::WeakPassword("the new password is the old one".to_owned()));
        }
        screen(&*self.passwords, new, PasswordContext::from(user)).await?;
        Ok(self.hasher.hash(new).await?)
    }

    /// Puts it in the place of the old one, within the unit that starts the session: all others end. The account as it is
    /// then; `None` when the password is not the old one any more, or may not be used.
    pub(super) async fn replace_password(
        &self,
        tx: &mut dyn Tx,
        change: &Replacement<'_>,
        cmd: &LogIn,
        now: Timestamp,
    ) -> Result<Option<(User, Ended)>, StoreError> {
        let user_id = change.user;
        if !tx.credentials().replace(user_id, change.old, change.new).await? {
            return Ok(None);
        }
        let user = settle_password(tx, user_id, now, &*self.random).await?;
        let (actor, origin) = (Actor::User(user_id), &cmd.origin);
        let act = AuditEntry::new(now, &*self.random, actor.clone(), Action::ChangePassword, origin);
        tx.audit().append(act.on(user_id).in_session(change.session)).await?;
        let revoked = Revoked { at: now, reason: RevocationReason::PasswordChanged };
        let all = EndAll { user: user_id, keep: None, revoked, actor: &actor, origin };
        let mut ended = all.run(tx, &self.policy, &*self.random).await?;
        ended.effects.insert(0, Effect::publish(Event::UserPasswordChanged { user_id }, origin));
        Ok(Some((user, ended)))
    }

    /// Refuses a login whose password was right and has to be changed first. No failure: what was counted is forgotten, so
    /// that the next attempt, with a new password, need not wait.
    pub(super) async fn ask_for_new_password<T>(
        &self,
        counted: Option<&AttemptKey>,
        user: UserId,
        cmd: &LogIn,
        now: Timestamp,
    ) -> Result<T, LogInError> {
        let mut tx = self.store.begin().await?;
        if let Some(key) = counted {
            tx.attempts().clear(key).await?;
        }
        let act = AuditEntry::new(now, &*self.random, Actor::User(user), Action::LogIn, &cmd.origin);
        tx.audit().append(act.on(user).refused(Refusal::PasswordExpired)).await?;
        tx.commit(now, Vec::new()).await?;
        Err(LogInError::PasswordChangeRequired)
    }
}

impl From<PolicyError> for LogInError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Weak(why) => Self::WeakPassword(why),
            PolicyError::Overloaded => Self::Failure(Failure::Overloaded),
        }
    }
}
