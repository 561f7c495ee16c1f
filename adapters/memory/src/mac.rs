//! Tags for tests.

use portcullis_domain::ports::security::Mac;

use crate::toy::mix;

/// Makes tags that everybody can forge, for tests only.
pub struct ToyMac {
    key: [u8; 32],
}

impl ToyMac {
    /// Over a key; tags of different keys differ.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }
}

impl Mac for ToyMac {
    fn tag(&self, purpose: &'static str, message: &[u8]) -> [u8; 32] {
        mix(&self.key, purpose, &[b"mac", message])
    }
}
