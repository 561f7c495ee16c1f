//! The limiter of one process.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::limits::{LimiterError, Permit, Quota, RateLimiter};

use crate::buckets::{Buckets, Digest};
use crate::steady_clock::SteadyClock;

/// How many quotas have buckets at the same time. Quotas come from settings, so there are a handful.
const QUOTAS: usize = 32;

/// After so many permits one part of the buckets of one quota is looked through for full ones.
const SWEEP_EVERY: usize = 64;

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// Counts in memory, for this process alone. A bucket belongs to a key and a quota: the same key under another quota
/// is another bucket. Full buckets are forgotten in passing; of each quota at most 262,144 are remembered, and beyond
/// that those nearest to being full are forgotten early, with a warning. A clock that is set back refuses nobody.
pub struct MemoryLimiter {
    clock: SteadyClock,
    rules: RwLock<Vec<Arc<Rule>>>,
    takes: AtomicUsize,
}

type Governor = governor::RateLimiter<Digest, Buckets, SteadyClock, StateInformationMiddleware>;

/// One quota and its buckets.
struct Rule {
    quota: Quota,
    burst: u32,
    /// How long one permit takes to come back.
    interval: Duration,
    begun: u64,
    clock: SteadyClock,
    governor: Governor,
    buckets: Buckets,
}

impl MemoryLimiter {
    /// Without any buckets.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock: SteadyClock::new(clock), rules: RwLock::default(), takes: AtomicUsize::new(0) }
    }

    fn rule(&self, quota: Quota) -> Arc<Rule> {
        let known = |rules: &Vec<Arc<Rule>>| rules.iter().find(|rule| rule.quota == quota).cloned();
        if let Some(rule) = known(&self.rules.read().unwrap_or_else(PoisonError::into_inner)) {
            return rule;
        }
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        known(&rules).unwrap_or_else(|| {
            if rules.len() >= QUOTAS {
                rules.remove(0);
            }
            let rule = Arc::new(Rule::new(quota, self.clock.clone()));
            rules.push(rule.clone());
            rule
        })
    }

    /// Now and then forgets full buckets, also those of quotas that nobody asks for any more.
    fn sweep_sometimes(&self) {
        let takes = self.takes.fetch_add(1, Ordering::Relaxed);
        if takes.is_multiple_of(SWEEP_EVERY) {
            let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(rule) = rules.get(takes / SWEEP_EVERY % rules.len().max(1)) {
                rule.sweep();
            }
        }
    }
}

impl Rule {
    fn new(quota: Quota, clock: SteadyClock) -> Self {
        let burst = NonZeroU32::new(quota.burst).unwrap_or(NonZeroU32::MIN);
        let period = quota.period.clamp(SHORTEST, LONGEST);
        let interval = (period / burst.get()).max(Duration::from_nanos(1));
        let limits = governor::Quota::with_period(interval)
            .unwrap_or(governor::Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let buckets = Buckets::new(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX));
        let begun = clock.now().as_u64();
        let governor = Governor::new(limits, buckets.clone(), clock.clone());
        Self { quota, burst: burst.get(), interval, begun, clock, governor, buckets }
    }

    fn take(&self, key: &str) -> Permit {
        match self.governor.check_key(&self.buckets.digest(key)) {
            Ok(left) => {
                let remaining = left.remaining_burst_capacity();
                // The fraction of a permit that may have come back already is not told: this is never too early.
                let reset = whole_micros(self.interval * self.burst.saturating_sub(remaining));
                Permit { granted: true, remaining, reset, retry_after: Duration::ZERO }
            }
            Err(refusal) => {
                let wait = refusal.wait_time_from(self.clock.now());
                let reset = whole_micros(wait + self.interval * (self.burst - 1));
                Permit { granted: false, remaining: 0, reset, retry_after: whole_micros(wait) }
            }
        }
    }

    fn sweep(&self) {
        self.buckets.sweep(self.clock.now().as_u64().saturating_sub(self.begun));
    }
}

/// Rounded up to what instants are made of: whoever waits so long has waited long enough.
fn whole_micros(duration: Duration) -> Duration {
    let micros = duration.as_nanos().div_ceil(1_000);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        self.sweep_sometimes();
        Ok(self.rule(quota).take(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;
    use crate::contract::run;

    const LOGIN: Quota = Quota { burst: 300, period: Duration::from_secs(150) };

    fn remembered(limiter: &MemoryLimiter) -> usize {
        limiter.rules.read().unwrap().iter().map(|rule| rule.buckets.len()).sum()
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
    fn the_number_of_quotas_is_bounded() {
        run(async {
            let limiter = MemoryLimiter::new(Arc::new(ManualClock::default()));
            for burst in 1..=1_000 {
                assert!(limiter.take("key", Quota { burst, ..LOGIN }).await.unwrap().granted);
            }
            assert_eq!(limiter.rules.read().unwrap().len(), QUOTAS);
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
