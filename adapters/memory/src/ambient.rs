//! Time and chance that a test holds in its hand.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::ports::ambient::{Clock, Randomness};

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_unix_micros()))
    }

    /// Shows `now` from here on, which may be earlier.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_unix_micros(), Ordering::SeqCst);
    }

    /// Goes on by `by`, at most to the end of the calendar.
    pub fn advance(&self, by: Duration) {
        let later = |micros| Some(Timestamp::from_unix_micros(micros).plus(by).as_unix_micros());
        // The closure always gives a value, so there is no failure to speak of.
        let _before = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }
}

impl Default for ManualClock {
    /// A clock that shows 2030-01-01T00:00:00Z.
    fn default() -> Self {
        Self::new(Timestamp::from_unix_seconds(1_893_456_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
}

/// The same "random" bytes for the same seed: for tests only, everybody can compute them (SplitMix64).
#[derive(Debug)]
pub struct SeededRandomness(AtomicU64);

impl SeededRandomness {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// Starts from `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(Self::STEP, Ordering::Relaxed).wrapping_add(Self::STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
