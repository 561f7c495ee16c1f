//! The time of the machine.

use std::time::SystemTime;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::Clock;

/// Tells the operating system's time in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port where time enters")]
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        })
    }
}
