//! The suite `hash_import`: [`HashImport`] and the [`PasswordHasher`] that verifies what it accepts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::security::{HashError, HashImport, HashRefused, Match, PasswordHasher};

use super::samples::kept;

/// Runs the suite `hash_import` on what `async fn factory() -> HashImports` gives.
#[macro_export]
macro_rules! hash_import_contract {
    ($factory:expr) => {
        $crate::promises!(
            hash_import,
            $factory,
            what_is_accepted_matches_its_password_and_is_stale,
            only_the_exact_password_matches_a003,
            what_replaces_it_is_not_stale,
            what_is_accepted_is_accepted_again,
            an_unknown_scheme_is_refused,
            a_password_that_was_never_hashed_is_refused,
            a_hash_above_the_limit_is_refused_and_never_computed_b30,
            a_broken_hash_is_refused_and_no_match_b31,
            a_refusal_never_repeats_the_hash,
        );
    };
}

/// An import and the hasher beside it, for the suite `hash_import`.
pub struct HashImports {
    /// The import.
    pub import: Arc<dyn HashImport>,
    /// Verifies what the import accepts.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Foreign hashes that are cheap to verify, and the password of each: 12 characters of ASCII at least, letters among
    /// them. At least one.
    pub foreign: Vec<(String, String)>,
    /// Foreign hashes that are well-formed and cost more than the limit. At least one.
    pub costly: Vec<String>,
}

async fn verify(imports: &HashImports, password: &str, hash: &PasswordHash) -> Match {
    let password = kept(Password::present(password.to_owned()), "the suite's password is one");
    loop {
        match imports.hasher.verify(&password, Some(hash)).await {
            Ok(matched) => return matched,
            Err(HashError::Overloaded) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("a password is compared; the answer was {error:?}"),
        }
    }
}

fn accepted(imports: &HashImports) -> Vec<(String, PasswordHash)> {
    assert!(!imports.foreign.is_empty() && !imports.costly.is_empty(), "the factory gives samples");
    let accept = |(text, password): &(String, String)| {
        let hash = imports.import.accept(text);
        (password.clone(), kept(hash, "a known hash within the limits is accepted"))
    };
    imports.foreign.iter().map(accept).collect()
}

/// `YesButStale`, so that login replaces it.
pub async fn what_is_accepted_matches_its_password_and_is_stale(imports: &HashImports) {
    for (password, hash) in accepted(imports) {
        let matched = verify(imports, &password, &hash).await;
        assert_eq!(matched, Match::YesButStale, "what is accepted matches its password and is stale");
    }
}

/// No trimming, folding, cutting.
pub async fn only_the_exact_password_matches_a003(imports: &HashImports) {
    for (password, hash) in accepted(imports) {
        let cut: String = password.chars().take(password.chars().count() - 1).collect();
        for wrong in [
            String::new(),
            cut,
            format!("{password}x"),
            format!("{password}\0"),
            format!(" {password}"),
            format!("{password} "),
            password.chars().rev().collect(),
            password
                .chars()
                .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
                .collect(),
        ] {
            let matched = verify(imports, &wrong, &hash).await;
            assert_eq!(matched, Match::No, "only the exact password matches: {wrong:?} is not {password:?}");
        }
    }
}

/// The hasher's own hash of the same password.
pub async fn what_replaces_it_is_not_stale(imports: &HashImports) {
    for (password, _) in accepted(imports) {
        let right = kept(Password::present(password.clone()), "the suite's password is one");
        let replaced = kept(imports.hasher.hash(&right).await, "a password is hashed");
        assert_eq!(
            verify(imports, &password, &replaced).await,
            Match::Yes,
            "what replaces a foreign hash is not stale"
        );
    }
}

/// An export that is imported elsewhere, or here again.
pub async fn what_is_accepted_is_accepted_again(imports: &HashImports) {
    for (_, hash) in accepted(imports) {
        let again = kept(imports.import.accept(hash.as_str()), "what is accepted is accepted again");
        assert_eq!(again.as_str(), hash.as_str(), "what is accepted is accepted again, the same");
    }
}

/// Also what only begins like a hash, or ends like one.
pub async fn an_unknown_scheme_is_refused(imports: &HashImports) {
    for text in [
        "$unknown$v=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        "$$$$",
        "{UNKNOWN}c2FsdHNhbHQ",
        "{}",
        "unknown$1000$salt$aGFzaGhhc2hoYXNoaGFzaA==",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    ] {
        let refused = imports.import.accept(text);
        assert!(matches!(refused, Err(HashRefused::Unknown(_))), "an unknown scheme is refused: {text}: {refused:?}");
        let hash = PasswordHash::new(text.to_owned());
        assert_eq!(verify(imports, text, &hash).await, Match::No, "an unknown scheme matches nothing: {text}");
    }
}

/// Never compared as it is.
pub async fn a_password_that_was_never_hashed_is_refused(imports: &HashImports) {
    let passwords = imports.foreign.iter().map(|(_, password)| password.as_str());
    for text in passwords.chain(["", " ", "password", "correct horse battery staple", "пароль", "pa$$word", "{secret}"])
    {
        let refused = imports.import.accept(text);
        let unknown = matches!(refused, Err(HashRefused::Unknown(_)));
        assert!(unknown, "a password that was never hashed is refused: {text}: {refused:?}");
        let hash = PasswordHash::new(text.to_owned());
        assert_eq!(verify(imports, text, &hash).await, Match::No, "what was never hashed matches nothing: {text}");
    }
}

/// Nor when it is in the store already.
pub async fn a_hash_above_the_limit_is_refused_and_never_computed_b30(imports: &HashImports) {
    for text in &imports.costly {
        let begun = Instant::now();
        match imports.import.accept(text) {
            Err(HashRefused::TooCostly(limit)) => assert!(!limit.is_empty(), "the limit is named"),
            answer => panic!("a hash above the limit is refused as one: {text}: {answer:?}"),
        }
        let hash = PasswordHash::new(text.clone());
        assert_eq!(verify(imports, "a password", &hash).await, Match::No, "a hash above the limit is no match: {text}");
        // Honest work on it takes many times as long.
        assert!(begun.elapsed() < Duration::from_secs(10), "a hash above the limit is never computed: {text}");
    }
}

/// A character that no hash has, at every place.
pub async fn a_broken_hash_is_refused_and_no_match_b31(imports: &HashImports) {
    for (text, password) in &imports.foreign {
        for at in text.char_indices().map(|(at, _)| at).chain([text.len()]) {
            let (head, tail) = text.split_at(at);
            for c in ['é', '€', ' ', '\n', '\0'] {
                let broken = format!("{head}{c}{tail}");
                assert!(imports.import.accept(&broken).is_err(), "a broken hash is refused: {broken:?}");
            }
            // A verification takes its time: every sixteenth place tells.
            if at % 16 == 0 || tail.is_empty() {
                let broken = PasswordHash::new(format!("{head}é{tail}"));
                let matched = verify(imports, password, &broken).await;
                assert_eq!(matched, Match::No, "a broken hash is no match: {head:?}, é, {tail:?}");
            }
        }
    }
}

/// Reports and logs are read by others.
pub async fn a_refusal_never_repeats_the_hash(imports: &HashImports) {
    let broken = imports.foreign.iter().map(|(text, _)| format!("{text}é"));
    let known = broken.chain(imports.costly.iter().cloned());
    for text in known.chain(["$canary1$canary2$canary3", "canary1$canary2", "{canary1}canary2"].map(str::to_owned)) {
        let Err(refused) = imports.import.accept(&text) else { panic!("it is refused: {text}") };
        let told = format!("{refused} {refused:?}");
        let parts = text.split(['$', '{', '}', '.']).filter(|part| part.len() > 16 || part.starts_with("canary"));
        for part in parts {
            assert!(!told.contains(part), "a refusal never repeats the hash: {told}");
        }
    }
}
