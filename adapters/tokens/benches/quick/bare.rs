//! The bare signature operations of the crypto library, parsed keys and all.

use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use portcullis_domain::tokens::Algorithm;

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// A message, its signature and a key of its own.
pub(crate) struct Bare {
    pair: Pair,
    public: ParsedPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Bare {
    pub(crate) fn new(algorithm: Algorithm, message: Vec<u8>) -> Self {
        let (pair, public) = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
                let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key());
                (Pair::Ecdsa(pair), public)
            }
            Algorithm::EdDsa | Algorithm::V4Public => {
                let pair = Ed25519KeyPair::generate().expect("a key");
                let public = ParsedPublicKey::new(&ED25519, pair.public_key());
                (Pair::Ed25519(pair), public)
            }
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
                let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
                (Pair::Rsa(pair), public)
            }
        };
        let mut bare = Self { pair, public: public.expect("a public key"), message, signature: Vec::new() };
        bare.signature = bare.sign();
        bare
    }

    pub(crate) fn sign(&self) -> Vec<u8> {
        let message = black_box(&self.message);
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
                signature
            }
        }
    }

    pub(crate) fn verify(&self) {
        self.public.verify_sig(black_box(&self.message), black_box(&self.signature)).expect("the signature is valid");
    }
}
