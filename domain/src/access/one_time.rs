//! Secrets that work once: links to set a password, and to set the service up.

use crate::Timestamp;
use crate::audit::Actor;
use crate::ids::UserId;
use crate::secret::SecretDigest;

/// A secret that works once, and only for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeToken {
    /// The digest of the secret.
    pub digest: SecretDigest,
    /// What it is for.
    pub purpose: Purpose,
    /// Whose it is; `None` when it is for somebody who has no account yet.
    pub user: Option<UserId>,
    /// Which version of the account it was made for; `None` when there is none yet. It works for no other: whatever changed
    /// since, whoever made it may not be allowed to make it any more.
    pub version: Option<u32>,
    /// Who made it. It is good for no more than they may do when it is used.
    pub maker: Actor,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it does not work any more.
    pub expires_at: Timestamp,
}

/// What a one-time token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To choose a password for an account.
    SetPassword,
    /// To open the account of the first administrator.
    Setup,
}

impl Purpose {
    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SetPassword => "set_password",
            Self::Setup => "setup",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "set_password" => Some(Self::SetPassword),
            "setup" => Some(Self::Setup),
            _ => None,
        }
    }
}
