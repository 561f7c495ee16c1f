//! The rows of foreign hashes among the shared vectors, and a hasher for them.

use std::sync::Arc;

use portcullis_system::{Argon2Hasher, HashSettings, SystemRandomness};
use serde::Deserialize;

/// A file of foreign hashes.
#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) vectors: Vec<Row>,
}

/// One of them: what it is the hash of, and what shall become of it.
#[derive(Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) password: Option<String>,
    pub(crate) hash: String,
    pub(crate) expect: String,
}

/// Quick and roomy: 64 KiB, so that an unreadable hash costs nothing, and a line long enough for every row.
pub(crate) fn hasher() -> Argon2Hasher {
    let settings = HashSettings {
        memory_kib: 64,
        iterations: 1,
        queue: 65_536,
        standing_per_thread: 65_536,
        weak_parameters_allowed: true,
        ..HashSettings::default()
    };
    Argon2Hasher::new(&settings, Arc::new(SystemRandomness)).unwrap()
}
