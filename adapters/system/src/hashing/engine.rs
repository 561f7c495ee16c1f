//! What computes Argon2.

use super::cost::Cost;

/// Argon2 with memory of its own, for one thread.
pub(crate) trait Engine: Send {
    /// Fills `tag` with Argon2 of `password` and `salt`. The memory may keep what was computed until the next hash, or
    /// [`release`](Self::release).
    fn derive(&mut self, cost: &Cost, password: &[u8], salt: &[u8], tag: &mut [u8]) -> Result<(), EngineError>;

    /// The memory it keeps for the next time, in KiB.
    fn kept_kib(&self) -> usize;

    /// Gives the memory back; nothing that was computed is left in it.
    fn release(&mut self);
}

/// Makes an engine for a thread.
pub(crate) type MakeEngine = fn() -> Box<dyn Engine>;

/// Why a hash was not computed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The fast implementation refused.
    #[error("argon2: {0}")]
    Fast(#[from] argon2_rust::Error),
    /// The output has a length that no hash has.
    #[error("impossible output length")]
    Length,
    /// The cipher of Firebase's hashes refused.
    #[error("the cipher failed")]
    Cipher(#[from] aws_lc_rs::error::Unspecified),
    /// The plain implementation refused.
    #[error("argon2: {0}")]
    Plain(argon2::Error),
}
