//! A clock that stands still.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// Noon of 2026-01-01 in UTC.
const NOON: u64 = 1_767_268_800;

/// A clock that goes on only when it is told to. It begins at noon of 2026-01-01 in UTC.
#[derive(Debug)]
pub struct ManualClock {
    /// In microseconds since 1970.
    now: AtomicU64,
    /// In microseconds.
    uptime: AtomicU64,
}

impl ManualClock {
    /// At noon.
    pub const fn new() -> Self {
        Self { now: AtomicU64::new(NOON * 1_000_000), uptime: AtomicU64::new(0) }
    }

    /// Lets `time` pass.
    pub fn advance(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.now.fetch_add(micros, Ordering::AcqRel);
        self.uptime.fetch_add(micros, Ordering::AcqRel);
    }

    /// Sets the time of day, in seconds since 1970, as somebody may who corrects a clock.
    pub fn set(&self, seconds: u64) {
        self.now.store(seconds.saturating_mul(1_000_000), Ordering::Release);
    }

    /// Seconds since 1970.
    pub fn seconds(&self) -> i64 {
        crate::clock::seconds(self.now())
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_micros(self.now.load(Ordering::Acquire))
    }

    fn uptime(&self) -> Duration {
        Duration::from_micros(self.uptime.load(Ordering::Acquire))
    }
}

impl Clock for std::sync::Arc<ManualClock> {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn uptime(&self) -> Duration {
        (**self).uptime()
    }
}
