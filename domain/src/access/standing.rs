//! What an account is and may do at a moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::Failure;
use crate::accounts::UserStatus;
use crate::ids::UserId;
use crate::ports::store::{StoreError, Tx};

use super::known::Look;
use super::{Access, Permissions, Role, RoleName};

/// What an account is and may do at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may be served.
    pub status: UserStatus,
    /// Its roles, `user` among them, by name.
    pub roles: Vec<RoleName>,
    /// What its roles allow.
    pub permissions: Permissions,
}

impl Standing {
    /// Of an account to which these roles were granted, when `roles` are all there are.
    pub(super) fn new(status: UserStatus, granted: Vec<RoleName>, roles: &[Role]) -> Self {
        let names = with_user(granted);
        let permissions = allowed_by(&names, roles);
        Self { status, roles: names, permissions }
    }
}

impl Access {
    /// What an account may do now, as the store says; `None` when there is none.
    pub async fn standing(&self, user: UserId) -> Result<Option<Standing>, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(standing_in(&mut *tx, user).await?)
    }

    /// The same, not older than a quarter of a second: for those who ask at each request.
    pub async fn recent_standing(&self, user: UserId) -> Result<Option<Standing>, Failure> {
        let now = self.clock.now();
        if let Some(standing) = self.known.standing(user, now) {
            return Ok(Some(standing));
        }
        let look = self.known.look(now);
        let mut tx = self.store.begin().await?;
        let (look, roles) = self.recent_roles(&mut *tx, look).await?;
        let standing = standing_by(&mut *tx, user, &roles).await?;
        if let Some(standing) = &standing {
            self.known.note_standing(look, user, standing.clone());
        }
        Ok(standing)
    }

    /// All roles, not older than a quarter of a second, and a look that is as old as they are.
    pub(super) async fn recent_roles(&self, tx: &mut dyn Tx, look: Look) -> Result<(Look, Arc<[Role]>), StoreError> {
        if let Some(known) = self.known.roles(look) {
            return Ok(known);
        }
        let roles: Arc<[Role]> = tx.roles().all().await?.into();
        self.known.note_roles(look, roles.clone());
        Ok((look, roles))
    }
}

/// What an account may do, whatever its status, within a unit of work.
pub(crate) async fn standing_in(tx: &mut dyn Tx, user: UserId) -> Result<Option<Standing>, StoreError> {
    let roles = tx.roles().all().await?;
    standing_by(tx, user, &roles).await
}

async fn standing_by(tx: &mut dyn Tx, user: UserId, roles: &[Role]) -> Result<Option<Standing>, StoreError> {
    let Some(found) = tx.users().by_id(user).await? else { return Ok(None) };
    let granted = tx.roles().of(user).await?;
    Ok(Some(Standing::new(found.status, granted, roles)))
}

/// The roles that were granted to an account, and the one that every account has; by name, each once.
pub(crate) fn with_user(mut granted: Vec<RoleName>) -> Vec<RoleName> {
    granted.push(RoleName::user());
    granted.sort();
    granted.dedup();
    granted
}

/// What the roles of these names allow, in the fewest words.
pub(super) fn allowed_by(names: &[RoleName], roles: &[Role]) -> Permissions {
    let names: BTreeSet<_> = names.iter().collect();
    Permissions::union(roles.iter().filter(|role| names.contains(&role.name)).map(|role| &role.permissions))
}
