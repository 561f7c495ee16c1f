//! Signatures of others: a JWS in compact form (RFC 7515 §7.1), checked with one key for one algorithm.
//!
//! The caller names the algorithm; neither the token nor the key can choose another one (RFC 8725 §3.1). For tokens of
//! this service [`TokenRing`](crate::TokenRing) is stricter still.

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use portcullis_domain::ports::tokens::TokenError;
use portcullis_domain::tokens::Algorithm;
use serde::Deserialize;

use crate::verifying_key::VerifyingKey;
use crate::{base64url, jwk};

/// Longer tokens are refused unread.
const MAX_BYTES: usize = 64 * 1024;

/// Somebody's public key, and the one algorithm it is used with.
pub struct JwsKey {
    algorithm: Algorithm,
    kid: Option<String>,
    key: VerifyingKey,
}

/// Everything a header may say. Any other parameter is refused: `crit`, `b64` and `zip` change what is signed or what it
/// means, `jku`, `jwk`, `x5u` and `x5c` bring keys along.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "typ")]
    _typ: Option<String>,
    #[serde(default, rename = "cty")]
    _cty: Option<String>,
}

impl JwsKey {
    /// Reads a JWK (RFC 7517) for use with `algorithm`.
    ///
    /// `Invalid` when type or curve do not fit the algorithm, `alg` names another one, `use` or `key_ops` do not
    /// allow verification, or the key is weak: off the curve, RSA below 2048 bits, or from a generator known as broken.
    pub fn from_jwk(algorithm: Algorithm, jwk: &str) -> Result<Self, TokenError> {
        let jwk: Jwk = serde_json::from_str(jwk).map_err(|_| TokenError::Invalid)?;
        let name = match algorithm {
            Algorithm::Es256 => KeyAlgorithm::ES256,
            Algorithm::EdDsa => KeyAlgorithm::EdDSA,
            Algorithm::Rs256 => KeyAlgorithm::RS256,
            Algorithm::V4Public => return Err(TokenError::Invalid),
        };
        let common = &jwk.common;
        let allowed = common.key_algorithm.is_none_or(|alg| alg == name)
            && common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
        let key = VerifyingKey::from_jwk(algorithm, &jwk).filter(|_| allowed).ok_or(TokenError::Invalid)?;
        Ok(Self { algorithm, kid: jwk.common.key_id, key })
    }

    /// The payload of a JWS in compact form that this key signed; `Invalid` for anything else.
    pub fn verify(&self, compact: &str) -> Result<Vec<u8>, TokenError> {
        self.read(compact).ok_or(TokenError::Invalid)
    }

    /// Whether `signature` is one of `message`, as [`JwsKey::verify`] decides it: P1363 for ES256.
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.accepts(message, signature)
    }

    fn read(&self, compact: &str) -> Option<Vec<u8>> {
        if compact.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = compact.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = base64url::decode(header)?;
        // serde would read a list as well.
        if header.first() != Some(&b'{') {
            return None;
        }
        let header: Header = serde_json::from_slice(&header).ok()?;
        if header.alg != self.algorithm.as_str() || header.kid.is_some_and(|kid| self.kid != Some(kid)) {
            return None;
        }
        let payload = base64url::decode(payload)?;
        self.key.accepts(signed.as_bytes(), &base64url::decode(signature)?).then_some(payload)
    }
}

/// The thumbprint of a public key (RFC 7638, SHA-256), in base64url. `Invalid` when `jwk` is not one.
pub fn thumbprint(jwk: &str) -> Result<String, TokenError> {
    jwk::thumbprint(&serde_json::from_str(jwk).map_err(|_| TokenError::Invalid)?)
}
