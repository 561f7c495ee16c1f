//! Time and chance.

use crate::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes.
pub trait Randomness: Send + Sync {
    /// Fills `buf`; in production from a cryptographically secure generator. No two calls MUST give the same bytes.
    fn fill(&self, buf: &mut [u8]);
}
