//! How old the knowledge of revocations is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::Timestamp;

/// A caller may have looked at the clock so much earlier than the look at the store that ended meanwhile.
const AHEAD: Duration = Duration::from_secs(1);

/// When this replica last learned from the store which sessions were revoked, and how long it may go without.
#[derive(Debug)]
pub struct Freshness {
    learned_at: AtomicI64,
    bound: Option<Duration>,
}

impl Freshness {
    /// Beyond `bound` no token is accepted; `None` where nobody else can revoke anything, or where the operator prefers
    /// stale knowledge to none.
    pub const fn new(bound: Option<Duration>) -> Self {
        Self { learned_at: AtomicI64::new(i64::MIN), bound }
    }

    /// Notes that everything committed before `at` is known. The last word counts, also when it is of an earlier instant:
    /// the clock may have been set back, and of two looks the earlier one claims less.
    pub fn learned(&self, at: Timestamp) {
        self.learned_at.store(at.as_unix_micros(), Ordering::SeqCst);
    }

    /// The last such instant; `None` before the first time.
    pub fn learned_at(&self) -> Option<Timestamp> {
        let micros = self.learned_at.load(Ordering::SeqCst);
        (micros != i64::MIN).then(|| Timestamp::from_unix_micros(micros))
    }

    /// Whether the knowledge is too old to accept a token by it. Nobody knows how old knowledge is that seems to be of
    /// more than a second from now: the clock was set back, and the next look tells.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        let is_good = |at: Timestamp, bound| at <= now.plus(AHEAD) && now <= at.plus(bound);
        self.bound.is_some_and(|bound| self.learned_at().is_none_or(|at| !is_good(at, bound)))
    }
}

/// This replica has not heard for too long which sessions were revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revocations have not been read from the store for longer than the bound")]
pub struct Stale;
