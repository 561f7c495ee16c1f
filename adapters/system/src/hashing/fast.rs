//! The fast implementation: wide instructions chosen at run time, memory kept from one hash to the next.

use argon2_rust::params::{Memory, TagLen};
use argon2_rust::{Argon2, Hasher, Params};

use super::cost::Cost;
use super::engine::{Engine, EngineError};

/// The least memory that it has.
pub(super) const LEAST_KIB: u32 = 2048;

/// `argon2-rust` and its memory.
///
/// On Linux it is not wiped between two hashes: whoever has no more of them to compute MUST release it.
#[derive(Default)]
pub(super) struct FastEngine(Option<Hasher>);

impl Engine for FastEngine {
    fn derive(&mut self, cost: &Cost, password: &[u8], salt: &[u8], tag: &mut [u8]) -> Result<(), EngineError> {
        // One thread whatever the lanes: the pool has a thread for every core already. The tag does not depend on it.
        let params = Params::builder()
            .memory(Memory::kib(u64::from(cost.memory_kib)))
            .passes(cost.iterations)
            .lanes(cost.lanes)
            .threads(1)
            .tag_len(TagLen::bytes(tag.len() as u64))
            .build()?;
        let argon2 = Argon2::new(cost.algorithm, cost.version, params);
        let hasher = match &mut self.0 {
            Some(hasher) => hasher,
            none => none.insert(mapped(cost)?),
        };
        hasher.set_argon2(argon2);
        Ok(hasher.hash_into(password, salt, tag)?)
    }

    fn kept_kib(&self) -> usize {
        self.0.as_ref().map_or(0, Hasher::reserved_blocks)
    }

    fn release(&mut self) {
        self.0 = None;
    }
}

/// With as much memory as is mapped, and not taken from the heap, which would keep what it held.
fn mapped(cost: &Cost) -> Result<Hasher, EngineError> {
    let params = Params::builder().memory(Memory::kib(LEAST_KIB.into())).lanes(cost.lanes).threads(1).build()?;
    let mut hasher = Argon2::new(cost.algorithm, cost.version, params).hasher();
    hasher.reserve()?;
    Ok(hasher)
}
