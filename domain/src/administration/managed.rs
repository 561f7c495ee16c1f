//! What every act on the account of somebody else begins with, and what is kept of those that were refused.

use crate::access::{RoleName, Standing, standing_in};
use crate::accounts::{User, UserStatus};
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
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
    /// The store could not tell.
    Store(StoreError),
}

impl From<StoreError> for NotManaged {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The account as it is stored now, if the caller has every permission that it has now.
pub(super) async fn managed(tx: &mut dyn Tx, caller: &Caller, id: UserId) -> Result<(User, Standing), NotManaged> {
    let user = tx.users().by_id(id).await?.ok_or(NotManaged::NotFound)?;
    // Read after the account: a role that is given meanwhile is seen here, or the account has another version.
    let standing = standing_in(tx, id).await?.ok_or(NotManaged::NotFound)?;
    caller.require_all(&standing.permissions).map_err(NotManaged::Forbidden)?;
    Ok((user, standing))
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
