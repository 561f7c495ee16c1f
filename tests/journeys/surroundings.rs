//! What the machine tells the tests: settings in the environment, and the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A variable of the environment; none when it is not set.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the servers are")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The time since 1970.
#[expect(clippy::disallowed_methods, reason = "tests watch a real process in real time")]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970")
}
