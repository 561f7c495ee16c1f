//! A JWK Set (RFC 7517 §5).

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;

use super::key::is_plain;
use super::{Key, MOST, NotAKeySet};
use crate::algorithm::Algorithm;
use crate::base64url;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set that can verify access tokens. Others are passed over (RFC 7517 §5): unknown types and curves, no
/// `kid`, `use` or `key_ops` that do not allow it, weak ones. Of two with one `kid` the first counts.
pub(crate) fn read(json: &[u8]) -> Result<Vec<Arc<Key>>, NotAKeySet> {
    let set: Set = serde_json::from_slice(json).map_err(|_| NotAKeySet)?;
    if set.keys.len() > MOST {
        return Err(NotAKeySet);
    }
    let mut keys: Vec<Arc<Key>> = Vec::new();
    for jwk in set.keys {
        let Some(key) = serde_json::from_value(jwk).ok().and_then(|jwk| key(&jwk)) else { continue };
        if keys.iter().all(|known| known.kid != key.kid) {
            keys.push(Arc::new(key));
        }
    }
    Ok(keys)
}

fn key(jwk: &Jwk) -> Option<Key> {
    let common = &jwk.common;
    let may_verify = common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
    let kid = common.key_id.clone().filter(|kid| may_verify && is_plain(kid))?;
    let (key, name) = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(p) if p.curve == EllipticCurve::P256 => {
            (Key::es256(kid, &base64url::decode(&p.x)?, &base64url::decode(&p.y)?)?, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(p) if p.curve == EllipticCurve::Ed25519 => {
            (Key::ed25519(Algorithm::EdDsa, kid, &base64url::decode(&p.x)?)?, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(p) => {
            (Key::rs256(kid, &base64url::decode(&p.n)?, &base64url::decode(&p.e)?)?, KeyAlgorithm::RS256)
        }
        _ => return None,
    };
    common.key_algorithm.is_none_or(|alg| alg == name).then_some(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8037 appendix A.2.
    fn ed25519() -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "a"})
    }

    fn kids(keys: &[Value]) -> Vec<String> {
        let set = json!({ "keys": keys }).to_string();
        read(set.as_bytes()).expect("a set").iter().map(|key| key.kid.clone()).collect()
    }

    fn with(name: &str, value: Value) -> Value {
        let mut key = ed25519();
        key[name] = value;
        key
    }

    #[test]
    fn keys_that_cannot_verify_are_passed_over_and_the_others_are_kept() {
        for other in [
            json!({"kty": "oct", "k": "AAAA", "kid": "b"}),
            json!({"kty": "future", "kid": "b"}),
            json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "b"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "b"}),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "b"}),
            json!("b"),
            json!(null),
            with("kid", json!(null)),
            with("kid", json!("")),
            with("kid", json!("b\"")),
            with("kid", json!("b/../c")),
            with("use", json!("enc")),
            with("key_ops", json!(["sign"])),
            with("alg", json!("ES256")),
            with("alg", json!("HS256")),
            with("x", json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
            with("crv", json!("X25519")),
        ] {
            assert_eq!(kids(&[other.clone(), ed25519()]), ["a"], "{other}");
        }
    }

    #[test]
    fn of_two_keys_with_one_kid_the_first_counts() {
        assert_eq!(kids(&[ed25519(), ed25519(), with("kid", json!("b"))]), ["a", "b"]);
    }

    #[test]
    fn what_is_no_set_of_keys_is_refused() {
        let huge = json!({ "keys": vec![ed25519(); MOST + 1] }).to_string();
        for other in ["", "{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#, "<html>", &huge] {
            assert!(read(other.as_bytes()).is_err(), "{other:.20}");
        }
    }
}
