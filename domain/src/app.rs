//! The table of contents: everything the service can do.

use std::sync::Arc;
use std::time::Duration;

use crate::access::{Access, Known};
use crate::accounts::{Accounts, AttemptGuard, AttemptPolicy};
use crate::administration::Administration;
use crate::audit::Audit;
use crate::clients::{ClientDirectory, Clients};
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::{HashImport, Mac, PasswordHasher, PasswordPolicy, Vault};
use crate::ports::sessions::{RefreshTokenCodec, RevocationList};
use crate::ports::store::Store;
use crate::ports::tokens::{KeyRing, TokenIssuer, TokenVerifier};
use crate::ports::webhooks::{WebhookQueue, WebhookSender};
use crate::sessions::{KnownRevocations, SessionPolicy, Sessions};
use crate::tokens::{AccessTokens, KeySchedule, TokenSettings, Tokens};
use crate::webhooks::{FanOut, WebhookDirectory, Webhooks};
use crate::{Failure, Timestamp};

/// How far back a look at changes goes beyond the last one: commits do not become visible in the order of their instants.
pub(crate) const OVERLAP: Duration = Duration::from_secs(120);

/// What the service can do. An adapter calls one use case a request.
pub struct App {
    /// Who people are.
    pub accounts: Accounts,
    /// Signing in, staying signed in, and the end of it.
    pub sessions: Sessions,
    /// Access tokens and keys.
    pub tokens: Tokens,
    /// Who may do what, and API keys.
    pub access: Access,
    /// What those in charge do with the accounts of others.
    pub administration: Administration,
    /// Other services that call in their own name.
    pub clients: Clients,
    /// Events sent to URLs of others.
    pub webhooks: Webhooks,
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
    pub webhook_queue: Arc<dyn WebhookQueue>,
    pub webhook_sender: Arc<dyn WebhookSender>,
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
    /// How signing keys follow each other.
    pub keys: KeySchedule,
    /// The client whose sessions may do all that their user may.
    pub first_party_client: String,
    /// Whether access tokens say which roles their user has.
    pub roles_in_tokens: bool,
    /// Whether access tokens say what their user may do.
    pub permissions_in_tokens: bool,
    /// The ids that no client is given.
    pub reserved_clients: Vec<String>,
    /// How long the audit trail is kept.
    pub audit_retention: Duration,
}

impl App {
    /// Puts the capabilities together.
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let mut p = ports;
        let webhooks = Arc::new(WebhookDirectory::default());
        // Whoever commits, the webhooks that want an event are filled in.
        p.store = Arc::new(FanOut::new(p.store, webhooks.clone()));
        let attempts = AttemptGuard::new(p.mac.clone(), settings.attempts);
        let mut replica = [0; 8];
        p.random.fill(&mut replica);
        let replica = u64::from_le_bytes(replica);
        let revocations = Arc::new(KnownRevocations::new(p.revocations, replica, settings.staleness));
        let directory = Arc::new(ClientDirectory::default());
        let audit = Audit::new(p.store.clone(), p.clock.clone(), p.random.clone(), settings.audit_retention);
        let webhooks = Webhooks::new(
            p.store.clone(),
            p.webhook_queue,
            p.webhook_sender,
            p.vault.clone(),
            p.clock.clone(),
            p.random.clone(),
            webhooks,
            settings.issuer.clone(),
        );
        let access_tokens = Arc::new(AccessTokens::new(
            p.issuer,
            p.random.clone(),
            TokenSettings {
                issuer: settings.issuer,
                audience: settings.audience,
                access_ttl: settings.sessions.access_ttl,
                first_party: settings.first_party_client.clone(),
                roles: settings.roles_in_tokens,
                permissions: settings.permissions_in_tokens,
            },
        ));
        let known = Arc::new(Known::default());
        let access = Access::new(
            p.store.clone(),
            p.mac.clone(),
            directory.clone(),
            p.clock.clone(),
            p.random.clone(),
            settings.first_party_client.clone(),
            known.clone(),
            revocations.clone(),
            settings.sessions,
        );
        let administration = Administration::new(
            p.store.clone(),
            p.hasher.clone(),
            p.policy.clone(),
            p.mac.clone(),
            revocations.clone(),
            p.clock.clone(),
            p.random.clone(),
            access_tokens.clone(),
            settings.sessions,
            settings.first_party_client.clone(),
            known.clone(),
        );
        Self {
            accounts: Accounts::new(
                p.store.clone(),
                p.hasher.clone(),
                p.policy.clone(),
                p.import,
                revocations.clone(),
                p.clock.clone(),
                p.random.clone(),
                attempts.clone(),
                settings.sessions,
                known,
            ),
            sessions: Sessions::new(
                p.store.clone(),
                p.hasher,
                p.policy,
                p.refresh_tokens.clone(),
                revocations.clone(),
                p.clock.clone(),
                p.random.clone(),
                access_tokens.clone(),
                attempts,
                settings.sessions,
                settings.first_party_client,
            ),
            tokens: Tokens::new(
                p.store.clone(),
                p.verifier,
                p.keys,
                p.vault,
                p.refresh_tokens,
                revocations.clone(),
                directory.clone(),
                p.clock.clone(),
                p.random.clone(),
                settings.sessions.access_ttl,
                settings.keys,
            ),
            clients: Clients::new(
                p.store,
                p.mac,
                revocations,
                p.clock,
                p.random,
                access_tokens,
                directory,
                settings.reserved_clients,
            ),
            access,
            administration,
            webhooks,
            audit,
        }
    }

    /// Learns what was committed since `last`, here or by another replica, that every replica must know: revocations,
    /// clients, signing keys, webhooks. `None` is for all that matter. Returns the instant to go on from. What cannot be
    /// learned keeps nothing else from being learned; this replica vouches for what it knows when it has learned all that
    /// tokens are judged by.
    pub async fn learn(&self, last: Option<Timestamp>) -> Result<Timestamp, Failure> {
        // Read before everything else: what is committed meanwhile is learned the next time.
        let now = self.sessions.now();
        // A look from a time to come was taken by a clock that was wrong: everything is read anew.
        let last = last.filter(|last| *last <= now);
        let from = last.map_or(Timestamp::UNIX_EPOCH, |last| last.minus(OVERLAP));
        let revocations = self.sessions.read_revocations(last, now).await;
        let clients = self.clients.learn(from).await;
        let keys = self.tokens.learn_keys().await;
        let webhooks = self.webhooks.learn().await;
        revocations.and(clients).and(keys)?;
        self.sessions.vouch(now);
        webhooks?;
        Ok(now)
    }
}
