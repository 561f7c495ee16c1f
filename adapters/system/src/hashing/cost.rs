//! What a hash costs.

use argon2_rust::{Algorithm, Version};

/// A variant of Argon2 and its parameters (RFC 9106 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) algorithm: Algorithm,
    pub(crate) version: Version,
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// Argon2id, version 0x13.
    pub(crate) const fn argon2id(memory_kib: u32, iterations: u32, lanes: u32) -> Self {
        Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, memory_kib, iterations, lanes }
    }

    /// The work that this cost lacks to `wanted`, as a cost: memory filled times passes; `None` when it lacks nothing
    /// that could be measured.
    pub(crate) fn missing_to(&self, wanted: &Self) -> Option<Self> {
        let missing = wanted.work().checked_sub(self.work())? / u64::from(wanted.iterations);
        let memory_kib = u32::try_from(missing).ok().filter(|kib| *kib >= 8 * wanted.lanes)?;
        Some(Self { memory_kib, ..*wanted })
    }

    /// Whether `self` is so much more work than `wanted` that it would hold up others at each login: an imported hash.
    pub(crate) fn is_excessive(&self, wanted: &Self) -> bool {
        self.work() > wanted.work().saturating_mul(8)
    }

    /// Memory filled times passes.
    fn work(&self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.iterations)
    }

    /// Whether `self` asks for less than `wanted` in any respect.
    pub(crate) fn is_below(&self, wanted: &Self) -> bool {
        self.algorithm != wanted.algorithm
            || self.version != wanted.version
            || self.memory_kib < wanted.memory_kib
            || self.iterations < wanted.iterations
            || self.lanes < wanted.lanes
    }
}

/// The most that a stored hash may cost to be computed at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ceiling {
    pub(crate) memory_kib: u32,
    pub(crate) iterations: u32,
    pub(crate) lanes: u32,
}

impl Ceiling {
    /// The first limit that this cost exceeds: what it limits, what is asked for, and the limit.
    pub(crate) fn excess(&self, cost: &Cost) -> Option<(&'static str, u32, u32)> {
        let limits = [
            ("argon2 memory in KiB", cost.memory_kib, self.memory_kib),
            ("argon2 iterations", cost.iterations, self.iterations),
            ("argon2 parallelism", cost.lanes, self.lanes),
        ];
        limits.into_iter().find(|(_, asked, limit)| asked > limit)
    }
}
