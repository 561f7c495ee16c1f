//! A key of the JWT format: signs, verifies, and has a JWK.

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{KeyPair, PrivateKey, TokenError};
use portcullis_domain::tokens::Algorithm;

use crate::jws_signer::JwsSigner;
use crate::verifying_key::VerifyingKey;
use crate::{base64url, jwk};

pub(crate) struct JwtKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    pub(crate) signer: JwsSigner,
    pub(crate) verifying: VerifyingKey,
    /// The first segment of every token by this key.
    pub(crate) header: String,
    /// As it is published.
    pub(crate) jwk: Jwk,
}

impl JwtKey {
    /// A fresh key, as it is stored: PKCS #8 and a JWK.
    pub(crate) fn generate(algorithm: Algorithm, random: &dyn Randomness) -> Result<KeyPair, TokenError> {
        let key = Self::of(algorithm, JwsSigner::generate(algorithm, random)?)?;
        let public = serde_json::to_vec(&key.jwk).map_err(|error| TokenError::Failed(error.into()))?;
        Ok(KeyPair { kid: key.kid, public, private: key.signer.to_private()? })
    }

    /// Reads a stored key; `Invalid` unless the public part is that of the private one.
    pub(crate) fn read(algorithm: Algorithm, public: &[u8], private: &PrivateKey) -> Result<Self, TokenError> {
        let key = Self::of(algorithm, JwsSigner::from_private(algorithm, private)?)?;
        let stored: Jwk = serde_json::from_slice(public).map_err(|_| TokenError::Invalid)?;
        if stored == key.jwk { Ok(key) } else { Err(TokenError::Invalid) }
    }

    fn of(algorithm: Algorithm, signer: JwsSigner) -> Result<Self, TokenError> {
        let mut jwk = jwk::of(algorithm, signer.public())?;
        let kid = jwk::thumbprint(&jwk)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(kid.clone());
        let verifying = VerifyingKey::from_jwk(algorithm, &jwk).ok_or(TokenError::Invalid)?;
        // A thumbprint is base64url: nothing in it needs escaping.
        let header = format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{kid}"}}"#, algorithm.as_str());
        Ok(Self { algorithm, kid, signer, verifying, header: base64url::encode(header), jwk })
    }
}
