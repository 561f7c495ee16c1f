//! OAuth 2 clients: other services that call in their own name.

mod authenticate;
mod change;
mod client;
mod create;
mod directory;
mod grant;
mod list;

use std::sync::Arc;

use crate::access::Asked;
use crate::audit::{AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::Mac;
use crate::ports::store::Store;
use crate::secret::{SecretDigest, SecretString, hex};
use crate::sessions::{KnownRevocations, outlived};
use crate::tokens::{AccessTokens, Scope};
use crate::{Failure, Timestamp};

pub use change::{ChangeClientError, RotateSecret};
pub use client::{Client, ClientId, NotAClientId};
pub use create::{CreateClient, CreateClientError};
pub use directory::ClientDirectory;
pub use grant::{ClientToken, GrantError};
pub use list::ReadClientError;

/// Tags of client secrets are for nothing else.
const PURPOSE: &str = "client secret";

/// What every client secret begins with, so that scanners of leaked secrets know it.
const PREFIX: &str = "pcs_";

/// What can be done with clients: [`create`](Clients::create), [`list`](Clients::list),
/// [`get`](Clients::get), [`rotate_secret`](Clients::rotate_secret), [`delete`](Clients::delete),
/// [`recognize`](Clients::recognize), [`authenticate`](Clients::authenticate), [`grant`](Clients::grant),
/// [`revoke_token`](Clients::revoke_token).
pub struct Clients {
    store: Arc<dyn Store>,
    mac: Arc<dyn Mac>,
    revocations: Arc<KnownRevocations>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    access_tokens: Arc<AccessTokens>,
    directory: Arc<ClientDirectory>,
    reserved: Vec<String>,
}

impl Clients {
    /// The capability over its ports; `reserved` ids are not given to anybody.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub fn new(
        store: Arc<dyn Store>,
        mac: Arc<dyn Mac>,
        revocations: Arc<KnownRevocations>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        access_tokens: Arc<AccessTokens>,
        directory: Arc<ClientDirectory>,
        reserved: Vec<String>,
    ) -> Self {
        Self { store, mac, revocations, clock, random, access_tokens, directory, reserved }
    }

    /// Learns which clients were created, changed or deleted, here or elsewhere, since `from`.
    pub(crate) async fn learn(&self, from: Timestamp) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        let changed = tx.clients().changed_since(from).await?;
        let now = self.clock.now();
        for client in &changed {
            if let Some(until) = client.deleted_at.map(|at| self.outlived(at)).filter(|until| *until > now) {
                self.revocations.log.note_client(client, until, now);
            }
        }
        self.directory.learn(changed);
        Ok(())
    }

    /// When the last token that was issued before `at` has expired.
    fn outlived(&self, at: Timestamp) -> Timestamp {
        outlived(at, self.access_tokens.access_ttl())
    }

    /// Records that somebody wanted to change clients who may not.
    async fn note_refused(&self, act: AuditEntry) -> Result<(), Failure> {
        let now = act.at;
        let mut tx = self.store.begin().await?;
        tx.audit().append(act.refused(Refusal::NotPermitted)).await?;
        Ok(tx.commit(now, Vec::new()).await?)
    }

    fn is_reserved(&self, id: &str) -> bool {
        self.reserved.iter().any(|reserved| reserved == id)
    }

    fn digest(&self, id: &str, secret: &str) -> SecretDigest {
        let message = [id.as_bytes(), b"\0", secret.as_bytes()].concat();
        SecretDigest(self.mac.tag(PURPOSE, &message))
    }

    fn fresh_id(&self) -> Result<ClientId, Failure> {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        ClientId::parse(&format!("c-{}", hex(&bytes))).map_err(|error| Failure::Internal(Box::new(error)))
    }

    /// 256 random bits, and their digest.
    fn fresh_secret(&self, id: &ClientId) -> (SecretString, SecretDigest) {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        self.random.fill(&mut bytes[..]);
        let secret = SecretString::new(format!("{PREFIX}{}", hex(&bytes[..])));
        let digest = self.digest(id.as_str(), secret.expose());
        (secret, digest)
    }
}

/// Refuses whoever may not write clients of this scope: nobody gets at rights by a client that they lack themselves.
fn may_write(caller: &Caller, scope: &Scope) -> Result<(), Forbidden> {
    caller.require(Asked::ClientsWrite)?;
    caller.require_all(&scope.permissions())
}
