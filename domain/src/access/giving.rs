//! Who may give and change which roles.

use crate::administration::{UserQuery, UserSort};
use crate::caller::{Caller, Forbidden};
use crate::ports::store::{StoreError, Tx};

use super::{Asked, Permission, Role, RoleName};

/// Refuses whoever may not give or take this role: that needs all that it holds, and, for others decide by its name alone,
/// the role itself or `roles:write`.
pub(crate) fn may_give(caller: &Caller, role: &Role) -> Result<(), Forbidden> {
    caller.require_all(&role.permissions)?;
    if caller.roles.contains(&role.name) { Ok(()) } else { caller.require(Asked::RolesWrite) }
}

/// Refuses whoever lacks something that the role holds.
pub(super) fn may_all_of(caller: &Caller, role: &Role) -> Result<(), Forbidden> {
    caller.require_all(&role.permissions)
}

/// The role that a caller named, as it was found, if it is for them; `None` when there is none. Whoever may not look at
/// roles gets one refusal for a role that is not there and one that is not for them, and learns nothing of what roles hold.
pub(crate) fn for_caller(
    caller: &Caller,
    found: Option<Role>,
    judge: impl FnOnce(&Caller, &Role) -> Result<(), Forbidden>,
) -> Result<Option<Role>, Forbidden> {
    let judged = found.as_ref().map(|role| judge(caller, role));
    match judged {
        Some(Ok(())) => Ok(found),
        _ if !caller.may(Asked::RolesRead) => Err(Forbidden(Permission::everything())),
        Some(Err(refused)) => Err(refused),
        None => Ok(None),
    }
}

/// Whether an account has the role, whatever its status. `user` is everybody's.
pub(super) async fn is_held(tx: &mut dyn Tx, name: &RoleName) -> Result<bool, StoreError> {
    if name.as_str() == RoleName::USER {
        return Ok(true);
    }
    let holders = UserQuery {
        email: None,
        username: None,
        status: None,
        role: Some(name.clone()),
        created_from: None,
        created_until: None,
        sort: UserSort::CreatedAt,
        descending: false,
        after: None,
        limit: 1,
    };
    Ok(!tx.users().search(&holders).await?.is_empty())
}
