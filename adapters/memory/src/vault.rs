//! A vault for tests.

use std::sync::Arc;

use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::security::{Vault, VaultError};
use portcullis_domain::ports::tokens::PrivateKey;

use crate::toy::{mix, veil};

const NONCE: usize = 16;
const TAG: usize = 16;

/// A vault without cryptography, for tests only: it behaves like one and protects nothing.
pub struct ToyVault {
    master: [u8; 32],
    random: Arc<dyn Randomness>,
}

impl ToyVault {
    /// A vault under a master key.
    pub const fn new(master: [u8; 32], random: Arc<dyn Randomness>) -> Self {
        Self { master, random }
    }

    fn tag(&self, context: &str, nonce: &[u8], hidden: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        tag.copy_from_slice(&mix(&self.master, "seal", &[context.as_bytes(), nonce, hidden])[..TAG]);
        tag
    }
}

impl Vault for ToyVault {
    fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = vec![0; NONCE];
        self.random.fill(&mut sealed);
        let mut hidden = secret.to_vec();
        veil(&self.master, &sealed, &mut hidden);
        let tag = self.tag(context, &sealed, &hidden);
        sealed.extend(hidden);
        sealed.extend(tag);
        Ok(sealed)
    }

    fn open(&self, context: &str, sealed: &[u8]) -> Result<PrivateKey, VaultError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or(VaultError)?;
        let (hidden, tag) = rest.len().checked_sub(TAG).and_then(|end| rest.split_at_checked(end)).ok_or(VaultError)?;
        if tag != self.tag(context, nonce, hidden) {
            return Err(VaultError);
        }
        let mut secret = hidden.to_vec();
        veil(&self.master, nonce, &mut secret);
        Ok(PrivateKey(secret))
    }
}
