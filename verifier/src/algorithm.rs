//! What a key signs with.

use std::fmt;

/// Format and signature algorithm of a token. A key has exactly one, and no token can choose another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// JWT, ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// JWT, Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// JWT, RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// PASETO v4.public, Ed25519.
    V4Public,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::V4Public];

    /// The name: the `alg` of a JWT (RFC 7518 §3.1), or the version and purpose of a PASETO.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::V4Public => "v4.public",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
