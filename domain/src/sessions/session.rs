//! Sessions: one sign-in on one device, and the family of its refresh tokens.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::caller::Impersonation;
use crate::ids::{SessionId, UserId};
use crate::tokens::Scope;

use super::TokenDigest;

/// A session. It has exactly one live refresh token, because it has room for exactly one digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which session (`sid`).
    pub id: SessionId,
    /// Whose session.
    pub user: UserId,
    /// The client that signed in.
    pub client_id: String,
    /// What its access tokens allow.
    pub scope: Scope,
    /// When the owner proved who they are.
    pub authenticated_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is refreshed before; never after [`Session::expires_at`].
    pub idle_expires_at: Timestamp,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// When and why it was ended before its time.
    pub revoked: Option<Revoked>,
    /// Where the sign-in came from.
    pub ip: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// Who acts as the user, when it is somebody else. Such a session is never refreshed.
    pub impersonation: Option<Impersonation>,
    /// The refresh tokens of this session.
    pub family: TokenFamily,
}

/// The state of a session's refresh tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFamily {
    /// The number of the one live token: 0 at sign-in, one more at each rotation.
    pub generation: u32,
    /// The digest of the live token.
    pub digest: TokenDigest,
    /// When the tokens before it were used, the newest first.
    pub used_at: [Option<Timestamp>; TokenFamily::REMEMBERED],
}

impl TokenFamily {
    /// How many used tokens are remembered with their instant: an older one counts as used long ago.
    pub const REMEMBERED: usize = 4;

    /// A family with its first live token.
    pub const fn new(digest: TokenDigest) -> Self {
        Self { generation: 0, digest, used_at: [None; Self::REMEMBERED] }
    }

    /// When the token of `generation` was used; `None` when that was too many rotations ago to know.
    pub fn used_at(&self, generation: u32) -> Option<Timestamp> {
        let back = self.generation.checked_sub(generation)?.checked_sub(1)?;
        self.used_at.get(usize::try_from(back).ok()?).copied().flatten()
    }
}

/// The end of a session before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a session ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, transform = crate::event::open_choice)]
#[non_exhaustive]
pub enum RevocationReason {
    /// Its owner logged out.
    Logout,
    /// Its owner logged out everywhere.
    LogoutAll,
    /// Its owner ended it from another device.
    RevokedByOwner,
    /// A refresh token was used twice.
    TokenReuse,
    /// The password was changed.
    PasswordChanged,
    /// The account was deleted.
    AccountDeleted,
    /// A client revoked one of its tokens (RFC 7009).
    TokenRevoked,
    /// A newer session took its place: an account has only so many.
    Displaced,
    /// An administrator ended it.
    RevokedByAdmin,
    /// The account was disabled.
    AccountDisabled,
    /// The password has to be changed.
    PasswordExpired,
    /// Whoever acted as the user may do so no more.
    ImpersonationEnded,
}

impl RevocationReason {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Logout, "logout"),
        (Self::LogoutAll, "logout_all"),
        (Self::RevokedByOwner, "revoked_by_owner"),
        (Self::TokenReuse, "token_reuse"),
        (Self::PasswordChanged, "password_changed"),
        (Self::AccountDeleted, "account_deleted"),
        (Self::TokenRevoked, "token_revoked"),
        (Self::Displaced, "displaced"),
        (Self::RevokedByAdmin, "revoked_by_admin"),
        (Self::AccountDisabled, "account_disabled"),
        (Self::PasswordExpired, "password_expired"),
        (Self::ImpersonationEnded, "impersonation_ended"),
    ];

    /// The public name.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(reason, _)| *reason == self).map_or("logout", |(_, name)| name)
    }

    /// Reads the public name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(reason, _)| *reason)
    }
}

/// The lifetimes of what a session hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// How long an access token lives.
    pub access_ttl: std::time::Duration,
    /// How long a session lives without being refreshed.
    pub idle_ttl: std::time::Duration,
    /// How long a session lives in all.
    pub absolute_ttl: std::time::Duration,
    /// How long a used refresh token still gives its successor.
    pub reuse_grace: std::time::Duration,
    /// How many live sessions an account may have; a login beyond it ends the oldest.
    pub max_per_account: u32,
    /// Whether each refresh is announced by an event.
    pub announce_refreshes: bool,
}

impl Session {
    /// Whether the session may be used at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.idle_expires_at && now < self.expires_at
    }
}
