//! How long to wait before the next attempt.

use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Doubles from 50 ms to 1 s, with jitter, so that replicas do not storm a server that comes back.
pub(crate) struct Backoff {
    attempts: u32,
    started: Instant,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { attempts: 0, started: Instant::now() }
    }

    /// After a connection that was of use.
    pub(crate) const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next pause. The nanoseconds that have passed are chance enough to tell replicas apart.
    pub(crate) fn next(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        pause(self.attempts, self.started.elapsed().subsec_nanos())
    }
}

/// Between half of the doubled pause and all of it; `chance` decides by its scrambled bits.
fn pause(attempts: u32, chance: u32) -> Duration {
    let upper = SHORTEST.saturating_mul(1 << attempts.min(5)).min(LONGEST);
    let lower = (upper / 2).max(SHORTEST);
    let scrambled = u64::from(chance).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54; // the best 10 bits of a Fibonacci hash
    lower + (upper - lower).mul_f64(scrambled as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_one_second() {
        for chance in [0, 1, 12_345, 999_999_999] {
            assert!((SHORTEST..=SHORTEST * 2).contains(&pause(1, chance)));
            assert!((LONGEST / 2..=LONGEST).contains(&pause(6, chance)));
            assert!((LONGEST / 2..=LONGEST).contains(&pause(u32::MAX, chance)));
        }
    }

    #[test]
    fn replicas_pause_differently() {
        let pauses: std::collections::HashSet<_> = (0..100).map(|nanos| pause(6, 500_000_000 + nanos)).collect();
        assert!(pauses.len() > 50, "{} of 100", pauses.len());
    }
}
