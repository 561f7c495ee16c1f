//! An account as we write it into files.

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{PasswordHash, User};
use portcullis_domain::ids::UserId;
use serde::Serialize;

/// A line of our own formats. What can be written can be read.
#[derive(Serialize)]
pub(crate) struct Record<'a> {
    pub(super) id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<&'a str>,
    pub(super) email: &'a str,
    pub(super) email_verified: bool,
    pub(super) status: &'static str,
    pub(super) created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password_hash: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// Of an account; with its password's hash when that is asked for.
    pub(crate) fn new(user: &'a User, hash: Option<&'a PasswordHash>) -> Self {
        Self {
            id: user.id,
            username: user.username.as_ref().map(|name| name.as_str()),
            email: user.email.as_str(),
            email_verified: user.email_verified,
            status: user.status.as_str(),
            created_at: user.created_at,
            password_hash: hash.map(PasswordHash::as_str),
        }
    }
}
