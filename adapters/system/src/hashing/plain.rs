//! The plain implementation: slower, widely used, the measure of the other.

use argon2::{Argon2, Block, Params};
use argon2_rust::{Algorithm, Version};
use zeroize::Zeroize;

use super::cost::Cost;
use super::engine::{Engine, EngineError};

/// `argon2` and its memory.
#[derive(Default)]
pub(super) struct PlainEngine(Vec<Block>);

impl Engine for PlainEngine {
    fn derive(&mut self, cost: &Cost, password: &[u8], salt: &[u8], tag: &mut [u8]) -> Result<(), EngineError> {
        let algorithm = match cost.algorithm {
            Algorithm::Argon2d => argon2::Algorithm::Argon2d,
            Algorithm::Argon2i => argon2::Algorithm::Argon2i,
            Algorithm::Argon2id => argon2::Algorithm::Argon2id,
        };
        let version = match cost.version {
            Version::V0x10 => argon2::Version::V0x10,
            Version::V0x13 => argon2::Version::V0x13,
        };
        let params =
            Params::new(cost.memory_kib, cost.iterations, cost.lanes, Some(tag.len())).map_err(EngineError::Plain)?;
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        let memory = &mut self.0[..blocks];
        let done =
            Argon2::new(algorithm, version, params).hash_password_into_with_memory(password, salt, tag, &mut *memory);
        memory.iter_mut().for_each(Block::zeroize);
        done.map_err(EngineError::Plain)
    }

    fn kept_kib(&self) -> usize {
        self.0.len()
    }

    fn release(&mut self) {
        self.0 = Vec::new();
    }
}
