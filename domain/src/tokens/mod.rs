//! Access tokens: issuing, checking, introspecting, and the keys behind them.

mod authenticate;
mod claims;
mod introspect;
mod issue;
mod key;
mod keys;
mod revoke_key;
mod rotate;
mod schedule;
mod withdrawals;

use std::sync::Arc;
use std::time::Duration;

use crate::clients::ClientDirectory;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::Vault;
use crate::ports::sessions::RefreshTokenCodec;
use crate::ports::store::Store;
use crate::ports::tokens::{KeyRing, TokenVerifier};
use crate::sessions::KnownRevocations;

pub use authenticate::AuthenticateError;
pub use claims::{Claims, NotAScope, Scope, Subject};
pub use introspect::{ActiveToken, RevocationTarget, TokenKind};
pub use issue::{AccessTokens, TokenSettings};
pub use key::{Algorithm, SigningKey};
pub use keys::KeysError;
pub use revoke_key::{RevokeKeyError, RevokedKey};
pub use rotate::Rotated;
pub use schedule::{KeySchedule, KeyStatus};
pub use withdrawals::Bulletin;

/// What can be done with tokens: [`authenticate`](Tokens::authenticate), [`introspect`](Tokens::introspect),
/// [`revocation_target`](Tokens::revocation_target), [`open_keys`](Tokens::open_keys),
/// [`published_keys`](Tokens::published_keys), [`rotate`](Tokens::rotate), [`revoke_key`](Tokens::revoke_key),
/// [`destroy_retired`](Tokens::destroy_retired), [`withdrawals`](Tokens::withdrawals).
pub struct Tokens {
    store: Arc<dyn Store>,
    verifier: Arc<dyn TokenVerifier>,
    keys: Arc<dyn KeyRing>,
    vault: Arc<dyn Vault>,
    refresh_tokens: Arc<dyn RefreshTokenCodec>,
    revocations: Arc<KnownRevocations>,
    clients: Arc<ClientDirectory>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    access_ttl: Duration,
    schedule: KeySchedule,
    in_use: keys::InUse,
}

impl Tokens {
    /// The capability over its ports.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub fn new(
        store: Arc<dyn Store>,
        verifier: Arc<dyn TokenVerifier>,
        keys: Arc<dyn KeyRing>,
        vault: Arc<dyn Vault>,
        refresh_tokens: Arc<dyn RefreshTokenCodec>,
        revocations: Arc<KnownRevocations>,
        clients: Arc<ClientDirectory>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        access_ttl: Duration,
        schedule: KeySchedule,
    ) -> Self {
        Self {
            store,
            verifier,
            keys,
            vault,
            refresh_tokens,
            revocations,
            clients,
            clock,
            random,
            access_ttl,
            schedule,
            in_use: keys::InUse::default(),
        }
    }
}
