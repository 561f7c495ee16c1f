//! Trusting the fast implementation only after it has agreed with the plain one on this very machine.

use std::panic::{AssertUnwindSafe, catch_unwind};

use argon2_rust::{Algorithm, Version};
use portcullis_domain::ports::ambient::Randomness;

use super::cost::Cost;
use super::engine::{Engine, MakeEngine};
use super::fast::FastEngine;
use super::plain::PlainEngine;

/// Small, so that a start stays quick: every variant, several lanes, and sizes that do not divide evenly.
const TRIALS: [(Cost, usize); 6] = [
    (Cost::argon2id(64, 2, 1), 32),
    (Cost::argon2id(255, 1, 1), 32),
    (Cost::argon2id(96, 3, 2), 64),
    (Cost::argon2id(130, 1, 4), 16),
    (Cost { algorithm: Algorithm::Argon2i, version: Version::V0x13, memory_kib: 64, iterations: 2, lanes: 1 }, 32),
    (Cost { algorithm: Algorithm::Argon2i, version: Version::V0x10, memory_kib: 64, iterations: 2, lanes: 1 }, 32),
];

/// The fast implementation.
pub(super) fn fast() -> Box<dyn Engine> {
    Box::new(FastEngine::default())
}

/// The plain implementation.
pub(super) fn plain() -> Box<dyn Engine> {
    Box::new(PlainEngine::default())
}

/// `candidate` if it agrees with the plain implementation on random inputs, else the plain one.
pub(super) fn choose(candidate: MakeEngine, random: &dyn Randomness) -> MakeEngine {
    let agrees = catch_unwind(AssertUnwindSafe(|| {
        let (mut candidate, mut plain) = (candidate(), plain());
        TRIALS.iter().all(|(cost, length)| same(&mut *candidate, &mut *plain, cost, *length, random))
    }));
    if matches!(agrees, Ok(true)) {
        return candidate;
    }
    tracing::error!(
        "the fast argon2 fails its self-test on this machine: the plain one, several times slower, is used"
    );
    plain
}

fn same(a: &mut dyn Engine, b: &mut dyn Engine, cost: &Cost, length: usize, random: &dyn Randomness) -> bool {
    let (mut password, mut salt) = ([0; 48], [0; 16]);
    random.fill(&mut password);
    random.fill(&mut salt);
    // The first byte decides the length, so that short ones are tried too.
    let password = &password[..usize::from(password[0]) % password.len()];
    let (mut one, mut other) = (vec![0; length], vec![0; length]);
    a.derive(cost, password, &salt, &mut one).is_ok()
        && b.derive(cost, password, &salt, &mut other).is_ok()
        && one == other
}
