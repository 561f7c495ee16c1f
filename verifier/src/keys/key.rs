//! One public key, and the one algorithm it verifies.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};

use crate::algorithm::Algorithm;
use crate::{base64url, low_s};

pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    /// The header segment of a JWT, the footer segment of a PASETO, as the issuer writes it with this key: what is the
    /// same needs no reading.
    pub(crate) label: String,
    /// The public bytes: two keys are the same when these and the kid are.
    pub(crate) material: Vec<u8>,
    parsed: ParsedPublicKey,
}

impl Key {
    /// An uncompressed point on P-256.
    pub(crate) fn es256(kid: String, x: &[u8], y: &[u8]) -> Option<Self> {
        if x.len() != 32 || y.len() != 32 {
            return None;
        }
        let point = [&[4][..], x, y].concat();
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).ok()?;
        Some(Self::of(Algorithm::Es256, kid, point, parsed))
    }

    /// 32 bytes (RFC 8032 §5.1.5), for JWT or PASETO.
    pub(crate) fn ed25519(algorithm: Algorithm, kid: String, public: &[u8]) -> Option<Self> {
        let public: &[u8; 32] = public.try_into().ok()?;
        let parsed = ParsedPublicKey::new(&ED25519, public).ok()?;
        Some(Self::of(algorithm, kid, public.to_vec(), parsed))
    }

    /// 2048 to 8192 bits, numbers without leading zeros (RFC 7518 §6.3.1).
    pub(crate) fn rs256(kid: String, n: &[u8], e: &[u8]) -> Option<Self> {
        let canonical = |number: &[u8]| number.first().is_some_and(|&first| first != 0);
        if !canonical(n) || !canonical(e) || !(256..=1024).contains(&n.len()) {
            return None;
        }
        let parsed = RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
        Some(Self::of(Algorithm::Rs256, kid, [n, e].concat(), parsed))
    }

    fn of(algorithm: Algorithm, kid: String, material: Vec<u8>, parsed: ParsedPublicKey) -> Self {
        let label = match algorithm {
            Algorithm::V4Public => format!(r#"{{"kid":"{kid}"}}"#),
            jwt => format!(r#"{{"typ":"at+jwt","alg":"{jwt}","kid":"{kid}"}}"#),
        };
        Self { algorithm, kid, label: base64url::encode(label), material, parsed }
    }

    /// Whether `signature` is one of `message`: P1363 and the smaller of its pair for ES256, 64 bytes for Ed25519, as
    /// long as the modulus for RS256.
    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        if self.algorithm == Algorithm::Es256 && !low_s::is_low(signature) {
            return false;
        }
        self.parsed.verify_sig(message, signature).is_ok()
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.kid == other.kid && self.material == other.material
    }
}

/// Whether a kid needs no escaping in JSON, and is no longer than any that an issuer makes: only then is
/// [`Key::label`] what it claims to be.
pub(crate) fn is_plain(kid: &str) -> bool {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&kid.len()) && kid.bytes().all(fine)
}
