//! RFC 7520 and RFC 8037: what others signed.

use portcullis_domain::ports::tokens::TokenVerifier;
use portcullis_domain::tokens::Algorithm;
use portcullis_tokens::jws::JwsKey;
use serde_json::Value;

use crate::scene::{JWT, NOW, assert_refused, scene};
use crate::vectors::{load, text};

const JWS: [&str; 9] = [
    "jws/4_1.rsa_v15_signature",
    "jws/4_2.rsa-pss_signature",
    "jws/4_3.ecdsa_signature",
    "jws/4_4.hmac-sha2_integrity_protection",
    "jws/4_5.signature_with_detached_content",
    "jws/4_6.protecting_specific_header_fields",
    "jws/4_7.protecting_content_only",
    "jws/4_8.multiple_signatures",
    "curve25519/jws",
];

fn file(name: &str) -> Option<Value> {
    load(&format!("jose-cookbook/{name}.json"))
}

#[test]
fn rs256_and_ed25519_examples_verify() {
    for (name, algorithm) in [("jws/4_1.rsa_v15_signature", Algorithm::Rs256), ("curve25519/jws", Algorithm::EdDsa)] {
        let Some(example) = file(name) else { return };
        let key = JwsKey::from_jwk(algorithm, &example["input"]["key"].to_string()).expect("a key");
        let payload = key.verify(text(&example["output"], "compact")).expect("the example");
        assert_eq!(payload, text(&example["input"], "payload").as_bytes());
        for form in ["json", "json_flat"] {
            assert!(key.verify(&example["output"][form].to_string()).is_err(), "{name} {form}");
        }
    }
}

#[test]
fn examples_of_other_algorithms_and_forms_verify_nothing() {
    for name in JWS.into_iter().filter(|name| !name.contains("4_1") && !name.contains("curve25519")) {
        let Some(example) = file(name) else { return };
        let key = &example["input"]["key"];
        for jwk in key.as_array().unwrap_or(&vec![key.clone()]) {
            for algorithm in JWT {
                let Ok(key) = JwsKey::from_jwk(algorithm, &jwk.to_string()) else { continue };
                for (form, token) in example["output"].as_object().expect("outputs") {
                    let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
                    assert!(key.verify(&token).is_err(), "{name} {form} {algorithm:?}");
                }
            }
        }
    }
}

#[test]
fn a_key_for_encryption_verifies_nothing() {
    let Some(key) = file("jwk/3_6.symmetric_key_encryption") else { return };
    for algorithm in JWT {
        assert!(JwsKey::from_jwk(algorithm, &key.to_string()).is_err());
    }
    let Some(mut rsa) = file("jwk/3_3.rsa_public_key") else { return };
    assert!(JwsKey::from_jwk(Algorithm::Rs256, &rsa.to_string()).is_ok());
    rsa["use"] = "enc".into();
    assert!(JwsKey::from_jwk(Algorithm::Rs256, &rsa.to_string()).is_err());
}

#[tokio::test]
async fn a056_no_example_is_a_bearer_token_here() {
    let (ring, _) = scene(Algorithm::Rs256).await;
    let mut tried = 0;
    for name in JWS {
        let Some(example) = file(name) else { return };
        for (form, token) in example["output"].as_object().expect("outputs") {
            let token = token.as_str().map_or_else(|| token.to_string(), str::to_owned);
            assert_refused(&ring, &token, &format!("{name} {form}"));
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
    assert!(ring.verify("", NOW).is_err());
}
