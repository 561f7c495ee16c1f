//! A list of PASERKs: `{"keys":[{"kid":"k4.pid.…","paserk":"k4.public.…"}]}`.

use std::sync::Arc;

use pasetors::keys::AsymmetricPublicKey;
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::version4::V4;
use serde::Deserialize;
use serde_json::Value;

use super::{Key, MOST, NotAKeySet};
use crate::algorithm::Algorithm;

#[derive(Deserialize)]
struct List {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    kid: String,
    paserk: String,
}

/// The v4.public keys of a list; others are passed over, and so is a key whose `kid` is not its PASERK id.
pub(crate) fn read(json: &[u8]) -> Result<Vec<Arc<Key>>, NotAKeySet> {
    let list: List = serde_json::from_slice(json).map_err(|_| NotAKeySet)?;
    if list.keys.len() > MOST {
        return Err(NotAKeySet);
    }
    let mut keys: Vec<Arc<Key>> = Vec::new();
    for entry in list.keys {
        let Some(key) = serde_json::from_value(entry).ok().and_then(|entry| key(&entry)) else { continue };
        if keys.iter().all(|known| known.kid != key.kid) {
            keys.push(Arc::new(key));
        }
    }
    Ok(keys)
}

fn key(entry: &Entry) -> Option<Key> {
    let public = AsymmetricPublicKey::<V4>::try_from(entry.paserk.as_str()).ok()?;
    let mut kid = String::with_capacity(51);
    Id::from(&public).fmt(&mut kid).ok()?;
    (kid == entry.kid).then(|| Key::ed25519(Algorithm::V4Public, kid, public.as_bytes())).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The first keys of the PASERK test vectors, `k4.public` and `k4.pid`.
    const PASERK: &str = "k4.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";
    const PID: &str = "k4.pid.9ShR3xc8-qVJ_di0tc9nx0IDIqbatdeM2mqLFBJsKRHs";

    fn kids(kid: &str, paserk: &str) -> Vec<String> {
        let list = json!({ "keys": [{ "kid": kid, "paserk": paserk }] }).to_string();
        read(list.as_bytes()).expect("a list").iter().map(|key| key.kid.clone()).collect()
    }

    #[test]
    fn a_key_is_known_by_its_paserk_id_only() {
        assert_eq!(kids(PID, PASERK), [PID]);
        for (kid, paserk) in [
            ("k4.pid.AAAA", PASERK),
            ("other", PASERK),
            (PID, "k4.public.AAAA"),
            (PID, "k4.secret.AAAA"),
            (PID, "k2.public.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8"),
            (PID, ""),
        ] {
            assert!(kids(kid, paserk).is_empty(), "{kid} {paserk}");
        }
    }
}
