//! Links that work once.

use crate::access::{Asked, OneTimeToken, Purpose, held_by, standing_in};
use crate::accounts::{AttemptKey, CredentialState, LoginName, Password, PasswordHash, User, UserStatus};
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::secret::{SecretDigest, SecretString};
use crate::sessions::{EndAll, RevocationReason, Revoked};
use crate::{Failure, Timestamp};

use super::create::PasswordRefused;
use super::managed::{managed, of_another};
use super::one_time::{fresh, presented};
use super::{Administration, AdministrationError, Manage};

/// What a link that works once carries.
#[derive(Clone, Debug)]
pub struct Link {
    /// The secret: 64 hexadecimal digits after a prefix that says what it is for.
    pub token: SecretString,
    /// From when on it does not work any more.
    pub expires_at: Timestamp,
}

/// A password that is chosen by a link.
#[derive(Clone, Debug)]
pub struct SetPassword {
    /// The secret of the link.
    pub token: SecretString,
    /// The password from now on.
    pub password: Password,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why there is no new password.
#[derive(Debug, thiserror::Error)]
pub enum SetPasswordError {
    /// The link was used, has expired, was replaced by a newer one, the account was changed since or is disabled, whoever
    /// made it may not do that any more, or the link is not ours. Nobody is told which.
    #[error("the link is not valid any more")]
    Invalid,
    /// The password is too easy to guess; the text says why. The link still works.
    #[error("{0}")]
    WeakPassword(String),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Administration {
    /// Makes a link by which the owner of an account chooses a password, for 24 hours; older ones stop working, and this
    /// one with whatever changes the account. Not for one's own account. Needs `users:write`.
    pub async fn password_link(&self, cmd: Manage) -> Result<Link, AdministrationError> {
        let made = self.make_link(&cmd).await;
        self.settle(&cmd, Action::CreateLink, made).await
    }

    /// Chooses a password by a link: all sessions end. The account need not have had one. It has to be active, and as it
    /// was when the link was made, and whoever made the link has to be allowed to still; it counts as changed.
    pub async fn set_password(&self, cmd: SetPassword) -> Result<User, SetPasswordError> {
        let now = self.clock.now();
        let digest = presented(&cmd.token, Purpose::SetPassword, &*self.mac).ok_or(SetPasswordError::Invalid)?;
        let mut tx = self.store.begin().await?;
        let token = tx.one_time_tokens().peek(&digest, Purpose::SetPassword, now).await?;
        let owner = owner(&mut *tx, token, now).await?.ok_or(SetPasswordError::Invalid)?;
        drop(tx);

        let hash = self.hash_for(&cmd.password, &owner.email, owner.username.as_ref()).await?;

        let mut done = self.choose(&digest, &hash, &cmd.origin, now).await;
        if let Err(StoreError::Conflict) = done {
            // The account was changed at this moment: nothing has happened, and the link may still work.
            done = self.choose(&digest, &hash, &cmd.origin, now).await;
        }
        done?.ok_or(SetPasswordError::Invalid)
    }

    async fn make_link(&self, cmd: &Manage) -> Result<Link, AdministrationError> {
        cmd.caller.require(Asked::UsersWrite)?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let (user, _) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        of_another(&cmd.caller, user.id)?;
        // What is given to the account meanwhile raises its version: the link is dead then.
        let maker = cmd.caller.actor();
        let (link, token) = fresh(Purpose::SetPassword, Some(&user), maker, now, &*self.mac, &*self.random);
        tx.one_time_tokens().put(&token).await?;
        let act = AuditEntry::new(now, &*self.random, cmd.caller.actor(), Action::CreateLink, &cmd.origin);
        tx.audit().append(act.on(user.id).with(Purpose::SetPassword.as_str())).await?;
        tx.commit(now, Vec::new()).await?;
        Ok(link)
    }

    /// Uses the link up, and makes this the hash of the password; `None`, and nothing is done, when it is not valid.
    async fn choose(
        &self,
        digest: &SecretDigest,
        hash: &PasswordHash,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        let mut tx = self.store.begin().await?;
        let token = tx.one_time_tokens().peek(digest, Purpose::SetPassword, now).await?;
        let Some(id) = token.and_then(|token| token.user) else { return Ok(None) };
        // Logins by the password before are over from here on, or were before this unit: none slips through.
        tx.credentials().put(id, hash).await?;
        let token = tx.one_time_tokens().redeem(digest, Purpose::SetPassword, now).await?;
        let Some(mut user) = owner(&mut *tx, token, now).await? else { return Ok(None) };
        // Written whatever it was: whoever changes the account at the same time comes before, or after.
        user.must_change_password = false;
        user.updated_at = now;
        tx.users().update(&user).await?;
        user.version += 1;
        tx.credentials().set_state(user.id, CredentialState::of(&user)).await?;
        self.forget_attempts(&mut *tx, &user).await?;
        // Who holds a link has not said who they are.
        let actor = Actor::Anonymous;
        let revoked = Revoked { at: now, reason: RevocationReason::PasswordChanged };
        let all = EndAll { user: user.id, keep: None, revoked, actor: &actor, origin };
        let ended = all.run(&mut *tx, &self.sessions, &*self.random).await?;
        let act = AuditEntry::new(now, &*self.random, actor, Action::SetPassword, origin);
        tx.audit().append(act.on(user.id)).await?;
        let mut effects = vec![Effect::publish(Event::UserPasswordChanged { user_id: user.id }, origin)];
        effects.extend(ended.effects);
        tx.commit(now, effects).await?;
        self.known.forget();
        self.revocations.remember(&ended.revocations, now);
        Ok(Some(user))
    }

    /// Whoever was held up by the guesses of others gets in with the new password.
    async fn forget_attempts(&self, tx: &mut dyn Tx, user: &User) -> Result<(), StoreError> {
        let names = [Some(LoginName::Email(user.email.clone())), user.username.clone().map(LoginName::Username)];
        for name in names.iter().flatten() {
            tx.attempts().clear(&AttemptKey::of_name(name, &*self.mac)).await?;
        }
        tx.attempts().clear(&AttemptKey::of_user(user.id, &*self.mac)).await
    }
}

/// The account of a link, if it is active and still what it was when the link was made, and whoever made the link could
/// make it now.
async fn owner(tx: &mut dyn Tx, token: Option<OneTimeToken>, now: Timestamp) -> Result<Option<User>, StoreError> {
    let Some(OneTimeToken { user: Some(id), version: Some(version), maker, .. }) = token else { return Ok(None) };
    let found = tx.users().by_id(id).await?;
    let fine = |user: &User| user.status == UserStatus::Active && user.version == version;
    let Some(user) = found.filter(fine) else { return Ok(None) };
    let Some(standing) = standing_in(tx, id).await? else { return Ok(None) };
    let held = held_by(tx, &maker, now).await?;
    let could = held.allow(&Asked::UsersWrite.into()) && standing.permissions.iter().all(|asked| held.allow(asked));
    Ok(could.then_some(user))
}

impl From<StoreError> for SetPasswordError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<PasswordRefused> for SetPasswordError {
    fn from(why: PasswordRefused) -> Self {
        match why {
            PasswordRefused::Weak(why) => Self::WeakPassword(why),
            PasswordRefused::Failure(failure) => Self::Failure(failure),
        }
    }
}
