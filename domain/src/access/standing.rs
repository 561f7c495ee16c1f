//! What an account is and may do at a moment.

use crate::Failure;
use crate::accounts::UserStatus;
use crate::caller::UserSession;
use crate::ids::UserId;
use crate::ports::store::{StoreError, Tx};

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
        let standing = self.standing(user).await?;
        if let Some(standing) = &standing {
            self.known.note_standing(look, user, standing.clone());
        }
        Ok(standing)
    }

    /// The roles that the user of a session has now, not older than a quarter of a second, if its token tells of roles; of
    /// a token that tells of none, none.
    pub async fn roles_now(&self, session: &UserSession) -> Result<Vec<RoleName>, Failure> {
        if session.roles.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.recent_standing(session.user).await?.map(|standing| standing.roles).unwrap_or_default())
    }
}

/// What an account may do, whatever its status, within a unit of work.
pub(crate) async fn standing_in(tx: &mut dyn Tx, user: UserId) -> Result<Option<Standing>, StoreError> {
    let Some(found) = tx.users().by_id(user).await? else { return Ok(None) };
    let granted = tx.roles().of(user).await?;
    let roles = tx.roles().all().await?;
    Ok(Some(Standing::new(found.status, granted, &roles)))
}

/// The roles that were granted to an account, and the one that every account has; by name, each once.
pub(crate) fn with_user(mut granted: Vec<RoleName>) -> Vec<RoleName> {
    granted.push(RoleName::user());
    granted.sort();
    granted.dedup();
    granted
}

/// What the roles of these names allow.
pub(super) fn allowed_by(names: &[RoleName], roles: &[Role]) -> Permissions {
    let mut permissions = Permissions::default();
    for role in roles.iter().filter(|role| names.contains(&role.name)) {
        permissions.extend(&role.permissions);
    }
    permissions
}
