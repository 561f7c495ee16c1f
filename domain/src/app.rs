//! The table of contents: everything the service can do.

use std::sync::Arc;
use std::time::Duration;

use crate::accounts::{Accounts, AttemptGuard, AttemptPolicy};
use crate::audit::Audit;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::{HashImport, Mac, PasswordHasher, PasswordPolicy, Vault};
use crate::ports::sessions::{RefreshTokenCodec, RevocationList};
use crate::ports::store::Store;
use crate::ports::tokens::{KeyRing, TokenIssuer, TokenVerifier};
use crate::sessions::{Freshness, SessionPolicy, Sessions};
use crate::tokens::{AccessTokens, TokenSettings, Tokens};

/// What the service can do. An adapter calls one use case a request.
pub struct App {
    /// Who people are.
    pub accounts: Accounts,
    /// Signing in, staying signed in, and the end of it.
    pub sessions: Sessions,
    /// Access tokens and keys.
    pub tokens: Tokens,
    /// What happened.
    pub audit: Audit,
}

/// What stands behind each port.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is the port of its type")]
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub hasher: Arc<dyn PasswordHasher>,
    pub policy: Arc<dyn PasswordPolicy>,
    pub import: Arc<dyn HashImport>,
    pub vault: Arc<dyn Vault>,
    pub mac: Arc<dyn Mac>,
    pub issuer: Arc<dyn TokenIssuer>,
    pub verifier: Arc<dyn TokenVerifier>,
    pub keys: Arc<dyn KeyRing>,
    pub refresh_tokens: Arc<dyn RefreshTokenCodec>,
    pub revocations: Arc<dyn RevocationList>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Randomness>,
}

/// The rules that the operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `iss`: the URL of this service.
    pub issuer: String,
    /// `aud` of the access tokens.
    pub audience: String,
    /// The lifetimes.
    pub sessions: SessionPolicy,
    /// How guessing passwords is slowed down.
    pub attempts: AttemptPolicy,
    /// How old the knowledge of revocations may be before no token is accepted by it; `None` for any age.
    pub staleness: Option<Duration>,
    /// How long the audit trail is kept.
    pub audit_retention: Duration,
}

impl App {
    /// Puts the capabilities together.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let p = ports;
        let attempts = AttemptGuard::new(p.mac, settings.attempts);
        let freshness = Arc::new(Freshness::new(settings.staleness));
        let audit = Audit::new(p.store.clone(), p.clock.clone(), p.random.clone(), settings.audit_retention);
        let access_tokens = AccessTokens::new(
            p.issuer,
            p.random.clone(),
            TokenSettings {
                issuer: settings.issuer,
                audience: settings.audience,
                access_ttl: settings.sessions.access_ttl,
            },
        );
        Self {
            accounts: Accounts::new(
                p.store.clone(),
                p.hasher.clone(),
                p.policy,
                p.import,
                p.revocations.clone(),
                p.clock.clone(),
                p.random.clone(),
                attempts.clone(),
                settings.sessions,
            ),
            sessions: Sessions::new(
                p.store.clone(),
                p.hasher,
                p.refresh_tokens.clone(),
                p.revocations.clone(),
                p.clock.clone(),
                p.random.clone(),
                access_tokens,
                attempts,
                freshness.clone(),
                settings.sessions,
            ),
            tokens: Tokens::new(
                p.store,
                p.verifier,
                p.keys,
                p.vault,
                p.refresh_tokens,
                p.revocations,
                p.clock,
                p.random,
                freshness,
                settings.sessions.access_ttl,
            ),
            audit,
        }
    }
}
