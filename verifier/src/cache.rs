//! Tokens that were verified a moment ago.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use foldhash::quality::RandomState;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use crate::claims::Claims;

/// The tokens that were accepted, a bounded number. They are found by a digest under a random key and then compared in
/// full, so no other token ever passes for one of them. Only what an issuer signed gets in: nobody can fill it with
/// texts of his choice.
pub(crate) struct Cached {
    tokens: Cache<Token, Entry, UnitWeighter, RandomState>,
}

/// A token's claims, and the keys under which it was verified.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) claims: Claims,
    pub(crate) generation: u64,
}

/// The text of a token.
struct Token(Box<str>);

impl Cached {
    pub(crate) fn new(entries: usize) -> Self {
        let weight = u64::try_from(entries).unwrap_or(u64::MAX);
        let tokens = Cache::with(entries, weight, UnitWeighter, RandomState::default(), DefaultLifecycle::default());
        Self { tokens }
    }

    /// The claims of a token that was verified under the keys of `generation`.
    pub(crate) fn get(&self, token: &str, generation: u64) -> Option<Claims> {
        let entry = self.tokens.get(token)?;
        (entry.generation == generation).then_some(entry.claims)
    }

    pub(crate) fn insert(&self, token: &str, claims: Claims, generation: u64) {
        self.tokens.insert(Token(token.into()), Entry { claims, generation });
    }

    pub(crate) fn remove(&self, token: &str) {
        self.tokens.remove(token);
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }
}

impl Borrow<str> for Token {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Token {}
