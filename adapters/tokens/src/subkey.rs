//! One key for each purpose, out of the master key.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

/// HKDF-SHA256 (RFC 5869): 32 bytes for the purpose that `label` names. Keys of different labels tell nothing about
/// each other or about the master key.
pub(crate) fn subkey(master_key: &[u8], label: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let prk = Salt::new(HKDF_SHA256, b"portcullis").extract(master_key);
    prk.expand(&[label.as_bytes()], Bytes32)
        .and_then(|okm| okm.fill(&mut *key))
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    key
}
