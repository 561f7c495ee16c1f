//! Stored hashes of every origin: verified as they are, never computed beyond the ceiling, never a panic.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rows;
mod vectors;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{Match, PasswordHasher};
use portcullis_system::{Argon2Hasher, HashSettings, SystemRandomness};
use rows::{File, hasher};

async fn verify(hasher: &Argon2Hasher, password: &str, hash: &str) -> Match {
    let password = Password::present(password.to_owned()).unwrap();
    hasher.verify(&password, Some(&PasswordHash::new(hash.to_owned()))).await.unwrap()
}

async fn verify_rows(file: &str) -> Option<[usize; 3]> {
    let file: File = vectors::read(file)?;
    let hasher = hasher();
    let mut counts = [0; 3];
    for row in file.vectors {
        let Some(password) = &row.password else { continue };
        let outcome = verify(&hasher, password, &row.hash).await;
        match row.expect.as_str() {
            "match" => {
                assert!(matches!(outcome, Match::Yes | Match::YesButStale), "{}: {outcome:?}", row.id);
                counts[0] += 1;
            }
            "no_match" | "malformed" | "reject_cost" => {
                assert_eq!(outcome, Match::No, "{}", row.id);
                counts[if row.expect == "reject_cost" { 2 } else { 1 }] += 1;
            }
            other => panic!("{}: {other}", row.id),
        }
    }
    Some(counts)
}

#[tokio::test]
async fn b31_the_phc_vectors_match_or_do_not_as_they_say() {
    let Some([matched, refused, _]) = verify_rows("legacy-hashes/phc-argon2.json").await else { return };
    assert_eq!((matched, refused), (24, 8));
}

#[tokio::test]
async fn b30_cost_bombs_are_never_computed() {
    let begun = std::time::Instant::now();
    let Some([matched, _, bombs]) = verify_rows("legacy-hashes/ory-kratos-cost-bombs.json").await else { return };
    assert_eq!((matched, bombs), (8, 12));
    // They would take hours and 8 GiB.
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn b30_the_ceiling_is_the_operators() {
    let settings = HashSettings { weak_parameters_allowed: true, memory_kib: 64, iterations: 1, ..Default::default() };
    let generous = Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap();
    let hash = generous.hash(&Password::present("swordfish".to_owned()).unwrap()).await.unwrap();
    let strict = HashSettings { memory_kib: 32, max_memory_kib: 63, ..settings.clone() };
    let strict = Argon2Hasher::new(&strict, Arc::new(SystemRandomness)).unwrap();
    assert_eq!(verify(&generous, "swordfish", hash.as_str()).await, Match::Yes);
    assert_eq!(verify(&strict, "swordfish", hash.as_str()).await, Match::No);
}

#[tokio::test]
async fn b31_a_multi_byte_character_at_any_place_is_no_match_and_no_panic() {
    let hasher = hasher();
    let good = hasher.hash(&Password::present("swordfish".to_owned()).unwrap()).await.unwrap();
    let sixty = "$2b$12$abcdefghijklmnopqrstuugn/uitWMnDoOdJaSWqW1pjEXZ8eOSCqK";
    let mut broken = Vec::new();
    for base in [&sixty[..60], good.as_str(), &"$".repeat(60), &"=,".repeat(30), &"$argon2id$v=19$m=64,t=1".repeat(4)] {
        for c in ["é", "€", "😀", "\0", "\u{301}", "=", "$", ","] {
            for at in 0..=base.len() {
                let end = (at + c.len()).min(base.len());
                broken.push(format!("{}{c}{}", &base[..at], &base[end..]));
                broken.push(format!("{}{c}{}", &base[..at], &base[at..]));
            }
        }
    }
    broken.retain(|text| text != good.as_str());
    let outcomes = join_all(broken.iter().map(|text| verify(&hasher, "swordfish", text))).await;
    for (text, outcome) in broken.iter().zip(outcomes) {
        assert_eq!(outcome, Match::No, "{text}");
    }
    assert!(broken.len() > 4_000);
}

#[tokio::test]
async fn parameters_that_contradict_themselves_are_no_match() {
    let hasher = hasher();
    let rest = "$c29tZXNhbHRzb21lc2FsdA$MNzk5BtR2vUhrp6qQEjRNwMNzk5BtR2vUhrp6qQEjRA";
    for head in [
        "",
        "$",
        "$argon2id",
        "$argon2id$v=19",
        "$argon2id$v=19$",
        "$argon2id$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$m=64,t=1",
        "$argon2id$v=19$m=64,t=1,p=1,t=1",
        "$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA",
        "$argon2id$v=19$m=0,t=1,p=1",
        "$argon2id$v=19$m=64,t=0,p=1",
        "$argon2id$v=19$m=64,t=1,p=0",
        "$argon2id$v=19$m=64,t=1,p=9",
        "$argon2id$v=20$m=64,t=1,p=1",
        "$argon2id$v=19$m=-64,t=1,p=1",
        "$argon2id$v=19$m=4294967296,t=1,p=1",
        "$argon2id$v=19$m=99999999999999999999,t=1,p=1",
        "$argon2id$v=19$m=64,t=1,p=4294967295",
        "$argon2x$v=19$m=64,t=1,p=1",
        "$argon2id$v=19$v=19$m=64,t=1,p=1",
        "argon2id$v=19$m=64,t=1,p=1",
        "$ARGON2ID$v=19$m=64,t=1,p=1",
    ] {
        for text in [head.to_owned(), format!("{head}{rest}"), format!("{head}{rest}$")] {
            assert_eq!(verify(&hasher, "swordfish", &text).await, Match::No, "{text}");
        }
    }
    assert_eq!(verify(&hasher, "swordfish", &"a".repeat(1 << 20)).await, Match::No);
}
