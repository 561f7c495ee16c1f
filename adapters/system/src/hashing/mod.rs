//! Hashing passwords with argon2id.

mod cost;
mod engine;
mod fast;
mod hasher;
mod plain;
mod self_test;
mod settings;
mod stored;
#[cfg(test)]
mod tests;

pub(crate) use cost::Ceiling;
#[cfg(test)]
pub(crate) use cost::Cost;
pub(crate) use engine::{Engine, EngineError, MakeEngine};
pub use hasher::{Argon2Hasher, HashStartError};
pub use settings::{HashSettings, SettingError};
pub(crate) use stored::StoredHash;
