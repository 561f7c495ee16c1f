//! PASETO and PASERK test vectors (A056).

use pasetors::keys::{AsymmetricPublicKey, SymmetricKey};
use pasetors::paserk::{FormatAsPaserk, Id};
use pasetors::token::{Local, Public, UntrustedToken};
use pasetors::version4::{LocalToken, PublicToken, V4};
use portcullis_domain::ports::tokens::{KeyPair, KeyRing, PrivateKey};
use portcullis_domain::tokens::Algorithm;
use serde_json::Value;

use crate::scene::{assert_refused, b64, live, ring, scene};
use crate::vectors::{list, load, text, unhex};

fn paserk(key: &dyn FormatAsPaserk) -> String {
    let mut text = String::new();
    key.fmt(&mut text).expect("a PASERK");
    text
}

/// A PASETO key as this service stores it.
fn stored(secret: &[u8]) -> KeyPair {
    let public = AsymmetricPublicKey::<V4>::from(&secret[32..]).expect("a public key");
    KeyPair {
        kid: paserk(&Id::from(&public)),
        public: paserk(&public).into_bytes(),
        private: PrivateKey(format!("k4.secret.{}", b64(secret)).into_bytes()),
    }
}

/// What the library makes of the row: its payload.
fn opened(row: &Value) -> Option<String> {
    let (token, footer) = (text(row, "token"), text(row, "footer").as_bytes());
    let assertion = Some(text(row, "implicit-assertion").as_bytes());
    if let Some(public) = row["public-key"].as_str() {
        let key = AsymmetricPublicKey::<V4>::from(&unhex(public)).ok()?;
        let token = UntrustedToken::<Public, V4>::try_from(token).ok()?;
        let footer = Some(footer).filter(|footer| !footer.is_empty());
        return Some(PublicToken::verify(&key, &token, footer, assertion).ok()?.payload().to_owned());
    }
    let key = SymmetricKey::<V4>::from(&unhex(text(row, "key"))).ok()?;
    let token = UntrustedToken::<Local, V4>::try_from(token).ok()?;
    let footer = Some(footer).filter(|footer| !footer.is_empty());
    Some(LocalToken::decrypt(&key, &token, footer, assertion).ok()?.payload().to_owned())
}

#[tokio::test]
async fn v4_rows_open_or_fail_as_they_should_and_none_is_a_bearer_token_here() {
    let Some(file) = load("paseto/v4.json") else { return };
    let mut counts = (0, 0);
    for row in list(&file, "tests") {
        let name = text(row, "name");
        if row["expect-fail"] == true {
            assert_eq!(opened(row), None, "{name}");
            counts.1 += 1;
        } else {
            assert_eq!(opened(row).as_deref(), row["payload"].as_str(), "{name}");
            counts.0 += 1;
        }
        // Even with the key of the row in use.
        let ring = ring(Algorithm::V4Public);
        if let Some(secret) = row["secret-key"].as_str() {
            ring.install(vec![live(Algorithm::V4Public, 1, &stored(&unhex(secret)))]).expect("a key that fits");
        }
        assert_refused(&ring, text(row, "token"), name);
    }
    println!("v4: {} rows opened, {} refused", counts.0, counts.1);
    assert_eq!(counts, (12, 5));
}

#[tokio::test]
async fn a056_older_versions_are_refused_whatever_the_key() {
    let (all, _) = scene(Algorithm::V4Public).await;
    let mut tried = 0;
    for version in ["v1", "v2", "v3"] {
        let Some(file) = load(&format!("paseto/{version}.json")) else { return };
        for row in list(&file, "tests") {
            assert_refused(&all, text(row, "token"), text(row, "name"));
            // v2 has Ed25519 keys as well.
            if let Some(secret) = row["secret-key"].as_str().filter(|secret| secret.len() == 128) {
                let pair = stored(&unhex(secret));
                let ring = ring(Algorithm::V4Public);
                ring.install(vec![live(Algorithm::V4Public, 1, &pair)]).expect("a key that fits");
                let footer = b64(format!(r#"{{"kid":"{}"}}"#, pair.kid));
                let body = text(row, "token").split('.').nth(2).expect("a body");
                for token in [text(row, "token").to_owned(), format!("v4.public.{body}.{footer}")] {
                    assert_refused(&ring, &token, text(row, "name"));
                }
            }
            tried += 1;
        }
    }
    println!("{tried} tokens of older versions refused");
    assert!(tried >= 46);
}

#[test]
fn paserk_rows_of_public_keys_are_those_of_the_specification() {
    let mut count = 0;
    for kind in ["public", "pid"] {
        let Some(file) = load(&format!("paseto/PASERK/k4.{kind}.json")) else { return };
        for row in list(&file, "tests") {
            let key = AsymmetricPublicKey::<V4>::from(&unhex(text(row, "key"))).ok();
            let written = key.map(|key| if kind == "pid" { paserk(&Id::from(&key)) } else { paserk(&key) });
            assert_eq!(written.as_deref(), row["paserk"].as_str(), "{}", text(row, "name"));
            count += 1;
        }
    }
    println!("PASERK k4.public and k4.pid: {count} rows");
    assert_eq!(count, 9);
}

#[test]
fn stored_paseto_keys_are_the_paserks_of_the_specification() {
    let Some(file) = load("paseto/PASERK/k4.secret.json") else { return };
    let (mut read, mut refused) = (0, 0);
    for row in list(&file, "tests") {
        let name = text(row, "name");
        let ring = ring(Algorithm::V4Public);
        let key = unhex(text(row, "key"));
        let pair = if row["expect-fail"] == true {
            // Whatever its public key might be, and whatever the header says.
            let mut pair = stored(&unhex(text(&list(&file, "tests")[1], "key")));
            pair.private = PrivateKey(format!("k4.secret.{}", b64(&key)).into_bytes());
            pair
        } else {
            let pair = stored(&key);
            assert_eq!(pair.private.0, text(row, "paserk").as_bytes(), "{name}");
            pair
        };
        let installed = ring.install(vec![live(Algorithm::V4Public, 1, &pair)]);
        if row["expect-fail"] == true {
            assert!(installed.is_err(), "{name}");
            refused += 1;
            continue;
        }
        installed.expect("a key that fits");
        let published: Value = serde_json::from_str(&ring.published(crate::scene::NOW).paserk).expect("JSON");
        assert_eq!(published["keys"][0]["paserk"], format!("k4.public.{}", b64(unhex(text(row, "public-key")))));
        assert_eq!(published["keys"][0]["kid"], pair.kid);
        read += 1;
    }
    println!("PASERK k4.secret: {read} rows read, {refused} refused");
    assert_eq!((read, refused), (3, 2));
}
