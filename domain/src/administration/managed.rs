//! What every act on the account of somebody else begins with, and what is kept of those that were refused.

use crate::access::{RoleName, Standing, standing_in};
use crate::accounts::{User, UserStatus};
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden, Identity};
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::store::{StoreError, Tx};

use super::Administration;

/// Why an account is not managed.
pub(super) enum NotManaged {
    /// It has a permission that the caller lacks.
    Forbidden(Forbidden),
    /// There is none.
    NotFound,
    /// It is the caller's own: whoever logs in changes it with their password.
    OwnAccount,
    /// The caller acts as somebody else.
    Impersonated,
    /// The store could not tell.
    Store(StoreError),
}

impl From<StoreError> for NotManaged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The account as it is stored now, if the caller has every permission that it has now. Nobody manages accounts in the name
/// of somebody else, and no API key that of its owner: that would be a way around the owner's password.
pub(super) async fn managed(tx: &mut dyn Tx, caller: &Caller, id: UserId) -> Result<(User, Standing), NotManaged> {
    let user = tx.users().by_id(id).await?.ok_or(NotManaged::NotFound)?;
    // Read after the account: a role that is given meanwhile is seen here, or the account has another version.
    let standing = standing_in(tx, id).await?.ok_or(NotManaged::NotFound)?;
    caller.require_all(&standing.permissions).map_err(NotManaged::Forbidden)?;
    if acts_as_another(caller) {
        return Err(NotManaged::Impersonated);
    }
    match caller.identity {
        Identity::ApiKey { owner, .. } if owner == id => Err(NotManaged::OwnAccount),
        _ => Ok((user, standing)),
    }
}

/// Refuses whoever would do to their own account what there asks for the password.
pub(super) fn of_another(caller: &Caller, user: UserId) -> Result<(), NotManaged> {
    if caller.user() == Some(user) { Err(NotManaged::OwnAccount) } else { Ok(()) }
}

/// Whether the caller acts in the name of somebody else.
pub(super) fn acts_as_another(caller: &Caller) -> bool {
    caller.session().is_some_and(|session| session.impersonation.is_some())
}

/// Whether the account is an administrator that may be used.
pub(super) fn is_active_admin(user: &User, roles: &[RoleName]) -> bool {
    user.status == UserStatus::Active && roles.iter().any(|role| role.as_str() == RoleName::ADMIN)
}

impl Administration {
    /// Records an act that was refused.
    pub(super) async fn note_refused(
        &self,
        caller: &Caller,
        action: Action,
        subject: Option<UserId>,
        why: Refusal,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut act = AuditEntry::new(now, &*self.random, caller.actor(), action, origin).refused(why);
        act.subject = subject;
        let mut tx = self.store.begin().await?;
        tx.audit().append(act).await?;
        tx.commit(now, Vec::new()).await
    }
}
