//! The limiter of one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::limits::{LimiterError, Permit, Quota, RateLimiter};

use crate::buckets::{Buckets, Digest};
use crate::steady_clock::SteadyClock;

/// After so many calls one part of the buckets is looked through for full ones.
const SWEEP_EVERY: usize = 64;

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// Counts in memory, for this process alone. A bucket belongs to a key and a quota: the same key under another quota
/// is another bucket, and there may be any number of quotas. Full buckets are forgotten in passing; at most 262,144 are
/// remembered in all, and beyond that those nearest to being full are forgotten early, with a warning. A clock that is
/// set back refuses nobody.
pub struct MemoryLimiter {
    clock: SteadyClock,
    buckets: Buckets,
    calls: AtomicUsize,
}

/// A bucket of a quota, in nanoseconds: as long as it takes to fill.
#[derive(Clone, Copy)]
struct Bucket {
    digest: Digest,
    /// How long one permit takes to come back, at least 1.
    interval: u64,
    /// How long all of them take.
    capacity: u64,
}

impl MemoryLimiter {
    /// Without any buckets.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock: SteadyClock::new(clock), buckets: Buckets::new(), calls: AtomicUsize::new(0) }
    }

    fn bucket(&self, key: &str, quota: Quota) -> Bucket {
        let (burst, period) = (quota.burst.max(1), quota.period.clamp(SHORTEST, LONGEST));
        let interval = nanos(period / burst).max(1);
        let digest = self.buckets.digest(key, burst, period);
        Bucket { digest, interval, capacity: interval * u64::from(burst) }
    }

    /// The present; now and then full buckets are forgotten.
    fn now(&self) -> u64 {
        let now = self.clock.now();
        if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP_EVERY) {
            self.buckets.sweep(now);
        }
        now
    }
}

impl Bucket {
    /// What a bucket says that would be full after `debt`, and its debt then.
    fn take(self, debt: u64) -> (u64, Permit) {
        let over = (debt + self.interval).saturating_sub(self.capacity);
        let granted = over == 0;
        let debt = if granted { debt + self.interval } else { debt };
        let remaining = self.capacity.saturating_sub(debt) / self.interval;
        let permit = Permit {
            granted,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: whole_micros(debt),
            retry_after: whole_micros(over),
        };
        (debt, permit)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Rounded up to what instants are made of: whoever waits so long has waited long enough.
const fn whole_micros(nanos: u64) -> Duration {
    Duration::from_micros(nanos.div_ceil(1_000))
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        let (bucket, now) = (self.bucket(key, quota), self.now());
        Ok(self.buckets.update(bucket.digest, now, |full_at| {
            let (debt, permit) = bucket.take(full_at - now);
            (now + debt, permit)
        }))
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        let (bucket, now) = (self.bucket(key, quota), self.now());
        self.buckets.update(bucket.digest, now, |full_at| (full_at.saturating_sub(bucket.interval), ()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;
    use crate::contract::run;

    const LOGIN: Quota = Quota { burst: 300, period: Duration::from_secs(150) };

    fn remembered(limiter: &MemoryLimiter) -> usize {
        limiter.buckets.len()
    }

    #[test]
    fn a_million_keys_take_bounded_memory_and_whoever_knocked_most_is_still_known() {
        run(async {
            let clock = Arc::new(ManualClock::default());
            let limiter = MemoryLimiter::new(clock.clone());
            while limiter.take("busy", LOGIN).await.unwrap().granted {}
            for number in 0..1_000_000 {
                assert!(limiter.take(&format!("2001:db8:{number:x}::/64"), LOGIN).await.unwrap().granted);
            }
            assert!(remembered(&limiter) <= 262_144, "{}", remembered(&limiter));
            assert!(!limiter.take("busy", LOGIN).await.unwrap().granted, "what was used up stays used up");

            clock.advance(LOGIN.period);
            for _ in 0..2 * 64 * SWEEP_EVERY {
                limiter.take("somebody", LOGIN).await.unwrap();
            }
            assert!(remembered(&limiter) <= 2, "full buckets are forgotten: {}", remembered(&limiter));
        });
    }

    #[test]
    fn buckets_of_a_quota_that_is_no_longer_used_are_forgotten_too() {
        run(async {
            let clock = Arc::new(ManualClock::default());
            let limiter = MemoryLimiter::new(clock.clone());
            for number in 0..1_000 {
                limiter.take(&number.to_string(), LOGIN).await.unwrap();
            }
            clock.advance(LOGIN.period);
            let other = Quota { burst: 1, ..LOGIN };
            for _ in 0..3 * 64 * SWEEP_EVERY {
                limiter.take("somebody", other).await.unwrap();
            }
            assert!(remembered(&limiter) <= 1, "{}", remembered(&limiter));
        });
    }

    #[test]
    fn a_million_quotas_take_bounded_memory_and_whoever_knocked_most_is_still_known() {
        run(async {
            let limiter = MemoryLimiter::new(Arc::new(ManualClock::default()));
            while limiter.take("busy", LOGIN).await.unwrap().granted {}
            for burst in 1_000..1_001_000 {
                assert!(limiter.take("key", Quota { burst, ..LOGIN }).await.unwrap().granted);
            }
            assert!(remembered(&limiter) <= 262_144, "{}", remembered(&limiter));
            assert!(!limiter.take("busy", LOGIN).await.unwrap().granted, "what was used up stays used up");
        });
    }

    #[test]
    fn a_bucket_that_is_full_by_what_is_given_back_takes_no_room() {
        run(async {
            let limiter = MemoryLimiter::new(Arc::new(ManualClock::default()));
            limiter.take("key", LOGIN).await.unwrap();
            limiter.give_back("key", LOGIN).await.unwrap();
            limiter.give_back("another", LOGIN).await.unwrap();
            assert_eq!(remembered(&limiter), 0);
        });
    }

    #[test]
    fn a_clock_that_is_set_back_refuses_nobody() {
        run(async {
            let clock = Arc::new(ManualClock::default());
            let limiter = MemoryLimiter::new(clock.clone());
            while limiter.take("key", LOGIN).await.unwrap().granted {}
            clock.set(clock.now().minus(Duration::from_secs(3_600)));
            let refused = limiter.take("key", LOGIN).await.unwrap();
            assert!(!refused.granted && refused.retry_after <= Duration::from_millis(500), "{refused:?}");
            clock.advance(refused.retry_after);
            assert!(limiter.take("key", LOGIN).await.unwrap().granted);
        });
    }
}
