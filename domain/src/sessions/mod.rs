//! Sessions: signing in, staying signed in, and the end of it.

mod begin;
mod displace;
mod end_all;
mod freshness;
mod known_revocations;
mod list;
mod log_in;
mod log_out;
mod maintain;
mod new_password;
mod refresh;
mod refresh_token;
mod revocation;
mod revocation_log;
mod session;

use std::sync::Arc;

use crate::accounts::AttemptGuard;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::{PasswordHasher, PasswordPolicy};
use crate::ports::sessions::RefreshTokenCodec;
use crate::ports::store::Store;
use crate::tokens::{AccessTokens, Scope};

pub(crate) use end_all::{EndActing, EndAll, EndOne, Ended};
pub use freshness::{Freshness, Stale};
pub use known_revocations::KnownRevocations;
pub use list::ListSessions;
pub use log_in::{LogIn, LogInError, SignedIn};
pub use log_out::{LogOutError, RevokeSession};
pub use refresh::{ClientRefresh, Refresh, RefreshError, RefreshOutcome};
pub use refresh_token::{RefreshToken, Rotated, Rotation, TokenDigest};
pub(crate) use revocation::{outlived, revoked_events};
pub use revocation_log::{Cursor, NotACursor, RevocationLog, Withdrawal, Withdrawn};
pub use session::{RevocationReason, Revoked, Session, SessionPolicy, TokenFamily};

use crate::Timestamp;
use crate::secret::SecretString;

/// What can be done with sessions: [`log_in`](Sessions::log_in), [`refresh`](Sessions::refresh),
/// [`log_out`](Sessions::log_out), [`log_out_everywhere`](Sessions::log_out_everywhere),
/// [`log_out_with`](Sessions::log_out_with), [`list`](Sessions::list), [`revoke`](Sessions::revoke).
pub struct Sessions {
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    passwords: Arc<dyn PasswordPolicy>,
    refresh_tokens: Arc<dyn RefreshTokenCodec>,
    revocations: Arc<KnownRevocations>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    access_tokens: Arc<AccessTokens>,
    attempts: AttemptGuard,
    policy: SessionPolicy,
    first_party: String,
}

impl Sessions {
    /// The capability over its ports; `first_party` is the client whose sessions are refreshed by those who name none.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub fn new(
        store: Arc<dyn Store>,
        hasher: Arc<dyn PasswordHasher>,
        passwords: Arc<dyn PasswordPolicy>,
        refresh_tokens: Arc<dyn RefreshTokenCodec>,
        revocations: Arc<KnownRevocations>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        access_tokens: Arc<AccessTokens>,
        attempts: AttemptGuard,
        policy: SessionPolicy,
        first_party: String,
    ) -> Self {
        Self {
            store,
            hasher,
            passwords,
            refresh_tokens,
            revocations,
            clock,
            random,
            access_tokens,
            attempts,
            policy,
            first_party,
        }
    }
}

/// What a client holds after it signed in or refreshed.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// For each call.
    pub access_token: SecretString,
    /// When it expires.
    pub access_expires_at: Timestamp,
    /// What it allows.
    pub scope: Scope,
    /// For the next pair.
    pub refresh_token: SecretString,
    /// When it expires unless it is used before.
    pub refresh_expires_at: Timestamp,
    /// The session, as it is now.
    pub session: Session,
    /// The instant that the lifetimes count from.
    pub issued_at: Timestamp,
}
