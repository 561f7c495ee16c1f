//! The import behind the port.

use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::ports::security::{HashImport, HashRefused};

use super::foreign::Stored;
use super::limits::{ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES};
use crate::hashing::{Ceiling, HashSettings};

/// Takes over the hashes of the formats that this module lists, each in the text in which it came.
#[derive(Clone, Copy, Debug)]
pub struct LegacyHashes {
    ceiling: Ceiling,
}

impl LegacyHashes {
    /// For a hasher with these settings: what it would not compute is not accepted either.
    pub fn new(settings: &HashSettings) -> Self {
        let ceiling = Ceiling {
            memory_kib: settings.max_memory_kib.min(ARGON2_MEMORY_KIB),
            iterations: settings.max_iterations.min(ARGON2_PASSES),
            lanes: settings.max_parallelism.min(ARGON2_LANES),
        };
        Self { ceiling }
    }
}

impl Default for LegacyHashes {
    /// For a hasher whose `max_…` settings are the usual ones.
    fn default() -> Self {
        Self::new(&HashSettings::default())
    }
}

impl HashImport for LegacyHashes {
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused> {
        Stored::read(foreign, &self.ceiling)?;
        Ok(PasswordHash::new(foreign.to_owned()))
    }
}
