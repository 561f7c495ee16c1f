//! The first administrator.

use uuid::Uuid;

use crate::Failure;
use crate::access::{Asked, Purpose, RoleName};
use crate::accounts::{Email, Password, User, Username};
use crate::audit::{Action, Actor, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden, Identity};
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::store::{StoreError, Tx, Unique};
use crate::secret::SecretString;

use super::create::{PasswordRefused, open_account, opened_events};
use super::one_time::{fresh, presented};
use super::{Administration, Link, UserQuery, UserView};

/// Who becomes the first administrator.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The secret of the setup link.
    pub token: SecretString,
    /// A second name to log in with.
    pub username: Option<Username>,
    /// The address.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why there is no first administrator.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The caller is not allowed to make a link.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is an administrator already: the door is closed for good.
    #[error("there is an administrator already")]
    Closed,
    /// The link was used, has expired, was replaced by a newer one, or is not ours. Nobody is told which.
    #[error("the link is not valid any more")]
    Invalid,
    /// The address belongs to an account already.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// The username belongs to an account already.
    #[error("this username is taken")]
    UsernameTaken,
    /// The password is too easy to guess; the text says why. The link still works.
    #[error("{0}")]
    WeakPassword(String),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Administration {
    /// Whether nobody has ever been made an administrator who still is one.
    pub async fn needs_set_up(&self) -> Result<bool, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(!has_admin(&mut *tx).await?)
    }

    /// Makes the link for the first administrator, for 24 hours; older ones stop working. Only the operator may.
    pub async fn setup_link(&self, caller: &Caller) -> Result<Link, SetUpError> {
        if caller.identity != Identity::Operator {
            let origin = Origin::default();
            self.note_refused(caller, Action::CreateLink, None, Refusal::NotPermitted, &origin).await?;
            return Err(Forbidden(Asked::RolesGrant.into()).into());
        }
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        if is_closed(&mut *tx).await? {
            return Err(SetUpError::Closed);
        }
        let (link, token) = fresh(Purpose::Setup, None, Actor::Operator, now, &*self.mac, &*self.random);
        tx.one_time_tokens().put(&token).await?;
        let act = AuditEntry::new(now, &*self.random, caller.actor(), Action::CreateLink, &Origin::default());
        tx.audit().append(act.with(Purpose::Setup.as_str())).await?;
        tx.commit(now, Vec::new()).await?;
        Ok(link)
    }

    /// Opens the account of the first administrator. Of any number of concurrent calls at most one succeeds.
    pub async fn set_up(&self, cmd: SetUp) -> Result<UserView, SetUpError> {
        let now = self.clock.now();
        let digest = presented(&cmd.token, Purpose::Setup, &*self.mac).ok_or(SetUpError::Invalid)?;
        let mut tx = self.store.begin().await?;
        if has_admin(&mut *tx).await? {
            return Err(SetUpError::Closed);
        }
        tx.one_time_tokens().peek(&digest, Purpose::Setup, now).await?.ok_or(SetUpError::Invalid)?;
        drop(tx);

        let hash = self.hash_for(&cmd.password, &cmd.email, cmd.username.as_ref()).await?;

        let user = User::new(UserId::new(now, &*self.random), cmd.username, cmd.email, now);
        let mut tx = self.store.begin().await?;
        if is_closed(&mut *tx).await? {
            return Err(SetUpError::Closed);
        }
        tx.one_time_tokens().redeem(&digest, Purpose::Setup, now).await?.ok_or(SetUpError::Invalid)?;
        let view = open_account(&mut *tx, user, Some(&hash), &[RoleName::admin()], now).await?;
        tx.one_time_tokens().clear(Purpose::Setup).await?;
        // Who holds a link has not said who they are.
        let act = |action| AuditEntry::new(now, &*self.random, Actor::Anonymous, action, &cmd.origin).on(view.user.id);
        tx.audit().append(act(Action::SetUp)).await?;
        tx.audit().append(act(Action::GrantRole).with(RoleName::ADMIN)).await?;
        tx.commit(now, opened_events(&view, &cmd.origin)).await?;
        self.known.forget();
        Ok(view)
    }
}

/// Whether there is an administrator, active or not, as long as this unit lasts: units that ask take turns.
async fn is_closed(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    let nobody = UserId::from_uuid(Uuid::nil());
    Ok(tx.roles().held_without(&RoleName::admin(), nobody).await? || has_admin(tx).await?)
}

async fn has_admin(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    let admins = UserQuery { role: Some(RoleName::admin()), limit: 1, ..UserQuery::default() };
    Ok(!tx.users().search(&admins).await?.is_empty())
}

impl From<PasswordRefused> for SetUpError {
    fn from(why: PasswordRefused) -> Self {
        match why {
            PasswordRefused::Weak(why) => Self::WeakPassword(why),
            PasswordRefused::Failure(failure) => Self::Failure(failure),
        }
    }
}

impl From<StoreError> for SetUpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Email) => Self::EmailTaken,
            StoreError::Duplicate(Unique::Username) => Self::UsernameTaken,
            other => Self::Failure(other.into()),
        }
    }
}
