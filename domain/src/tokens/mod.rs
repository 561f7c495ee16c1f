//! Access tokens: issuing, checking, introspecting, and the keys behind them.

mod authenticate;
mod claims;
mod introspect;
mod issue;
mod key;
mod keys;

use std::sync::Arc;
use std::time::Duration;

use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::Vault;
use crate::ports::sessions::{RefreshTokenCodec, RevocationList};
use crate::ports::store::Store;
use crate::ports::tokens::{KeyRing, TokenVerifier};
use crate::sessions::Freshness;

pub use authenticate::AuthenticateError;
pub use claims::{Claims, NotAScope, Scope};
pub use introspect::{ActiveToken, TokenKind};
pub use issue::{AccessTokens, TokenSettings};
pub use key::{Algorithm, SigningKey};
pub use keys::KeysError;

/// What can be done with tokens: [`authenticate`](Tokens::authenticate), [`introspect`](Tokens::introspect),
/// [`revocation_target`](Tokens::revocation_target), [`open_keys`](Tokens::open_keys),
/// [`published_keys`](Tokens::published_keys).
pub struct Tokens {
    store: Arc<dyn Store>,
    verifier: Arc<dyn TokenVerifier>,
    keys: Arc<dyn KeyRing>,
    vault: Arc<dyn Vault>,
    refresh_tokens: Arc<dyn RefreshTokenCodec>,
    revocations: Arc<dyn RevocationList>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    freshness: Arc<Freshness>,
    access_ttl: Duration,
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
        revocations: Arc<dyn RevocationList>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        freshness: Arc<Freshness>,
        access_ttl: Duration,
    ) -> Self {
        Self { store, verifier, keys, vault, refresh_tokens, revocations, clock, random, freshness, access_ttl }
    }
}
