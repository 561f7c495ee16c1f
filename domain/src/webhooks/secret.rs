//! Signing secrets: made, sealed, told once.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::ids::WebhookId;
use crate::ports::security::{Vault, VaultError};
use crate::ports::tokens::PrivateKey;
use crate::secret::SecretString;
use crate::{Failure, Timestamp};

use super::{Webhook, Webhooks};

/// What every secret begins with (Standard Webhooks 1.0, "Signature scheme").
const PREFIX: &str = "whsec_";

/// Bytes of a secret; the specification asks for 24 to 64.
const LENGTH: usize = 32;

impl Webhooks {
    /// A new secret as its receiver takes it, and sealed.
    pub(super) fn fresh_secret(&self, id: WebhookId) -> Result<(SecretString, Vec<u8>), Failure> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        self.random.fill(&mut bytes[..]);
        let sealed = self.vault.seal(&id.to_string(), &bytes[..]);
        let sealed = sealed.map_err(|error| Failure::Internal(Box::new(error)))?;
        let text = Zeroizing::new(STANDARD.encode(&bytes[..]));
        Ok((SecretString::new(format!("{PREFIX}{}", text.as_str())), sealed))
    }
}

/// The secrets that sign at `now`: the present one, and during a rotation the one before.
pub(super) fn open(webhook: &Webhook, vault: &dyn Vault, now: Timestamp) -> Result<Vec<PrivateKey>, VaultError> {
    let context = webhook.id.to_string();
    let previous = webhook.previous.iter().filter(|(_, until)| now < *until).map(|(sealed, _)| sealed);
    std::iter::once(&webhook.sealed_secret).chain(previous).map(|sealed| vault.open(&context, sealed)).collect()
}
