//! Public keys as JWK (RFC 7517) and their thumbprints (RFC 7638).

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use portcullis_domain::ports::tokens::TokenError;
use portcullis_domain::tokens::Algorithm;

/// The JWK of a public key as the crypto library writes it: an uncompressed point, 32 bytes, or `RSAPublicKey` in DER.
pub(crate) fn of(algorithm: Algorithm, public: &[u8]) -> Result<Jwk, TokenError> {
    let (key, name) = match algorithm {
        Algorithm::Es256 => (DecodingKey::from_ec_der(public), jsonwebtoken::Algorithm::ES256),
        Algorithm::EdDsa => (DecodingKey::from_ed_der(public), jsonwebtoken::Algorithm::EdDSA),
        Algorithm::Rs256 => (DecodingKey::from_rsa_der(public), jsonwebtoken::Algorithm::RS256),
        Algorithm::V4Public => return Err(TokenError::Invalid),
    };
    Jwk::from_decoding_key(&key, Some(name)).map_err(|_| TokenError::Invalid)
}

/// The RFC 7638 thumbprint over SHA-256.
pub(crate) fn thumbprint(jwk: &Jwk) -> Result<String, TokenError> {
    jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| TokenError::Invalid)
}
