//! The keys in use, exchanged as a whole.

use std::sync::{Arc, PoisonError, RwLock};

use portcullis_domain::Timestamp;
use portcullis_domain::tokens::Algorithm;

use crate::jwt_key::JwtKey;
use crate::key::{Key, Pair};
use crate::paseto_key::PasetoKey;

/// One set of keys.
#[derive(Default)]
pub(crate) struct Keys {
    generation: u64,
    keys: Vec<Key>,
    /// When keys retire, in order.
    retirements: Vec<Timestamp>,
}

impl Keys {
    /// The newest key of `algorithm` that may sign at `at`.
    pub(crate) fn active(&self, algorithm: Algorithm, at: Timestamp) -> Option<&Key> {
        let ready = self.keys.iter().filter(|key| key.algorithm == algorithm && key.is_ready(at));
        ready.max_by_key(|key| key.age())
    }

    /// The keys whose tokens are accepted at `now`.
    pub(crate) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.is_live(now))
    }

    /// The live key that writes this JWT header.
    pub(crate) fn of_header(&self, header: &str, now: Timestamp) -> Option<&JwtKey> {
        self.live(now).find_map(|key| match &key.pair {
            Pair::Jwt(pair) if pair.header == header => Some(&**pair),
            _ => None,
        })
    }

    /// The live key that writes this PASETO footer.
    pub(crate) fn of_footer(&self, segment: &str, now: Timestamp) -> Option<&PasetoKey> {
        self.live(now).find_map(|key| match &key.pair {
            Pair::Paseto(pair) if pair.footer_segment == segment => Some(pair),
            _ => None,
        })
    }
}

/// The current set of keys, shared by whoever needs it.
#[derive(Clone, Default)]
pub(crate) struct Installed(Arc<RwLock<Arc<Keys>>>);

impl Installed {
    /// The set as it is now; a later exchange does not touch it.
    pub(crate) fn current(&self) -> Arc<Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts `keys` in the place of those before.
    pub(crate) fn replace(&self, keys: Vec<Key>) {
        let mut retirements: Vec<_> = keys.iter().filter_map(|key| key.retires_at).collect();
        retirements.sort_unstable();
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(Keys { generation: current.generation + 1, keys, retirements });
    }
}

/// Tells when the set of accepted keys has changed, for whoever remembers what they verified.
#[derive(Clone)]
pub struct KeyEpochs(pub(crate) Installed);

/// A time in which the same keys are accepted throughout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    generation: u64,
    retired: usize,
}

impl KeyEpochs {
    /// The epoch of `now`: another one after each installation, and from the instant a key retires.
    pub(crate) fn at(&self, now: Timestamp) -> Epoch {
        let keys = self.0.0.read().unwrap_or_else(PoisonError::into_inner);
        Epoch { generation: keys.generation, retired: keys.retirements.partition_point(|at| *at <= now) }
    }
}
