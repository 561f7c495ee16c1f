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
    /// Why it may not be used, in the words of whoever disabled it; up to 200 characters, no control characters.
    pub status_reason: Option<String>,
    /// Whether the password has to be changed before anybody can log in.
    pub must_change_password: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, from 1: an update of anything but the newest version is refused.
    pub version: u32,
}

/// Whether a password may be used: the account's [`User::status`] and [`User::must_change_password`] as they are judged
/// where sessions start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// Sessions start with it.
    Usable,
    /// It has to be changed first.
    MustChange,
    /// The account may not be used.
    Suspended,
}

impl CredentialState {
    /// As the store keeps it.
    pub const fn as_number(self) -> i16 {
        match self {
            Self::Usable => 0,
            Self::MustChange => 1,
            Self::Suspended => 2,
        }
    }

    /// What belongs to an account as it is.
    pub const fn of(user: &User) -> Self {
        match (user.status, user.must_change_password) {
            (UserStatus::Disabled, _) => Self::Suspended,
            (UserStatus::Active, true) => Self::MustChange,
            (UserStatus::Active, false) => Self::Usable,
        }
    }
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
            status_reason: None,
            must_change_password: false,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}
