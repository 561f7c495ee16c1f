//! Keeping an account as it is while something depends on it.

use crate::ids::UserId;
use crate::ports::store::{StoreError, Tx};

/// Keeps the account as it is until the unit ends, by its password, or by itself when it has none: sessions that begin
/// meanwhile have begun before this unit, so that it sees them, or see what it has done. The first thing that a unit takes
/// of an account. `false` when the account changed at this moment, or is gone.
pub(crate) async fn hold(tx: &mut dyn Tx, user: UserId) -> Result<bool, StoreError> {
    match tx.credentials().of(user).await? {
        Some(password) => tx.credentials().confirm(user, &password).await,
        // One that got its first password in between is not held by its row alone.
        None => Ok(tx.users().hold(user).await? && tx.credentials().of(user).await?.is_none()),
    }
}
