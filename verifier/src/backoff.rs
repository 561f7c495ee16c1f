//! How long to wait before the next attempt.

use std::time::Duration;

/// Doubles from one pause to another, with jitter, so that services do not storm whoever comes back.
pub(crate) struct Backoff {
    attempts: u32,
    shortest: Duration,
}

impl Backoff {
    pub(crate) const fn new(shortest: Duration) -> Self {
        Self { attempts: 0, shortest }
    }

    /// After a success.
    pub(crate) const fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The next pause, `longest` at most.
    pub(crate) fn next(&mut self, longest: Duration) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        let upper = self.shortest.saturating_mul(1 << (self.attempts - 1).min(16)).min(longest);
        upper.mul_f64(0.5 + 0.5 * chance())
    }
}

/// Evenly between 0 and 1.
pub(crate) fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without chance there is no jitter: all wait equally long, which is the worst that follows.
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(first);
        assert!((first / 2..=first).contains(&backoff.next(longest)));
        assert!((first..=first * 2).contains(&backoff.next(longest)));
        let late: std::collections::HashSet<_> = (0..100).map(|_| backoff.next(longest)).collect();
        assert!(late.len() > 50);
        assert!((longest / 2..=longest).contains(&backoff.next(longest)));
        backoff.attempts = u32::MAX;
        assert!(backoff.next(longest) <= longest);
        backoff.reset();
        assert!(backoff.next(longest) <= first);
    }
}
