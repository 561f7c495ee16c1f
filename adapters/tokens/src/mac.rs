//! Tags under the master key.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::hmac;
use portcullis_domain::ports::security::Mac;
use zeroize::Zeroizing;

use crate::subkey::subkey;

/// How many keys are kept at hand: more purposes than a program names.
const KEPT: usize = 64;

/// Makes tags with HMAC-SHA256 (RFC 2104, FIPS 180-4), each purpose under a key of its own derived from the master key.
///
/// Separate keys, not a prefix of the message: no purpose can be read as the beginning of another's message.
pub struct MasterMac {
    root: Zeroizing<[u8; 32]>,
    keys: RwLock<HashMap<&'static str, hmac::Key>>,
}

impl MasterMac {
    /// Over the master key, which should hold at least 256 random bits.
    pub fn new(master_key: &[u8]) -> Self {
        Self { root: subkey(master_key, "mac v1"), keys: RwLock::default() }
    }

    fn key(&self, purpose: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*subkey(&*self.root, purpose))
    }
}

impl Mac for MasterMac {
    fn tag(&self, purpose: &'static str, message: &[u8]) -> [u8; 32] {
        let known = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(purpose).map(|key| sign(key, message));
        known.unwrap_or_else(|| {
            let key = self.key(purpose);
            let tag = sign(&key, message);
            let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
            if keys.len() < KEPT {
                keys.insert(purpose, key);
            }
            tag
        })
    }
}

fn sign(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    let mut tag = [0; 32];
    tag.copy_from_slice(hmac::sign(key, message).as_ref());
    tag
}
