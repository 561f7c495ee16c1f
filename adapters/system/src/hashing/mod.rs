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

#[cfg(test)]
pub(crate) use cost::Cost;
#[cfg(test)]
pub(crate) use engine::EngineError;
pub(crate) use engine::{Engine, MakeEngine};
pub use hasher::{Argon2Hasher, HashStartError};

pub use settings::{HashSettings, SettingError};
