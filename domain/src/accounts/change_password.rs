//! Changing one's password.

use crate::administration::void_links;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::ambient::Randomness;
use crate::ports::security::{HashError, PolicyError};
use crate::ports::store::{Effect, StoreError, Tx};
use crate::sessions::{EndAll, RevocationReason, Revoked};
use crate::{Failure, Timestamp};

use super::prove::Proof;
use super::{
    Accounts, Attempt, Blocked, CredentialState, Password, PasswordContext, PasswordHash, TooManyAttempts, User,
};

/// A change of password by its owner.
#[derive(Clone, Debug)]
pub struct ChangePassword {
    /// Whose password.
    pub user: UserId,
    /// The session that asks: it stays, the others end.
    pub session: SessionId,
    /// The password so far.
    pub current: Password,
    /// The password from now on.
    pub new: Password,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why the password stays.
#[derive(Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// The current password is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// There were too many wrong ones before.
    #[error(transparent)]
    TooManyAttempts(TooManyAttempts),
    /// The new password is too easy to guess; the text says why.
    #[error("{0}")]
    WeakPassword(String),
    /// Somebody acts as the user: only the user changes the password.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Accounts {
    /// Changes the password, ends every other session, and announces both. Links to choose one stop working.
    pub async fn change_password(&self, cmd: ChangePassword) -> Result<(), ChangePasswordError> {
        if cmd.origin.impersonator.is_some() {
            return Err(ChangePasswordError::Impersonated);
        }
        self.hasher.admit()?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let user = tx.users().by_id(cmd.user).await?.ok_or(ChangePasswordError::NotFound)?;
        let attempt = self.enter(tx, user.id, now).await?;
        // A login may have upgraded the hash of the same password meanwhile: what is stored then decides.
        if self.replace_password(&cmd, &user, &attempt, now).await?
            || self.replace_password(&cmd, &user, &attempt, now).await?
        {
            return Ok(());
        }
        // Twice overtaken: nobody knows which password holds now.
        Err(StoreError::Conflict.into())
    }

    /// Whether the password was still the one that was checked.
    async fn replace_password(
        &self,
        cmd: &ChangePassword,
        user: &User,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<bool, ChangePasswordError> {
        let stored = self.store.begin().await?.credentials().of(cmd.user).await?;
        let proof = Proof {
            user: cmd.user,
            session: cmd.session,
            password: &cmd.current,
            action: Action::ChangePassword,
            origin: &cmd.origin,
        };
        if !self.proves(&proof, attempt, stored.as_ref()).await? {
            return Err(ChangePasswordError::WrongPassword);
        }
        let stored = stored.ok_or(ChangePasswordError::WrongPassword)?;
        let hash = match self.hash_new(cmd, user).await {
            Err(refused) => {
                // The password that was looked at was right.
                self.attempts.give_back(&*self.store, Some(attempt)).await?;
                return Err(refused);
            }
            hash => hash?,
        };

        let mut tx = self.store.begin().await?;
        if !tx.credentials().replace(cmd.user, &stored, &hash).await? {
            return Ok(false);
        }
        settle_password(&mut *tx, cmd.user, now, &*self.random).await?;
        let actor = Actor::User(cmd.user);
        let revoked = Revoked { at: now, reason: RevocationReason::PasswordChanged };
        let all = EndAll { user: cmd.user, keep: Some(cmd.session), revoked, actor: &actor, origin: &cmd.origin };
        let ended = all.run(&mut *tx, &self.sessions, &*self.random).await?;
        if let Some(key) = attempt.counted() {
            tx.attempts().clear(key).await?;
        }
        let act = AuditEntry::new(now, &*self.random, actor, Action::ChangePassword, &cmd.origin);
        tx.audit().append(act.on(cmd.user).in_session(cmd.session)).await?;
        let event = Event::UserPasswordChanged { user_id: cmd.user };
        let mut effects = vec![Effect::publish(event, &cmd.origin)];
        effects.extend(ended.effects);
        tx.commit(now, effects).await?;
        self.revocations.remember(&ended.revocations, now);
        Ok(true)
    }

    /// What is stored of the new password, if it is a good one.
    async fn hash_new(&self, cmd: &ChangePassword, user: &User) -> Result<PasswordHash, ChangePasswordError> {
        self.screen_password(&cmd.new, PasswordContext::from(user)).await?;
        Ok(self.hasher.hash(&cmd.new).await?)
    }
}

/// A new password is one that need not be changed, and links to choose one are out of date. The account as it is then.
pub(crate) async fn settle_password(
    tx: &mut dyn Tx,
    user: UserId,
    now: Timestamp,
    random: &dyn Randomness,
) -> Result<User, StoreError> {
    void_links(tx, user, now, random).await?;
    let mut user = tx.users().by_id(user).await?.ok_or(StoreError::Conflict)?;
    if user.must_change_password {
        user.must_change_password = false;
        user.updated_at = now;
        tx.users().update(&user).await?;
        user.version += 1;
        tx.credentials().set_state(user.id, CredentialState::of(&user)).await?;
    }
    Ok(user)
}

impl From<StoreError> for ChangePasswordError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<HashError> for ChangePasswordError {
    fn from(error: HashError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<PolicyError> for ChangePasswordError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Weak(why) => Self::WeakPassword(why),
            PolicyError::Overloaded => Self::Failure(Failure::Overloaded),
        }
    }
}

impl From<Blocked> for ChangePasswordError {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::TooMany(wait) => Self::TooManyAttempts(wait),
            Blocked::Hasher(error) => error.into(),
            Blocked::Store(error) => error.into(),
        }
    }
}
