//! The end of an account.

use crate::access::{RoleName, keys_of};
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::event::Event;
use crate::ids::{ApiKeyId, SessionId, UserId};
use crate::origin::Origin;
use crate::ports::ambient::Randomness;
use crate::ports::security::HashError;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::sessions::{EndAll, Ended, RevocationReason, Revoked, SessionPolicy};
use crate::{Failure, Timestamp};

use super::prove::Proof;
use super::{Accounts, Attempt, Blocked, Password, PasswordHash, TooManyAttempts, User, UserStatus, hold};

/// The end of an account, by its owner.
#[derive(Clone, Debug)]
pub struct DeleteAccount {
    /// Which account.
    pub user: UserId,
    /// The session that asks.
    pub session: SessionId,
    /// The password: a session alone deletes nothing.
    pub current_password: Password,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why the account is still there.
#[derive(Debug, thiserror::Error)]
pub enum DeleteAccountError {
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// The password is wrong, or the account has none.
    #[error("the current password is wrong")]
    WrongPassword,
    /// There were too many wrong ones before.
    #[error(transparent)]
    TooManyAttempts(TooManyAttempts),
    /// It is the last active account with the role `admin`.
    #[error("this is the last administrator")]
    LastHolder,
    /// Somebody acts as the user: only the user deletes the account.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The account was changed by somebody else at the same time.
    #[error("the account was changed at the same time")]
    Conflict,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// What the end of an account consists of, whoever asked for it.
pub(crate) struct Removal<'a> {
    /// What is recorded of it.
    pub(crate) act: AuditEntry,
    /// The password that was proved, if one was.
    pub(crate) proof: Option<&'a PasswordHash>,
    /// Where the request came from.
    pub(crate) origin: &'a Origin,
}

impl Removal<'_> {
    /// Ends, within `tx`, every session of the account and all that its owner does as somebody else, removes it with all
    /// that belongs to it, and notes that its traces are to be removed from the audit trail. `None` when the password is
    /// another one by now, the account changed at this moment, or is gone.
    pub(crate) async fn run(
        self,
        tx: &mut dyn Tx,
        user: UserId,
        policy: &SessionPolicy,
        random: &dyn Randomness,
    ) -> Result<Option<Ended>, StoreError> {
        // Logins of this account that are under way wait for the end of this unit, or were before it: none slips through.
        let held = match self.proof {
            Some(hash) => tx.credentials().confirm(user, hash).await?,
            None => hold(tx, user).await?,
        };
        if !held {
            return Ok(None);
        }
        let revoked = Revoked { at: self.act.at, reason: RevocationReason::AccountDeleted };
        let all = EndAll { user, keep: None, revoked, actor: &self.act.actor, origin: self.origin };
        let mut ended = all.run(tx, policy, random).await?;
        let keys: Vec<ApiKeyId> = keys_of(tx, user).await?.iter().map(|(key, _)| key.id).collect();
        if !tx.users().delete(user).await? {
            return Ok(None);
        }
        tx.audit().note_erasure(user, &keys).await?;
        tx.audit().append(self.act).await?;
        ended.effects.push(Effect::publish(Event::UserDeleted { user_id: user }, self.origin));
        Ok(Some(ended))
    }
}

impl Accounts {
    /// Ends every session, removes the account with all that belongs to it, and announces it.
    pub async fn delete(&self, cmd: DeleteAccount) -> Result<(), DeleteAccountError> {
        if cmd.origin.impersonator.is_some() {
            return Err(DeleteAccountError::Impersonated);
        }
        self.hasher.admit()?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let user = tx.users().by_id(cmd.user).await?.ok_or(DeleteAccountError::NotFound)?;
        let attempt = self.enter(tx, user.id, now).await?;
        // A login may have upgraded the hash of the same password meanwhile: what is stored then decides.
        if self.remove(&cmd, &user, &attempt, now).await? || self.remove(&cmd, &user, &attempt, now).await? {
            return Ok(());
        }
        Err(DeleteAccountError::Conflict)
    }

    /// Whether the password was still the one that was checked.
    async fn remove(
        &self,
        cmd: &DeleteAccount,
        user: &User,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<bool, DeleteAccountError> {
        let stored = self.store.begin().await?.credentials().of(user.id).await?;
        let proof = Proof {
            user: user.id,
            session: cmd.session,
            password: &cmd.current_password,
            action: Action::DeleteAccount,
            origin: &cmd.origin,
        };
        if !self.proves(&proof, attempt, stored.as_ref()).await? {
            return Err(DeleteAccountError::WrongPassword);
        }

        let act = AuditEntry::new(now, &*self.random, Actor::User(user.id), Action::DeleteAccount, &cmd.origin);
        let act = act.on(user.id).in_session(cmd.session);
        let mut tx = self.store.begin().await?;
        let others = tx.roles().held_without(&RoleName::admin(), user.id).await?;
        if !others && tx.roles().of(user.id).await?.contains(&RoleName::admin()) {
            let active = tx.users().by_id(user.id).await?.is_some_and(|user| user.status == UserStatus::Active);
            if active {
                drop(tx);
                // The password that was looked at was right.
                self.attempts.give_back(&*self.store, Some(attempt)).await?;
                self.record(act.refused(Refusal::LastHolder), now).await?;
                return Err(DeleteAccountError::LastHolder);
            }
        }
        let removal = Removal { act, proof: stored.as_ref(), origin: &cmd.origin };
        let Some(ended) = removal.run(&mut *tx, user.id, &self.sessions, &*self.random).await? else {
            return Ok(false);
        };
        if let Some(key) = attempt.counted() {
            tx.attempts().clear(key).await?;
        }
        tx.commit(now, ended.effects).await?;
        self.known.forget();
        self.revocations.remember(&ended.revocations, now);
        Ok(true)
    }
}

impl From<StoreError> for DeleteAccountError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            other => Self::Failure(other.into()),
        }
    }
}

impl From<HashError> for DeleteAccountError {
    fn from(error: HashError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Blocked> for DeleteAccountError {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::TooMany(wait) => Self::TooManyAttempts(wait),
            Blocked::Hasher(error) => error.into(),
            Blocked::Store(error) => error.into(),
        }
    }
}
