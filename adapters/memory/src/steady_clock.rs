//! A clock that never goes back, for counting.

use std::sync::{Arc, Mutex, PoisonError};

use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::Clock;

/// The longest it counts, about 146 years: what is added to it never overflows.
const END: u64 = u64::MAX / 4;

/// How long the [`Clock`] has been seen going forwards. The time of day may be set back; buckets that filled by it
/// would then refuse everybody for as long.
pub(crate) struct SteadyClock {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Timestamp,
    nanos: u64,
}

impl SteadyClock {
    /// Begins at zero.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Mutex::new(Seen { at: clock.now(), nanos: 0 });
        Self { clock, seen }
    }

    /// Nanoseconds since its beginning.
    pub(crate) fn now(&self) -> u64 {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let passed = u64::try_from(now.since(seen.at).as_nanos()).unwrap_or(END);
        *seen = Seen { at: now, nanos: seen.nanos.saturating_add(passed).min(END) };
        seen.nanos
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ManualClock;

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let wall = Arc::new(ManualClock::default());
        let steady = SteadyClock::new(wall.clone());
        wall.advance(Duration::from_secs(5));
        assert_eq!(steady.now(), 5_000_000_000);
        wall.set(wall.now().minus(Duration::from_secs(3_600)));
        assert_eq!(steady.now(), 5_000_000_000);
        wall.advance(Duration::from_secs(2));
        assert_eq!(steady.now(), 7_000_000_000);
    }

    #[test]
    fn it_ends_before_it_overflows() {
        let wall = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let steady = SteadyClock::new(wall.clone());
        for _ in 0..3 {
            wall.set(Timestamp::UNIX_EPOCH);
            steady.now();
            wall.advance(Duration::from_secs(200 * 365 * 86_400));
            assert!(steady.now() <= END);
        }
        assert_eq!(steady.now(), END);
    }
}
