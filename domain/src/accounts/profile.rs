//! Reading and changing one's own account.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::security::HashError;
use crate::ports::store::{Effect, StoreError, Unique};

use super::prove::Proof;
use super::{Accounts, Blocked, Email, Password, TooManyAttempts, User, Username};

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct UpdateProfile {
    /// Whose account.
    pub user: UserId,
    /// The session that asks.
    pub session: SessionId,
    /// A new username, or none from now on.
    pub username: Option<Option<Username>>,
    /// A new address; it counts as not verified.
    pub email: Option<Email>,
    /// The password, asked for when the address changes.
    pub current_password: Option<Password>,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateProfileError {
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// The address belongs to another account.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// The username belongs to another account.
    #[error("this username is taken")]
    UsernameTaken,
    /// The address changes, and the password was not given.
    #[error("changing the e-mail address needs the current password")]
    PasswordNeeded,
    /// The password is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// There were too many wrong ones before.
    #[error(transparent)]
    TooManyAttempts(TooManyAttempts),
    /// The address changes, and somebody acts as the user: only the user changes it.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The account was changed by somebody else at the same time.
    #[error("the account was changed at the same time")]
    Conflict,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Accounts {
    /// The account; `None` when there is none any more.
    pub async fn profile(&self, user: UserId) -> Result<Option<User>, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(tx.users().by_id(user).await?)
    }

    /// Changes username or address. Changing nothing announces nothing. Links to choose a password stop working.
    pub async fn update_profile(&self, cmd: UpdateProfile) -> Result<User, UpdateProfileError> {
        if cmd.email.is_some() && cmd.current_password.is_some() {
            self.hasher.admit()?;
        }
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let mut user = tx.users().by_id(cmd.user).await?.ok_or(UpdateProfileError::NotFound)?;

        let mut changed = Vec::new();
        if let Some(username) = cmd.username.filter(|username| *username != user.username) {
            user.username = username;
            changed.push("username".to_owned());
        }
        let new_address = cmd.email.filter(|email| *email != user.email);
        let mut proved = None;
        if let Some(email) = new_address {
            if cmd.origin.impersonator.is_some() {
                return Err(UpdateProfileError::Impersonated);
            }
            let password = cmd.current_password.ok_or(UpdateProfileError::PasswordNeeded)?;
            let stored = tx.credentials().of(user.id).await?;
            let attempt = self.enter(tx, user.id, now).await?;
            let proof = Proof {
                user: user.id,
                session: cmd.session,
                password: &password,
                action: Action::UpdateProfile,
                origin: &cmd.origin,
            };
            if !self.proves(&proof, &attempt, stored.as_ref()).await? {
                return Err(UpdateProfileError::WrongPassword);
            }
            proved = stored.map(|stored| (stored, attempt));
            user.email = email;
            user.email_verified = false;
            changed.push("email".to_owned());
            tx = self.store.begin().await?;
        }
        if changed.is_empty() {
            return Ok(user);
        }
        user.updated_at = now;

        if let Some((hash, _)) = &proved
            && !tx.credentials().confirm(user.id, hash).await?
        {
            // Changed, or upgraded by a login, at this very moment: asking again decides.
            return Err(UpdateProfileError::Conflict);
        }
        let act = AuditEntry::new(now, &*self.random, Actor::User(user.id), Action::UpdateProfile, &cmd.origin);
        let act = act.on(user.id).in_session(cmd.session);
        if let Err(error) = tx.users().update(&user).await {
            drop(tx);
            if let Some((_, attempt)) = &proved {
                // The password that was looked at was right.
                self.attempts.give_back(&*self.store, Some(attempt)).await?;
            }
            self.note_if_taken(&error, act, now).await?;
            return Err(error.into());
        }
        if let Some(key) = proved.as_ref().and_then(|(_, attempt)| attempt.counted()) {
            tx.attempts().clear(key).await?;
        }
        tx.audit().append(act.with(changed.join(" "))).await?;
        let event = Event::UserUpdated { user_id: user.id, changed };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        user.version += 1;
        Ok(user)
    }
}

impl From<StoreError> for UpdateProfileError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Email) => Self::EmailTaken,
            StoreError::Duplicate(Unique::Username) => Self::UsernameTaken,
            StoreError::Conflict => Self::Conflict,
            other => Self::Failure(other.into()),
        }
    }
}

impl From<HashError> for UpdateProfileError {
    fn from(error: HashError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Blocked> for UpdateProfileError {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::TooMany(wait) => Self::TooManyAttempts(wait),
            Blocked::Hasher(error) => error.into(),
            Blocked::Store(error) => error.into(),
        }
    }
}
