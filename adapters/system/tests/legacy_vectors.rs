//! Password hashes of other systems as their own test suites have them: each is verified as it says, or refused for a
//! reason that is written down here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rows;
mod vectors;
mod verdicts;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{HashImport, HashRefused, Match, PasswordHasher};
use portcullis_system::LegacyHashes;
use portcullis_system::legacy::forms;
use rows::{File, hasher};
use serde::Deserialize;
use verdicts::{ACCEPTED, unsupported};

/// What became of the rows of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    /// Accepted, and the password matches.
    matched: usize,
    /// Accepted, and the password does not match.
    differs: usize,
    /// Refused as what they are: broken, too costly, disabled.
    refused: usize,
    /// Refused, because their scheme is not taken over.
    unsupported: usize,
    /// Not UTF-8: the unit tests have them.
    bytes: usize,
}

#[expect(clippy::print_stdout, reason = "whoever runs the tests has to see what was not run")]
async fn run(name: &str) -> Option<Counts> {
    let file: File = vectors::read(&format!("legacy-hashes/{name}.json"))?;
    let (import, hasher) = (LegacyHashes::default(), hasher());
    let (mut counts, mut why) = (Counts::default(), BTreeMap::<&str, usize>::new());
    let verdicts = futures_util::stream::iter(&file.vectors).map(async |row| {
        let Some(password) = &row.password else { return (row, None, Match::No) };
        let begun = Instant::now();
        let accepted = import.accept(&row.hash);
        assert!(begun.elapsed() < Duration::from_secs(5), "{}: recognising computes nothing", row.id);
        let password = Password::present(password.clone()).unwrap();
        let stored = PasswordHash::new(row.hash.clone());
        (row, Some(accepted), hasher.verify(&password, Some(&stored)).await.unwrap())
    });
    for (row, accepted, outcome) in verdicts.buffered(8).collect::<Vec<_>>().await {
        let Some(accepted) = accepted else {
            counts.bytes += 1;
            continue;
        };
        let (id, found) = (row.id.as_str(), outcome != Match::No);
        match (accepted, row.expect.as_str()) {
            (Ok(hash), "match") => {
                assert_eq!((hash.as_str(), found), (row.hash.as_str(), true), "{id}");
                counts.matched += 1;
            }
            (Ok(_), "no_match") => {
                assert!(!found, "{id}");
                counts.differs += 1;
            }
            (Ok(_), "malformed") if ACCEPTED.iter().any(|(accepted, _)| *accepted == id) => {
                assert!(!found, "{id}");
                counts.differs += 1;
            }
            (Ok(_), expected) => panic!("{id}: {} was accepted, not {expected}", row.hash),
            (Err(refused), "match") => {
                let scheme = unsupported(&row.hash).unwrap_or_else(|| panic!("{id}: {}: {refused}", row.hash));
                assert!(matches!(refused, HashRefused::Unknown(_)), "{id}: {refused}");
                assert!(!found, "{id}");
                *why.entry(scheme).or_default() += 1;
                counts.unsupported += 1;
            }
            (Err(refused), expected) => {
                assert!(!found, "{id}: {expected}");
                let costly = matches!(refused, HashRefused::TooCostly(_));
                assert!(costly || expected != "reject_cost", "{id}: {refused}");
                counts.refused += 1;
            }
        }
    }
    println!("{name}: {counts:?}");
    println!("not taken over: {why:?}; {} rows have passwords that are not UTF-8 (see the unit tests)", counts.bytes);
    Some(counts)
}

macro_rules! files {
    ($($test:ident, $name:literal, $matched:literal, $differs:literal, $refused:literal, $unsupported:literal, $bytes:literal;)+) => {
        $(
            #[tokio::test]
            async fn $test() {
                let Some(counts) = run($name).await else { return };
                let [matched, differs, refused] = [$matched, $differs, $refused];
                let [unsupported, bytes] = [$unsupported, $bytes];
                assert_eq!(counts, Counts { matched, differs, refused, unsupported, bytes });
            }
        )+
    };
}

// All 596 rows, with the one of Firebase: 199 match, 15 do not, 197 are refused as what they are, 173 as what is not taken
// over, 12 are for the unit tests.
files! {
    b31_phc_argon2, "phc-argon2", 24, 2, 6, 0, 0;
    b29_b31_bcrypt, "pyca-bcrypt", 23, 1, 4, 0, 5;
    b30_cost_bombs, "ory-kratos-cost-bombs", 8, 0, 12, 0, 0;
    b31_ory_kratos, "ory-kratos", 9, 5, 78, 33, 0;
    b31_supabase, "supabase-auth", 5, 7, 21, 0, 0;
    b31_zitadel, "zitadel-passwap", 12, 0, 0, 3, 0;
    b31_kanidm, "kanidm", 6, 0, 0, 17, 0;
    b29_b31_passlib, "passlib", 111, 0, 76, 120, 7;
}

#[derive(Deserialize)]
struct Firebase {
    hash_config: Config,
    vectors: Vec<Account>,
}

#[derive(Deserialize)]
struct Config {
    base64_signer_key: String,
    base64_salt_separator: String,
    rounds: u64,
    mem_cost: u64,
}

#[derive(Deserialize)]
struct Account {
    password: String,
    salt_b64: String,
    hash_b64: String,
}

#[tokio::test]
async fn firebases_own_example_matches() {
    let Some(file) = vectors::read::<Firebase>("legacy-hashes/firebase-scrypt.json") else { return };
    let bytes = |text: &str| base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).unwrap();
    let (signer_key, separator) =
        (bytes(&file.hash_config.base64_signer_key), bytes(&file.hash_config.base64_salt_separator));
    let project = forms::FirebaseProject {
        signer_key: &signer_key,
        salt_separator: &separator,
        rounds: file.hash_config.rounds,
        mem_cost: file.hash_config.mem_cost,
    };
    let hasher = hasher();
    assert_eq!(file.vectors.len(), 1);
    for account in file.vectors {
        let text = forms::firebase(project, &bytes(&account.salt_b64), &bytes(&account.hash_b64));
        let hash = LegacyHashes::default().accept(&text).unwrap();
        for (password, expected) in [(account.password, Match::YesButStale), ("user2password".to_owned(), Match::No)] {
            let password = Password::present(password).unwrap();
            assert_eq!(hasher.verify(&password, Some(&hash)).await.unwrap(), expected);
        }
    }
}
