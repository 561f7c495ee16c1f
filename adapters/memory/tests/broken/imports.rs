//! Broken imports of foreign hashes.

use std::sync::Arc;

use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::ports::security::{HashImport, HashRefused};
use portcullis_memory::contract::hash_import::{self, HashImports};
use portcullis_memory::{PlainHasher, PlainHashes};

use crate::{caught, random};

/// Takes whatever comes.
struct Gullible;

impl HashImport for Gullible {
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused> {
        Ok(PasswordHash::new(foreign.to_owned()))
    }
}

/// Repairs what it does not understand.
struct Helpful;

impl HashImport for Helpful {
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused> {
        PlainHashes.accept(&foreign.replace(|c: char| !c.is_ascii_graphic(), ""))
    }
}

/// Says what it was given.
struct Talkative;

impl HashImport for Talkative {
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused> {
        PlainHashes.accept(foreign).map_err(|_| HashRefused::Unknown(Some(foreign.to_owned())))
    }
}

fn beside(import: impl HashImport + 'static) -> HashImports {
    let (password, most) = ("Correct horse 1", PlainHashes::MAX_COST);
    HashImports {
        import: Arc::new(import),
        hasher: Arc::new(PlainHasher::new(random())),
        foreign: vec![(PlainHashes::foreign(password, most), password.to_owned())],
        costly: vec![PlainHashes::foreign(password, most + 1)],
    }
}

#[test]
fn an_import_that_takes_whatever_comes_is_caught() {
    caught(|| async { hash_import::an_unknown_scheme_is_refused(&beside(Gullible)).await });
    caught(|| async { hash_import::a_password_that_was_never_hashed_is_refused(&beside(Gullible)).await });
    caught(|| async { hash_import::a_hash_above_the_limit_is_refused_and_never_computed_b30(&beside(Gullible)).await });
}

#[test]
fn an_import_that_repairs_hashes_is_caught() {
    caught(|| async { hash_import::a_broken_hash_is_refused_and_no_match_b31(&beside(Helpful)).await });
}

#[test]
fn an_import_that_repeats_hashes_is_caught() {
    caught(|| async { hash_import::a_refusal_never_repeats_the_hash(&beside(Talkative)).await });
}
