//! The keys that sign access tokens.

use crate::Timestamp;

/// A token format together with its signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// JWT with ECDSA over P-256 and SHA-256 (RFC 7518 §3.4).
    Es256,
    /// JWT with Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// JWT with RSASSA-PKCS1-v1_5 and SHA-256 (RFC 7518 §3.3), 2048 bits.
    Rs256,
    /// PASETO v4.public: Ed25519.
    V4Public,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::V4Public];

    /// The registered name: `ES256`, `EdDSA`, `RS256`, `v4.public`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::V4Public => "v4.public",
        }
    }

    /// Reads the registered name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// A signing key as it is stored: its private part is sealed and opens only with the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// RFC 7638 thumbprint for JWT keys, `k4.pid.…` for PASETO keys.
    pub kid: String,
    /// What it signs.
    pub algorithm: Algorithm,
    /// 1 for the first key of its algorithm, then 2, …; unique per algorithm, so that replicas that start
    /// together agree on one first key.
    pub ordinal: u32,
    /// The public part, in the form that the key ring chose.
    pub public: Vec<u8>,
    /// The private part, sealed with the `kid` as context.
    pub sealed_private: Vec<u8>,
    /// When it was made, and published from.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
    /// From when on it is neither published nor accepted. In the store it is there only for a key that was revoked: when
    /// the others retire follows from their successors.
    pub retires_at: Option<Timestamp>,
}
