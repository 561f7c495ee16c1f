//! Looking at accounts.

use crate::access::{Asked, RoleName, with_user};
use crate::accounts::User;
use crate::caller::Caller;
use crate::ids::{SessionId, UserId};
use crate::sessions::Session;

use super::{Administration, AdministrationError, UserPlace, UserQuery};

/// The most of a page.
const PAGE: u32 = 1_000;

/// An account with its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserView {
    /// The account.
    pub user: User,
    /// Its roles, `user` among them, by name.
    pub roles: Vec<RoleName>,
}

/// A page of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPage {
    /// The accounts, in the order asked for.
    pub users: Vec<UserView>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<UserPlace>,
}

impl UserView {
    /// The account to which these roles were granted.
    pub(super) fn new(user: User, granted: Vec<RoleName>) -> Self {
        Self { user, roles: with_user(granted) }
    }
}

impl Administration {
    /// The accounts that match, at most 1,000 of them. Needs `users:read`.
    pub async fn search(&self, caller: &Caller, query: &UserQuery) -> Result<UserPage, AdministrationError> {
        caller.require(Asked::UsersRead)?;
        let limit = query.limit.clamp(1, PAGE);
        let asked = UserQuery { limit: limit + 1, ..query.clone() };
        let mut tx = self.store.begin().await?;
        let mut users = tx.users().search(&asked).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = users.len() > limit;
        users.truncate(limit);
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let roles = tx.roles().of_all(&ids).await?;
        let next = users.last().filter(|_| more).and_then(|user| UserPlace::of(user, query.sort));
        let users = users.into_iter().zip(roles).map(|(user, roles)| UserView::new(user, roles)).collect();
        Ok(UserPage { users, next })
    }

    /// One account. Needs `users:read`.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<UserView, AdministrationError> {
        caller.require(Asked::UsersRead)?;
        let mut tx = self.store.begin().await?;
        let user = tx.users().by_id(id).await?.ok_or(AdministrationError::NotFound)?;
        Ok(UserView::new(user, tx.roles().of(id).await?))
    }

    /// A page of an account's live sessions, the newest first, and whether there are more. Needs `users:read`.
    pub async fn sessions(
        &self,
        caller: &Caller,
        id: UserId,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<(Vec<Session>, bool), AdministrationError> {
        caller.require(Asked::UsersRead)?;
        let now = self.clock.now();
        let limit = limit.clamp(1, PAGE);
        let mut tx = self.store.begin().await?;
        tx.users().by_id(id).await?.ok_or(AdministrationError::NotFound)?;
        let mut page = tx.sessions().live_of(id, now, after, limit + 1).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = page.len() > limit;
        page.truncate(limit);
        Ok((page, more))
    }
}
