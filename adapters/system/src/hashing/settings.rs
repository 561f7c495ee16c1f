//! What the operator sets.

use std::thread::available_parallelism;

use super::cost::{Ceiling, Cost};

/// How passwords are hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashSettings {
    /// Memory of one hash in KiB; at least 19456 and 8 × `parallelism`.
    pub memory_kib: u32,
    /// Passes over the memory; at least 2.
    pub iterations: u32,
    /// Lanes, 1 to 16. More do not make a hash faster here: every thread computes one hash.
    pub parallelism: u32,
    /// Threads that compute, 1 to 256; each holds `memory_kib` while there is work.
    pub threads: usize,
    /// Jobs that may wait in a burst, 1 to 65,536.
    pub queue: usize,
    /// Jobs that may wait for each thread while there is more work than can be done, at least 1. With 2, whoever is
    /// accepted has an answer within three times the duration of a hash.
    pub standing_per_thread: usize,
    /// The most memory in KiB that a stored hash may ask for; a costlier one is never computed. At least `memory_kib`.
    pub max_memory_kib: u32,
    /// The most passes that a stored hash may ask for. At least `iterations`.
    pub max_iterations: u32,
    /// The most lanes that a stored hash may ask for. At least `parallelism`.
    pub max_parallelism: u32,
    /// Lets `memory_kib` and `iterations` go below the floor; for tests only.
    pub weak_parameters_allowed: bool,
}

impl HashSettings {
    /// The least memory (OWASP Password Storage).
    pub const MIN_MEMORY_KIB: u32 = 19_456;
    /// The fewest passes (OWASP Password Storage).
    pub const MIN_ITERATIONS: u32 = 2;
}

impl Default for HashSettings {
    /// OWASP's first choice, on as many threads as cores. A burst of 32 a thread is served within about a quarter of a
    /// second.
    fn default() -> Self {
        let threads = available_parallelism().map_or(1, usize::from);
        Self {
            memory_kib: Self::MIN_MEMORY_KIB,
            iterations: Self::MIN_ITERATIONS,
            parallelism: 1,
            threads,
            queue: 32 * threads,
            standing_per_thread: 1,
            max_memory_kib: 256 * 1024,
            max_iterations: 16,
            max_parallelism: 16,
            weak_parameters_allowed: false,
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: {rule}")]
pub struct SettingError {
    /// The field of [`HashSettings`].
    pub setting: &'static str,
    /// What it was set to.
    pub value: u64,
    /// What it has to be.
    pub rule: String,
}

impl HashSettings {
    /// Checks every rule; the first that is broken names its setting.
    pub fn check(&self) -> Result<(), SettingError> {
        let (memory, passes) =
            if self.weak_parameters_allowed { (8, 1) } else { (Self::MIN_MEMORY_KIB, Self::MIN_ITERATIONS) };
        between("parallelism", self.parallelism, 1, 16)?;
        between("memory_kib", self.memory_kib, memory.into(), 4 * 1024 * 1024)?;
        at_least("memory_kib", self.memory_kib, 8 * self.parallelism, "8 × parallelism")?;
        between("iterations", self.iterations, passes.into(), 1024)?;
        between("threads", self.threads, 1, 256)?;
        between("queue", self.queue, 1, 65_536)?;
        between("standing_per_thread", self.standing_per_thread, 1, 65_536)?;
        at_least("max_memory_kib", self.max_memory_kib, self.memory_kib, "memory_kib")?;
        at_least("max_iterations", self.max_iterations, self.iterations, "iterations")?;
        at_least("max_parallelism", self.max_parallelism, self.parallelism, "parallelism")
    }

    pub(super) const fn cost(&self) -> Cost {
        Cost::argon2id(self.memory_kib, self.iterations, self.parallelism)
    }

    pub(super) const fn ceiling(&self) -> Ceiling {
        Ceiling { memory_kib: self.max_memory_kib, iterations: self.max_iterations, lanes: self.max_parallelism }
    }
}

fn between<N: TryInto<u64>>(setting: &'static str, value: N, least: u64, most: u64) -> Result<(), SettingError> {
    let value = value.try_into().unwrap_or(u64::MAX);
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(SettingError { setting, value, rule: format!("it has to be between {least} and {most}") })
}

fn at_least(setting: &'static str, value: u32, least: u32, what: &str) -> Result<(), SettingError> {
    if value >= least {
        return Ok(());
    }
    Err(SettingError { setting, value: value.into(), rule: format!("it has to be at least {what} ({least})") })
}
