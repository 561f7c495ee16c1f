//! The documents for verifiers.

use jsonwebtoken::jwk::Jwk;
use portcullis_domain::ports::tokens::PublishedKeys;
use serde::Serialize;

use crate::key::{Key, Pair};

#[derive(Serialize)]
struct Document<K> {
    keys: Vec<K>,
}

#[derive(Serialize)]
struct PaserkEntry<'a> {
    kid: &'a str,
    paserk: &'a str,
}

/// A JWK Set (RFC 7517 §5) and a list of PASERKs, in the order of `keys`.
pub(crate) fn documents<'a>(keys: impl Iterator<Item = &'a Key>) -> PublishedKeys {
    let mut jwks: Document<&Jwk> = Document { keys: Vec::new() };
    let mut paserks = Document { keys: Vec::new() };
    for key in keys {
        match &key.pair {
            Pair::Jwt(pair) => jwks.keys.push(&pair.jwk),
            Pair::Paseto(pair) => paserks.keys.push(PaserkEntry { kid: &pair.kid, paserk: &pair.paserk }),
        }
    }
    PublishedKeys { jwks: json(&jwks), paserk: json(&paserks) }
}

fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("keys are plain strings")
}
