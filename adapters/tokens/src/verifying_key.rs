//! A public key, parsed once, with the one algorithm it verifies.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};
use portcullis_domain::tokens::Algorithm;

use crate::{base64url, roca};

/// A public key for one algorithm.
pub(crate) struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// The key of a JWK, if its type and curve are those of `algorithm`, its numbers are spelled canonically
    /// (RFC 7518 §6), and it is a sound key: a point on the curve, or an RSA key of 2048 to 8192 bits.
    pub(crate) fn from_jwk(algorithm: Algorithm, jwk: &Jwk) -> Option<Self> {
        match (algorithm, &jwk.algorithm) {
            (Algorithm::Es256, AlgorithmParameters::EllipticCurve(p)) if p.curve == EllipticCurve::P256 => {
                let (x, y) = (base64url::decode(&p.x)?, base64url::decode(&p.y)?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                let point = [&[4][..], &x, &y].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok().map(Self)
            }
            (Algorithm::EdDsa, AlgorithmParameters::OctetKeyPair(p)) if p.curve == EllipticCurve::Ed25519 => {
                Self::ed25519(&base64url::decode(&p.x)?.try_into().ok()?)
            }
            (Algorithm::Rs256, AlgorithmParameters::RSA(p)) => {
                Self::rsa(&base64url::decode(&p.n)?, &base64url::decode(&p.e)?)
            }
            _ => None,
        }
    }

    /// An Ed25519 key (RFC 8032 §5.1.5).
    pub(crate) fn ed25519(public: &[u8; 32]) -> Option<Self> {
        ParsedPublicKey::new(&ED25519, public).ok().map(Self)
    }

    fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let canonical = |number: &[u8]| number.first().is_some_and(|&first| first != 0);
        if !canonical(n) || !canonical(e) || !(256..=1024).contains(&n.len()) || roca::is_weak(n) {
            return None;
        }
        RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok().map(Self)
    }

    /// Whether `signature` is one of `message` by this key: P1363 for ES256, 64 bytes for Ed25519, as long as the
    /// modulus for RS256.
    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}
