//! Which accounts to look at, and in which order.

use crate::Timestamp;
use crate::access::RoleName;
use crate::accounts::{User, UserStatus};
use crate::ids::UserId;

/// Which accounts to look at; `None` filters nothing. Every order and filter is one that a store answers by an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserQuery {
    /// Whose canonical e-mail address begins so.
    pub email: Option<String>,
    /// Whose canonical username begins so.
    pub username: Option<String>,
    /// Of this status.
    pub status: Option<UserStatus>,
    /// To whom this role was granted.
    pub role: Option<RoleName>,
    /// Opened at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Opened before this instant.
    pub created_until: Option<Timestamp>,
    /// In this order.
    pub sort: UserSort,
    /// The other way round.
    pub descending: bool,
    /// Behind this place: that of the last account of the page before.
    pub after: Option<UserPlace>,
    /// At most so many.
    pub limit: u32,
}

/// By what accounts are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserSort {
    /// When they were opened, then by id.
    CreatedAt,
    /// By canonical e-mail address, byte for byte.
    Email,
    /// By canonical username, byte for byte; accounts without one are left out.
    Username,
}

/// The place of an account in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserPlace {
    /// By [`UserSort::CreatedAt`].
    CreatedAt(Timestamp, UserId),
    /// By [`UserSort::Email`]: the canonical address.
    Email(String),
    /// By [`UserSort::Username`]: the canonical username.
    Username(String),
}

impl UserPlace {
    /// The place of `user` in an order; `None` when it has none there.
    pub fn of(user: &User, sort: UserSort) -> Option<Self> {
        match sort {
            UserSort::CreatedAt => Some(Self::CreatedAt(user.created_at, user.id)),
            UserSort::Email => Some(Self::Email(user.email.key().to_owned())),
            UserSort::Username => user.username.as_ref().map(|name| Self::Username(name.key().to_owned())),
        }
    }
}

impl Default for UserQuery {
    fn default() -> Self {
        Self {
            email: None,
            username: None,
            status: None,
            role: None,
            created_from: None,
            created_until: None,
            sort: UserSort::CreatedAt,
            descending: false,
            after: None,
            limit: 50,
        }
    }
}
