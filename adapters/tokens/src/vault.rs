//! Secrets at rest.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use portcullis_domain::ports::security::{Vault, VaultError};
use portcullis_domain::ports::tokens::PrivateKey;
use zeroize::Zeroizing;

use crate::subkey::subkey;

/// The form of what is sealed; the only one so far.
const VERSION: u8 = 1;

/// Seals secrets with AES-256-GCM-SIV (RFC 8452) under a key derived from the master key.
///
/// Sealed is `version ‖ nonce ‖ ciphertext ‖ tag`; version and context are authenticated with it.
pub struct MasterVault {
    key: RandomizedNonceKey,
}

impl MasterVault {
    /// Over the master key, which should hold at least 256 random bits.
    pub fn new(master_key: &[u8]) -> Self {
        let key = subkey(master_key, "vault v1");
        let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, &*key).expect("AES-256 takes any 32 bytes");
        Self { key }
    }
}

impl Vault for MasterVault {
    fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut text = Zeroizing::new(secret.to_vec());
        // Room for the tag, so that growing leaves no copy of the secret behind.
        text.reserve_exact(AES_256_GCM_SIV.tag_len());
        let nonce = self.key.seal_in_place_append_tag(associated(context), &mut *text).map_err(|_| VaultError)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    fn open(&self, context: &str, sealed: &[u8]) -> Result<PrivateKey, VaultError> {
        let (version, rest) = sealed.split_first().ok_or(VaultError)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(VaultError)?;
        if *version != VERSION {
            return Err(VaultError);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let secret = self.key.open_in_place(nonce, associated(context), &mut text).map_err(|_| VaultError)?;
        Ok(PrivateKey(secret.to_vec()))
    }
}

fn associated(context: &str) -> Aad<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1 + context.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(context.as_bytes());
    Aad::from(bytes)
}
