//! The account of a person.

use crate::Timestamp;
use crate::ids::UserId;

use super::{Email, Username};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who it is, for ever.
    pub id: UserId,
    /// A second name to log in with, unique by [`Username::key`].
    pub username: Option<Username>,
    /// The e-mail address, unique by [`Email::key`].
    pub email: Email,
    /// Whether the owner has proved to read that address.
    pub email_verified: bool,
    /// Whether the account may be used.
    pub status: UserStatus,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, from 1: an update of anything but the newest version is refused.
    pub version: u32,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStatus {
    /// It may.
    Active,
    /// It may not: nobody can log in, no session lives.
    Disabled,
}

impl UserStatus {
    /// The public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the public name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

impl User {
    /// A new, active account whose e-mail address is not proved yet.
    pub const fn new(id: UserId, username: Option<Username>, email: Email, now: Timestamp) -> Self {
        Self {
            id,
            username,
            email,
            email_verified: false,
            status: UserStatus::Active,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}
