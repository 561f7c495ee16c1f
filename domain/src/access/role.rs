//! Roles: permissions under a name.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

use super::Permissions;

/// The name of a role: 1 to 64 of `a-z 0-9 . - _`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct RoleName(String);

/// The text is not the name of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a role is 1 to 64 of a-z, 0-9, '.', '-' and '_', and begins with a letter")]
pub struct NotARoleName;

impl RoleName {
    /// The most characters of a name.
    pub const MAX: usize = 64;

    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, NotARoleName> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if begins && text.len() <= Self::MAX && text.bytes().all(fine) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotARoleName)
        }
    }

    /// `admin`: may do everything, cannot be changed, and never loses its last holder.
    pub fn admin() -> Self {
        Self(Self::ADMIN.to_owned())
    }

    /// `user`: every account has it, without it being granted.
    pub fn user() -> Self {
        Self(Self::USER.to_owned())
    }

    /// The name of the role that may do everything.
    pub const ADMIN: &str = "admin";

    /// The name of the role that every account has.
    pub const USER: &str = "user";

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one that is always there.
    pub fn is_built_in(&self) -> bool {
        matches!(self.as_str(), Self::ADMIN | Self::USER)
    }
}

impl FromStr for RoleName {
    type Err = NotARoleName;

    fn from_str(text: &str) -> Result<Self, NotARoleName> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RoleName {
    type Error = NotARoleName;

    fn try_from(text: String) -> Result<Self, NotARoleName> {
        Self::parse(&text)
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name, for ever.
    pub name: RoleName,
    /// What it is for; up to 200 characters, no control characters.
    pub description: String,
    /// What its holders may do.
    pub permissions: Permissions,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u32,
}

impl Role {
    /// The most characters of a description.
    pub const DESCRIPTION_MAX: usize = 200;
    /// The most permissions of a role.
    pub const PERMISSIONS_MAX: usize = 200;
    /// The most roles there can be.
    pub const ROLES_MAX: usize = 500;
    /// The most roles that can be granted to an account.
    pub const PER_ACCOUNT_MAX: usize = 100;
}
