//! Private keys, made up for the test.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use pasetors::keys::AsymmetricPublicKey;
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::version4::V4;
use serde_json::{Value, json};

use crate::algorithm::Algorithm;
use crate::paseto::pre_authentication_encoding;
use crate::{base64url, low_s};

pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    /// As it is published: a JWK, or an entry of the PASERK list.
    pub(crate) published: Value,
    pair: Pair,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// A fresh key. A key of RSA takes a good part of a second.
    pub(crate) fn fresh(algorithm: Algorithm) -> Self {
        let random = "the system has randomness";
        let pair = match algorithm {
            Algorithm::Es256 => Pair::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(random)),
            Algorithm::EdDsa | Algorithm::V4Public => Pair::Ed25519(Ed25519KeyPair::generate().expect(random)),
            Algorithm::Rs256 => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect(random)),
        };
        let (kid, published) = match &pair {
            Pair::Ed25519(pair) if algorithm == Algorithm::V4Public => paserk(pair.public_key().as_ref()),
            Pair::Ecdsa(pair) => jwk(algorithm, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => jwk(algorithm, pair.public_key().as_ref()),
            Pair::Rsa(pair) => jwk(algorithm, pair.public_key().as_ref()),
        };
        Self { algorithm, kid, published, pair }
    }

    /// A token with any header (the footer of a PASETO) and any payload.
    pub(crate) fn token(&self, header: &str, payload: &[u8]) -> String {
        if self.algorithm == Algorithm::V4Public {
            let signature = self.sign(&pre_authentication_encoding(payload, header.as_bytes()));
            let body = [payload, &signature].concat();
            return format!("v4.public.{}.{}", base64url::encode(body), base64url::encode(header));
        }
        let signed = format!("{}.{}", base64url::encode(header), base64url::encode(payload));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", base64url::encode(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).expect("ECDSA signs any message");
                let mut signature: [u8; 64] = signature.as_ref().try_into().expect("P1363 on P-256 has 64 bytes");
                low_s::lower(&mut signature);
                signature.to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("RSA signs any message");
                signature
            }
        }
    }
}

fn jwk(algorithm: Algorithm, public: &[u8]) -> (String, Value) {
    let (key, name) = match algorithm {
        Algorithm::Es256 => (DecodingKey::from_ec_der(public), jsonwebtoken::Algorithm::ES256),
        Algorithm::Rs256 => (DecodingKey::from_rsa_der(public), jsonwebtoken::Algorithm::RS256),
        _ => (DecodingKey::from_ed_der(public), jsonwebtoken::Algorithm::EdDSA),
    };
    let mut jwk = Jwk::from_decoding_key(&key, Some(name)).expect("a fresh key has a JWK");
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).expect("a JWK has a thumbprint");
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_id = Some(kid.clone());
    (kid, serde_json::to_value(&jwk).expect("a JWK is JSON"))
}

fn paserk(public: &[u8]) -> (String, Value) {
    let public = AsymmetricPublicKey::<V4>::from(public).expect("32 bytes");
    let text = |key: &dyn FormatAsPaserk| {
        let mut text = String::new();
        key.fmt(&mut text).expect("a String takes any text");
        text
    };
    let kid = text(&Id::from(&public));
    (kid.clone(), json!({ "kid": kid, "paserk": text(&public) }))
}
