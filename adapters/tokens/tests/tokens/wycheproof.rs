//! Wycheproof: signatures and JWS, row by row, against the function that checks one JWS with one key (B01, B03, B07).

use std::collections::HashMap;

use portcullis_domain::tokens::Algorithm;
use portcullis_tokens::jws::JwsKey;
use serde_json::{Value, json};

use crate::scene::{JWT, b64};
use crate::vectors::{list, load, text, unhex};

/// Which of our algorithms accept the token with the key, whatever the algorithm the key is meant for.
fn accepting(jwk: &Value, jws: &Value) -> Vec<Algorithm> {
    let jwk = jwk.to_string();
    // Not every row is a text: the JSON serialisation is presented as what a client would send.
    let jws = jws.as_str().map_or_else(|| jws.to_string(), str::to_owned);
    let keys = JWT.into_iter().filter_map(|algorithm| Some((algorithm, JwsKey::from_jwk(algorithm, &jwk).ok()?)));
    keys.filter(|(_, key)| key.verify(&jws).is_ok()).map(|(algorithm, _)| algorithm).collect()
}

#[derive(Default, Debug)]
struct Count {
    accepted: usize,
    refused: usize,
    /// Valid, but of an algorithm that we do not have: refused.
    not_ours: usize,
}

impl Count {
    /// Checks one row of a group whose key says `alg`.
    fn row(&mut self, jwk: &Value, row: &Value, verdict: &str, file: &str) {
        let id = &row["tcId"];
        let accepting = accepting(jwk, &row["jws"]);
        let ours = jwk["alg"].as_str().and_then(Algorithm::parse).filter(|algorithm| JWT.contains(algorithm));
        match (verdict, ours) {
            ("valid", Some(algorithm)) => {
                assert_eq!(accepting, [algorithm], "{file} {id}: {}", row["comment"]);
                self.accepted += 1;
            }
            ("valid", None) => {
                assert_eq!(accepting, [], "{file} {id}: {}", row["comment"]);
                self.not_ours += 1;
            }
            _ => {
                assert_eq!(accepting, [], "{file} {id}: {}", row["comment"]);
                self.refused += 1;
            }
        }
    }
}

/// Row id → what we expect where it differs from the label.
fn overrides() -> Option<HashMap<u64, String>> {
    let file = load("wycheproof/label_overrides.json")?;
    let mut ours = HashMap::new();
    for rule in list(&file, "overrides") {
        for id in list(rule, "tcId") {
            // Where either verdict will do, we are strict: an unknown `alg` makes a key useless.
            let verdict = text(rule, "ours").replace("invalid_or_valid", "invalid");
            ours.insert(id.as_u64().expect("an id"), verdict);
        }
    }
    Some(ours)
}

#[test]
fn json_web_signatures_are_judged_as_they_should_be() {
    let (Some(file), Some(overrides)) = (load("wycheproof/json_web_signature_test.json"), overrides()) else { return };
    let mut count = Count::default();
    for group in list(&file, "testGroups") {
        let jwk = if group["public"].is_null() { &group["private"] } else { &group["public"] };
        for row in list(group, "tests") {
            let ours = row["tcId"].as_u64().and_then(|id| overrides.get(&id));
            count.row(jwk, row, ours.map_or_else(|| text(row, "result"), String::as_str), "json_web_signature");
        }
    }
    println!("json_web_signature: {count:?}");
    assert_eq!(count.accepted + count.refused + count.not_ours, 401);
    assert!(count.accepted >= 10 && count.not_ours >= 25);
}

#[test]
fn jws_groups_of_json_web_crypto_are_judged_as_they_should_be() {
    let Some(file) = load("wycheproof/json_web_crypto_test.json") else { return };
    let (mut count, mut skipped) = (Count::default(), 0);
    for group in list(&file, "testGroups") {
        if text(group, "comment").starts_with("jwe_") {
            skipped += list(group, "tests").len();
            continue;
        }
        judge_set(&mut count, group, "json_web_crypto");
    }
    println!("json_web_crypto: {count:?}, {skipped} rows skipped: there is no JWE here");
    assert_eq!((count.accepted + count.refused + count.not_ours, skipped), (49, 34));
    assert!(count.accepted >= 2);
}

#[test]
fn malformed_and_weak_keys_verify_nothing() {
    let Some(file) = load("wycheproof/json_web_key_test.json") else { return };
    let mut count = Count::default();
    for group in list(&file, "testGroups") {
        judge_set(&mut count, group, "json_web_key");
    }
    println!("json_web_key: {count:?}");
    assert_eq!(count.accepted + count.refused + count.not_ours, 26);
    assert!(count.accepted >= 1);
}

/// Judges a group whose key is a JWK or a set of them: each key is tried on its own.
fn judge_set(count: &mut Count, group: &Value, file: &str) {
    let key = if group["public"].is_null() { &group["private"] } else { &group["public"] };
    let keys: Vec<&Value> = key["keys"].as_array().map_or_else(|| vec![key], |keys| keys.iter().collect());
    for row in list(group, "tests") {
        if let [jwk] = keys[..] {
            count.row(jwk, row, text(row, "result"), file);
            continue;
        }
        // Sets of several keys hold symmetric ones only, or one of each kind for a symmetric token.
        for jwk in &keys {
            assert_eq!(accepting(jwk, &row["jws"]), [], "{file} {}", row["tcId"]);
        }
        if text(row, "result") == "valid" { count.not_ours += 1 } else { count.refused += 1 }
    }
}

/// Some groups of P-256 keys have no JWK.
fn ec_jwk(public: &Value) -> Value {
    let point = unhex(text(public, "uncompressed"));
    json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
}

/// Rows of `file` whose groups hold a key as a JWK at `name`: `(valid, invalid, acceptable)`.
fn signatures(file: &str, algorithm: Algorithm, name: &str) -> Option<(usize, usize, usize)> {
    let vectors = load(&format!("wycheproof/{file}.json"))?;
    let mut counts = (0, 0, 0);
    for group in list(&vectors, "testGroups") {
        let jwk = if group[name].is_null() { ec_jwk(&group["publicKey"]) } else { group[name].clone() };
        let key = JwsKey::from_jwk(algorithm, &jwk.to_string()).expect("a sound key");
        for row in list(group, "tests") {
            let accepted = key.accepts(&unhex(text(row, "msg")), &unhex(text(row, "sig")));
            let what = || format!("{file} {}: {}", row["tcId"], row["comment"]);
            match text(row, "result") {
                "valid" => {
                    assert!(accepted, "{}", what());
                    counts.0 += 1;
                }
                "invalid" => {
                    assert!(!accepted, "{}", what());
                    counts.1 += 1;
                }
                _ => counts.2 += 1,
            }
        }
    }
    println!("{file}: {} valid, {} invalid, {} either way", counts.0, counts.1, counts.2);
    Some(counts)
}

#[test]
fn ed25519_signatures_are_judged_as_they_should_be() {
    let Some((valid, invalid, either)) = signatures("ed25519_test", Algorithm::EdDsa, "publicKeyJwk") else { return };
    assert_eq!(valid + invalid + either, 151);
    assert!(valid >= 80 && invalid >= 60, "{valid} {invalid}");
}

#[test]
fn p256_signatures_are_judged_as_they_should_be() {
    let file = "ecdsa_secp256r1_sha256_p1363_test";
    let Some((valid, invalid, either)) = signatures(file, Algorithm::Es256, "publicKeyJwk") else { return };
    assert_eq!(valid + invalid + either, 262);
    assert!(valid >= 100 && invalid >= 80, "{valid} {invalid}");
}

#[test]
fn rsa_signatures_are_judged_as_they_should_be() {
    let file = "rsa_signature_2048_sha256_test";
    let Some((valid, invalid, either)) = signatures(file, Algorithm::Rs256, "keyJwk") else { return };
    assert_eq!(valid + invalid + either, 259);
    assert!(valid >= 5 && invalid >= 200, "{valid} {invalid}");
}
