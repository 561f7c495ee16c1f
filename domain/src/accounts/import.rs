//! Bringing accounts in from elsewhere, passwords included.

use std::fmt;

use crate::audit::{Action, Actor, AuditEntry, AuditQuery};
use crate::event::Event;
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::security::HashRefused;
use crate::ports::store::{Effect, StoreError, Unique};
use crate::{Failure, Timestamp};

use super::{Accounts, CredentialState, Email, PasswordHash, User, UserStatus, Username};

/// An account as another system had it.
#[derive(Clone)]
pub struct Import {
    /// Its identifier, when it is one of ours; a fresh one otherwise.
    pub id: Option<UserId>,
    /// A second name to log in with.
    pub username: Option<Username>,
    /// The address.
    pub email: Email,
    /// Whether the owner has proved to read that address.
    pub email_verified: bool,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// The password's hash, in any form that the other system wrote; `None` for an account without a password.
    pub password_hash: Option<String>,
    /// When it was opened; now, when nobody knows.
    pub created_at: Option<Timestamp>,
}

impl fmt::Debug for Import {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("id", &self.id).field("username", &self.username).finish_non_exhaustive()
    }
}

/// What became of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is here now, or would be.
    Added,
    /// It was here already, the same.
    Present,
}

/// Why an account was not brought in.
#[derive(Debug, thiserror::Error)]
pub enum NotImported {
    /// Another account has the address.
    #[error("the e-mail address belongs to another account")]
    EmailTaken,
    /// Another account has the username.
    #[error("the username belongs to another account")]
    UsernameTaken,
    /// Another account has the identifier.
    #[error("the id belongs to another account")]
    IdTaken,
    /// The password's hash is not taken over.
    #[error("password_hash: {0}")]
    Hash(#[from] HashRefused),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Accounts {
    /// Brings one account in, and announces it; with `dry_run` it only says what would happen. Doing it again is fine:
    /// an account that was brought in before, of the same names or of the same id and one of the names, stays as it is,
    /// whatever its owner has changed since. One that somebody registered here under that address is in the way.
    pub async fn import(&self, cmd: Import, dry_run: bool) -> Result<Imported, NotImported> {
        let now = self.clock.now();
        let hash = cmd.password_hash.as_deref().map(|foreign| self.foreign.accept(foreign)).transpose()?;

        if self.is_present(&cmd, hash.as_ref()).await? {
            return Ok(Imported::Present);
        }
        if dry_run {
            return Ok(Imported::Added);
        }
        let id = cmd.id.unwrap_or_else(|| UserId::new(now, &*self.random));
        let user = User {
            email_verified: cmd.email_verified,
            status: cmd.status,
            created_at: cmd.created_at.unwrap_or(now),
            ..User::new(id, cmd.username.clone(), cmd.email.clone(), now)
        };
        match self.add(&user, hash.as_ref(), now).await {
            Ok(()) => Ok(Imported::Added),
            // Another import may have brought in the very same at this moment: what is here now decides.
            Err(StoreError::Duplicate(_)) if self.is_present(&cmd, hash.as_ref()).await? => Ok(Imported::Present),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the account is here already, the same; refused when another one is in its way.
    async fn is_present(&self, cmd: &Import, hash: Option<&PasswordHash>) -> Result<bool, NotImported> {
        let mut tx = self.store.begin().await?;
        if let Some(id) = cmd.id
            && let Some(present) = tx.users().by_id(id).await?
        {
            // Its owner may have changed one of the two since.
            let same = present.email == cmd.email || (cmd.username.is_some() && present.username == cmd.username);
            return if same { Ok(true) } else { Err(NotImported::IdTaken) };
        }
        if let Some(present) = tx.users().by_email(&cmd.email).await? {
            // Whoever registered here before the import may not be the one who owned the account there.
            let imports = AuditQuery {
                subject: Some(present.id),
                action: Some(Action::Import),
                limit: 1,
                ..AuditQuery::default()
            };
            let ours = !tx.audit().page(&imports).await?.is_empty()
                || (hash.is_some() && tx.credentials().of(present.id).await?.as_ref() == hash);
            let same = present.username == cmd.username && cmd.id.is_none() && ours;
            return if same { Ok(true) } else { Err(NotImported::EmailTaken) };
        }
        if let Some(username) = &cmd.username
            && tx.users().by_username(username).await?.is_some()
        {
            return Err(NotImported::UsernameTaken);
        }
        Ok(false)
    }

    async fn add(&self, user: &User, hash: Option<&PasswordHash>, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.users().insert(user).await?;
        if let Some(hash) = hash {
            tx.credentials().insert(user.id, hash).await?;
            tx.credentials().set_state(user.id, CredentialState::of(user)).await?;
        }
        let act = AuditEntry::new(now, &*self.random, Actor::Operator, Action::Import, &Origin::default());
        tx.audit().append(act.on(user.id)).await?;
        let event = Event::UserRegistered {
            user_id: user.id,
            username: user.username.as_ref().map(|name| name.as_str().to_owned()),
            email: user.email.as_str().to_owned(),
        };
        tx.commit(now, vec![Effect::publish(event, &Origin::default())]).await
    }
}

impl From<StoreError> for NotImported {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Email) => Self::EmailTaken,
            StoreError::Duplicate(Unique::Username) => Self::UsernameTaken,
            StoreError::Duplicate(Unique::Id) => Self::IdTaken,
            other => Self::Failure(other.into()),
        }
    }
}
