//! Changing the account of somebody else.

use crate::Failure;
use crate::access::Asked;
use crate::accounts::{Email, Username};
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Unique};

use super::managed::{NotManaged, managed, of_another};
use super::{Administration, UserView};

/// What to change; `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct UpdateUser {
    /// Who asks.
    pub caller: Caller,
    /// Whose account.
    pub user: UserId,
    /// The version that is to be changed; `None` for whichever there is.
    pub version: Option<u32>,
    /// A new username, or none from now on.
    pub username: Option<Option<Username>>,
    /// A new address; it counts as not verified unless `email_verified` says so too.
    pub email: Option<Email>,
    /// Whether the owner has proved to read the address.
    pub email_verified: Option<bool>,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateUserError {
    /// The caller lacks a permission: `users:write`, or one that the account has.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// It is the caller's own account, and this is for the accounts of others.
    #[error("one's own account is changed by the operations under /me")]
    OwnAccount,
    /// The caller acts as somebody else.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The address belongs to another account.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// The username belongs to another account.
    #[error("this username is taken")]
    UsernameTaken,
    /// The account is of another version.
    #[error("the account has another version")]
    Version,
    /// The account was changed by somebody else at the same time.
    #[error("the account was changed at the same time")]
    Conflict,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Administration {
    /// Changes an account. Changing nothing announces nothing. Links to choose a password stop working. The address is not
    /// that of one's own account. Needs `users:write`.
    pub async fn update_user(&self, cmd: UpdateUser) -> Result<UserView, UpdateUserError> {
        let done = self.update_once(&cmd).await;
        let why = match &done {
            Err(UpdateUserError::Forbidden(_) | UpdateUserError::OwnAccount | UpdateUserError::Impersonated) => {
                Refusal::NotPermitted
            }
            Err(UpdateUserError::EmailTaken | UpdateUserError::UsernameTaken) => Refusal::Taken,
            _ => return done,
        };
        self.note_refused(&cmd.caller, Action::UpdateUser, Some(cmd.user), why, &cmd.origin).await?;
        done
    }

    async fn update_once(&self, cmd: &UpdateUser) -> Result<UserView, UpdateUserError> {
        cmd.caller.require(Asked::UsersWrite)?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let (mut user, standing) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        if cmd.version.is_some_and(|version| version != user.version) {
            return Err(UpdateUserError::Version);
        }

        let mut changed = Vec::new();
        if let Some(username) = cmd.username.as_ref().filter(|username| **username != user.username) {
            user.username.clone_from(username);
            changed.push("username".to_owned());
        }
        let verified_before = user.email_verified;
        if let Some(email) = cmd.email.as_ref().filter(|email| **email != user.email) {
            user.email = email.clone();
            user.email_verified = false;
            changed.push("email".to_owned());
        }
        user.email_verified = cmd.email_verified.unwrap_or(user.email_verified);
        if user.email_verified != verified_before {
            changed.push("email_verified".to_owned());
        }
        if changed.iter().any(|field| field != "username") {
            of_another(&cmd.caller, user.id)?;
        }
        if changed.is_empty() {
            return Ok(UserView { user, roles: standing.roles });
        }

        user.updated_at = now;
        tx.users().update(&user).await?;
        user.version += 1;
        let act = AuditEntry::new(now, &*self.random, cmd.caller.actor(), Action::UpdateUser, &cmd.origin);
        tx.audit().append(act.on(user.id).with(changed.join(" "))).await?;
        let event = Event::UserUpdated { user_id: user.id, changed };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        Ok(UserView { user, roles: standing.roles })
    }
}

impl From<StoreError> for UpdateUserError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Email) => Self::EmailTaken,
            StoreError::Duplicate(Unique::Username) => Self::UsernameTaken,
            StoreError::Conflict => Self::Conflict,
            other => Self::Failure(other.into()),
        }
    }
}

impl From<NotManaged> for UpdateUserError {
    fn from(why: NotManaged) -> Self {
        match why {
            NotManaged::Forbidden(forbidden) => Self::Forbidden(forbidden),
            NotManaged::NotFound => Self::NotFound,
            NotManaged::OwnAccount => Self::OwnAccount,
            NotManaged::Impersonated => Self::Impersonated,
            NotManaged::Store(error) => error.into(),
        }
    }
}
