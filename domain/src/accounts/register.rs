//! Opening an account.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::security::{HashError, PolicyError};
use crate::ports::store::{Effect, StoreError, Unique};

use super::{Accounts, Email, Password, PasswordContext, User, Username};

/// Who wants an account.
#[derive(Clone, Debug)]
pub struct Register {
    /// A second name to log in with.
    pub username: Option<Username>,
    /// The address.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The address belongs to an account already.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// The username belongs to an account already.
    #[error("this username is taken")]
    UsernameTaken,
    /// The password is too easy to guess; the text says why.
    #[error("{0}")]
    WeakPassword(String),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Accounts {
    /// Opens an account and announces it.
    pub async fn register(&self, cmd: Register) -> Result<User, RegisterError> {
        self.hasher.admit()?;
        let now = self.clock.now();
        let owner = PasswordContext { email: Some(&cmd.email), username: cmd.username.as_ref() };
        self.screen_password(&cmd.password, owner).await?;

        let hash = self.hasher.hash(&cmd.password).await?;

        let user = User::new(UserId::new(now, &*self.random), cmd.username, cmd.email, now);
        let mut tx = self.store.begin().await?;
        if let Err(error) = tx.users().insert(&user).await {
            drop(tx);
            let act = AuditEntry::new(now, &*self.random, Actor::Anonymous, Action::Register, &cmd.origin);
            self.note_if_taken(&error, act, now).await?;
            return Err(error.into());
        }
        tx.credentials().insert(user.id, &hash).await?;
        let act = AuditEntry::new(now, &*self.random, Actor::User(user.id), Action::Register, &cmd.origin);
        tx.audit().append(act.on(user.id)).await?;
        let event = Event::UserRegistered {
            user_id: user.id,
            username: user.username.as_ref().map(|name| name.as_str().to_owned()),
            email: user.email.as_str().to_owned(),
        };
        tx.commit(now, vec![Effect::publish(event, &cmd.origin)]).await?;
        Ok(user)
    }
}

impl From<StoreError> for RegisterError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Email) => Self::EmailTaken,
            StoreError::Duplicate(Unique::Username) => Self::UsernameTaken,
            other => Self::Failure(other.into()),
        }
    }
}

impl From<PolicyError> for RegisterError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Weak(why) => Self::WeakPassword(why),
            PolicyError::Overloaded => Self::Failure(Failure::Overloaded),
        }
    }
}

impl From<HashError> for RegisterError {
    fn from(error: HashError) -> Self {
        Self::Failure(error.into())
    }
}
