//! Private keys that sign JWTs.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use portcullis_domain::failure::BoxError;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::tokens::{PrivateKey, TokenError};
use portcullis_domain::tokens::Algorithm;
use zeroize::Zeroizing;

use crate::low_s;

/// 2048 bits.
const RSA_BYTES: usize = 256;

pub(crate) enum JwsSigner {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl JwsSigner {
    /// A fresh key. Takes up to a second for RSA, microseconds for the others.
    pub(crate) fn generate(algorithm: Algorithm, random: &dyn Randomness) -> Result<Self, TokenError> {
        match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256),
            Algorithm::EdDsa => {
                let mut seed = Zeroizing::new([0; 32]);
                random.fill(&mut *seed);
                return Ed25519KeyPair::from_seed_unchecked(&*seed).map(Self::EdDsa).map_err(failed);
            }
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rs256),
            Algorithm::V4Public => return Err(TokenError::Invalid),
        }
        .map_err(failed)
    }

    /// Reads what [`JwsSigner::to_private`] wrote.
    pub(crate) fn from_private(algorithm: Algorithm, private: &PrivateKey) -> Result<Self, TokenError> {
        let pkcs8 = &private.0;
        match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::Es256).ok(),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::EdDsa).ok(),
            Algorithm::Rs256 => {
                RsaKeyPair::from_pkcs8(pkcs8).ok().filter(|key| key.public_modulus_len() == RSA_BYTES).map(Self::Rs256)
            }
            Algorithm::V4Public => None,
        }
        .ok_or(TokenError::Invalid)
    }

    /// The key as PKCS #8 (RFC 5208), in DER.
    pub(crate) fn to_private(&self) -> Result<PrivateKey, TokenError> {
        let bytes = match self {
            Self::Es256(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Self::EdDsa(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Self::Rs256(key) => key.as_der().map_err(failed)?.as_ref().to_vec(),
        };
        Ok(PrivateKey(bytes))
    }

    /// The public part, as [`crate::jwk::of`] reads it.
    pub(crate) fn public(&self) -> &[u8] {
        match self {
            Self::Es256(key) => key.public_key().as_ref(),
            Self::EdDsa(key) => key.public_key().as_ref(),
            Self::Rs256(key) => key.public_key().as_ref(),
        }
    }

    /// The signature of `message` as a JWS holds it (RFC 7518 §3, RFC 8037 §3.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        match self {
            Self::Es256(key) => {
                let signature = key.sign(&SystemRandom::new(), message).map_err(failed)?;
                let mut signature: [u8; 64] = signature.as_ref().try_into().map_err(failed)?;
                low_s::lower(&mut signature);
                Ok(signature.to_vec())
            }
            Self::EdDsa(key) => Ok(key.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Self::Rs256(key) => {
                let mut signature = vec![0; RSA_BYTES];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

/// What the crypto library said, without any key material.
fn failed(error: impl Into<BoxError>) -> TokenError {
    TokenError::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeyPairComponents;
    use serde_json::Value;

    use super::*;
    use crate::base64url;
    use crate::vectors::{load, text};

    /// Signs the example as the cookbook did and compares.
    fn signs_alike(example: &Value, signer: &JwsSigner) {
        let signing = &example["signing"];
        let signature = signer.sign(text(signing, "sig-input").as_bytes()).expect("a signature");
        assert_eq!(base64url::encode(signature), text(signing, "sig"));
    }

    #[test]
    fn the_rs256_example_of_rfc_7520_is_signed_alike() {
        let Some(example) = load("jose-cookbook/jws/4_1.rsa_v15_signature.json") else { return };
        let part = |name| base64url::decode(text(&example["input"]["key"], name)).expect("base64url");
        let key = RsaKeyPair::from_components(&KeyPairComponents {
            public_key: aws_lc_rs::signature::RsaPublicKeyComponents { n: part("n"), e: part("e") },
            d: part("d"),
            p: part("p"),
            q: part("q"),
            dP: part("dp"),
            dQ: part("dq"),
            qInv: part("qi"),
        });
        signs_alike(&example, &JwsSigner::Rs256(key.expect("a key")));
    }

    #[test]
    fn the_ed25519_example_of_rfc_8037_is_signed_alike() {
        let Some(example) = load("jose-cookbook/curve25519/jws.json") else { return };
        let seed = base64url::decode(text(&example["input"]["key"], "d")).expect("base64url");
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
        signs_alike(&example, &JwsSigner::EdDsa(key));
    }

    #[test]
    fn es256_signatures_are_always_the_smaller_of_their_pair() {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let signer = JwsSigner::Es256(key);
        for _ in 0..50 {
            assert!(low_s::is_low(&signer.sign(b"message").expect("a signature")));
        }
    }
}
