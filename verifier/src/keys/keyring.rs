//! The keys in use, exchanged as a whole.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::Key;

/// How many withdrawn kids are remembered.
const WITHDRAWN: usize = 256;
/// No keys were ever installed.
const NEVER: u64 = u64::MAX;

/// One set of keys.
#[derive(Clone, Default)]
pub(crate) struct KeySet {
    pub(crate) jwt: Vec<Arc<Key>>,
    pub(crate) paseto: Vec<Arc<Key>>,
}

impl KeySet {
    pub(crate) fn is_empty(&self) -> bool {
        self.jwt.is_empty() && self.paseto.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.jwt.len() + self.paseto.len()
    }

    fn without(mut self, kids: &VecDeque<String>) -> Self {
        let stays = |key: &Arc<Key>| !kids.contains(&key.kid);
        self.jwt.retain(stays);
        self.paseto.retain(stays);
        self
    }

    fn is(&self, other: &Self) -> bool {
        let same = |a: &[Arc<Key>], b: &[Arc<Key>]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(b));
        same(&self.jwt, &other.jwt) && same(&self.paseto, &other.paseto)
    }
}

/// The current set, shared by whoever needs it.
pub(crate) struct Keyring {
    state: RwLock<State>,
    /// Another number whenever a key came or went.
    generation: AtomicU64,
    /// The uptime, in microseconds, at which the issuer last confirmed the set.
    confirmed: AtomicU64,
}

#[derive(Default)]
struct State {
    current: Arc<KeySet>,
    /// Kids that never come back: a cache on the way may still serve them.
    withdrawn: VecDeque<String>,
}

impl Keyring {
    pub(crate) fn new() -> Self {
        Self { state: RwLock::default(), generation: AtomicU64::new(0), confirmed: AtomicU64::new(NEVER) }
    }

    /// The set as it is now; a later exchange does not touch it.
    pub(crate) fn current(&self) -> Arc<KeySet> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Read it before the set: an exchange between the two makes what is remembered useless rather than wrong.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How long ago the issuer confirmed the set; `None` when it never did.
    pub(crate) fn age(&self, uptime: Duration) -> Option<Duration> {
        match self.confirmed.load(Ordering::Acquire) {
            NEVER => None,
            at => Some(uptime.saturating_sub(Duration::from_micros(at))),
        }
    }

    /// Puts `set` in the place of the one before, less what was withdrawn; `confirmed` is the uptime at which the issuer
    /// published all of it. Whether anything changed.
    pub(crate) fn install(&self, set: KeySet, confirmed: Option<Duration>) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let set = set.without(&state.withdrawn);
        let changed = !set.is(&state.current);
        if changed {
            state.current = Arc::new(set);
            self.generation.fetch_add(1, Ordering::Release);
        }
        if let Some(uptime) = confirmed {
            let micros = u64::try_from(uptime.as_micros()).unwrap_or(NEVER - 1);
            self.confirmed.store(micros, Ordering::Release);
        }
        changed
    }

    /// Drops a key for ever; whether that is news.
    pub(crate) fn withdraw(&self, kid: &str) -> bool {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.withdrawn.iter().any(|known| known == kid) {
            return false;
        }
        if state.withdrawn.len() == WITHDRAWN {
            state.withdrawn.pop_front();
        }
        state.withdrawn.push_back(kid.to_owned());
        let rest = KeySet::clone(&state.current).without(&state.withdrawn);
        state.current = Arc::new(rest);
        self.generation.fetch_add(1, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    fn set(kids: &[&str]) -> KeySet {
        // RFC 8032 §7.1, test 1.
        let public = crate::base64url::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("base64url");
        let key = |kid: &&str| Arc::new(Key::ed25519(Algorithm::EdDsa, (*kid).to_owned(), &public).expect("a key"));
        KeySet { jwt: kids.iter().map(key).collect(), paseto: Vec::new() }
    }

    #[test]
    fn the_same_keys_again_are_no_new_generation() {
        let ring = Keyring::new();
        assert!(ring.install(set(&["a"]), Some(Duration::ZERO)));
        let before = ring.generation();
        assert!(!ring.install(set(&["a"]), Some(Duration::from_secs(1))));
        assert_eq!(ring.generation(), before);
        assert_eq!(ring.age(Duration::from_secs(3)), Some(Duration::from_secs(2)));
        assert!(ring.install(set(&["a", "b"]), None));
        assert!(ring.install(set(&["b"]), None));
        assert_eq!(ring.generation(), before + 2);
    }

    #[test]
    fn a_withdrawn_key_never_comes_back_and_memory_of_it_is_bounded() {
        let ring = Keyring::new();
        ring.install(set(&["a", "b"]), None);
        let before = ring.generation();
        assert!(ring.withdraw("a"));
        assert!(!ring.withdraw("a"), "that is no news");
        assert_eq!((ring.current().len(), ring.generation()), (1, before + 1));
        assert!(!ring.install(set(&["a", "b"]), None));
        assert_eq!(ring.current().len(), 1);
        for other in 0..WITHDRAWN * 2 {
            assert!(ring.withdraw(&other.to_string()));
        }
        assert_eq!(ring.state.read().expect("a lock").withdrawn.len(), WITHDRAWN);
    }
}
