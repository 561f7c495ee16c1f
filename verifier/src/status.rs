//! How a verifier is doing.

use std::time::Duration;

use crate::revocations::FeedStatus;

/// How a verifier is doing: for readiness checks and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How many keys it trusts; none before the first answer of the issuer.
    pub keys: usize,
    /// How long ago the issuer confirmed them.
    pub keys_age: Option<Duration>,
    /// Why the last attempt to fetch them failed; `None` when it did not.
    pub keys_error: Option<String>,
    /// How well revocations are heard.
    pub feed: FeedStatus,
    /// How many revocations are remembered.
    pub revocations: usize,
    /// How many verified tokens are remembered.
    pub cached: usize,
}

impl Status {
    /// Whether valid tokens are accepted at all.
    pub fn is_ready(&self) -> bool {
        self.keys > 0
    }
}
