//! Signs whatever one likes with a stolen private key.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pasetors::keys::AsymmetricSecretKey;
use pasetors::version4::{PublicToken, V4};
use portcullis_domain::ports::tokens::PrivateKey;
use portcullis_domain::tokens::Algorithm;

use crate::scene::{b64, unb64};

/// `header.payload.signature` for any header and payload.
pub(crate) fn jwt(algorithm: Algorithm, private: &PrivateKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(payload));
    let signature = b64(signature(algorithm, private, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A signature, for ES256 the smaller of its pair as the service itself writes it.
pub(crate) fn signature(algorithm: Algorithm, private: &PrivateKey, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private.0).expect("a key");
            loop {
                let signature = pair.sign(&random, message).expect("a signature");
                if signature.as_ref()[32] < 0x7F {
                    return signature.as_ref().to_vec();
                }
            }
        }
        Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(&private.0).expect("a key").sign(message).as_ref().to_vec(),
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&private.0).expect("a key");
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
            signature
        }
        Algorithm::V4Public => unreachable!("PASETO signs in its own way"),
    }
}

/// A v4.public token for any payload and footer.
pub(crate) fn paseto(private: &PrivateKey, payload: &str, footer: Option<&str>, assertion: Option<&str>) -> String {
    let secret = std::str::from_utf8(&private.0).expect("a PASERK");
    let secret = AsymmetricSecretKey::<V4>::try_from(secret).expect("a secret key");
    PublicToken::sign(&secret, payload.as_bytes(), footer.map(str::as_bytes), assertion.map(str::as_bytes))
        .expect("a token")
}

/// The header that the service writes.
pub(crate) fn header(algorithm: Algorithm, kid: &str) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{kid}"}}"#, algorithm.as_str())
}

/// The JSON of the claims of a token.
pub(crate) fn payload(token: &str) -> String {
    let (at, tail) = if token.starts_with("v4.") { (2, 64) } else { (1, 0) };
    let mut bytes = unb64(token.split('.').nth(at).expect("a payload"));
    bytes.truncate(bytes.len() - tail);
    String::from_utf8(bytes).expect("text")
}
