//! Where time comes from.

use std::time::{Duration, Instant, SystemTime};

/// The time of day, and a time that only ever goes forward.
pub trait Clock: Send + Sync + 'static {
    /// The time since 1970-01-01T00:00:00Z: what tokens are compared with.
    fn now(&self) -> Duration;

    /// The time since some fixed instant. MUST never go back: ages and pauses are measured with it.
    fn uptime(&self) -> Duration;
}

/// The clocks of the machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Its uptime begins now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    fn now(&self) -> Duration {
        // A machine that believes in a time before 1970 accepts no token: all are from its future.
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `now` in whole seconds, rounded down.
pub(crate) fn seconds(now: Duration) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
