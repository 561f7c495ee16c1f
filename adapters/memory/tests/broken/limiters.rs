//! Broken limiters.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::ports::limits::{LimiterError, Permit, Quota, RateLimiter};
use portcullis_memory::contract::{self, Limiter, Time};
use portcullis_memory::{ManualClock, MemoryLimiter};

use crate::caught;

/// Time that stands still.
struct Still;

#[async_trait]
impl Time for Still {
    async fn pass(&self, _: Duration) {}

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

fn limits(limiter: impl RateLimiter + 'static) -> Limiter {
    Limiter { limiter: Arc::new(limiter), time: Arc::new(Still), guard: Box::new(()) }
}

fn honest() -> MemoryLimiter {
    MemoryLimiter::new(Arc::new(ManualClock::default()))
}

/// Looks first and takes later.
struct Tearing(Mutex<u32>);

#[async_trait]
impl RateLimiter for Tearing {
    async fn take(&self, _: &str, quota: Quota) -> Result<Permit, LimiterError> {
        let taken = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let granted = taken < quota.burst;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = taken + u32::from(granted);
        let remaining = quota.burst.saturating_sub(taken + 1);
        Ok(Permit { granted, remaining, reset: quota.period, retry_after: Duration::ZERO })
    }

    async fn give_back(&self, _: &str, _: Quota) -> Result<(), LimiterError> {
        Ok(())
    }
}

#[test]
fn b27_a_limiter_that_looks_first_and_takes_later_is_caught() {
    caught(|| async {
        contract::rate_limiter::b27_of_a_race_no_more_than_the_burst_is_granted(&limits(Tearing(Mutex::default())))
            .await;
    });
}

/// Lets whoever is refused wait longer each time.
struct Resentful(MemoryLimiter, AtomicU8);

#[async_trait]
impl RateLimiter for Resentful {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        let mut permit = self.0.take(key, quota).await?;
        if !permit.granted {
            permit.retry_after += Duration::from_millis(1) * u32::from(self.1.fetch_add(1, Ordering::SeqCst));
        }
        Ok(permit)
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        self.0.give_back(key, quota).await
    }
}

#[test]
fn a_limiter_that_charges_for_refusals_is_caught() {
    caught(|| async {
        let limiter = limits(Resentful(honest(), AtomicU8::new(0)));
        contract::rate_limiter::whoever_is_refused_takes_nothing(&limiter).await;
    });
}

/// Takes keys for the same that are not.
struct Blurred(MemoryLimiter);

#[async_trait]
impl RateLimiter for Blurred {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        self.0.take(key.trim(), quota).await
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        self.0.give_back(key.trim(), quota).await
    }
}

#[test]
fn a_limiter_that_trims_its_keys_is_caught() {
    caught(|| async {
        contract::rate_limiter::buckets_of_different_keys_do_not_touch_each_other(&limits(Blurred(honest()))).await;
    });
}

/// Has room for 32 quotas: with another one it forgets all it knows.
struct Crowded(Mutex<(Arc<MemoryLimiter>, Vec<Quota>)>);

impl Crowded {
    fn limiter(&self, quota: Quota) -> Arc<MemoryLimiter> {
        let (limiter, quotas) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !quotas.contains(&quota) {
            quotas.push(quota);
        }
        if quotas.len() > 32 {
            (*limiter, *quotas) = (Arc::new(honest()), vec![quota]);
        }
        limiter.clone()
    }
}

#[async_trait]
impl RateLimiter for Crowded {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        self.limiter(quota).take(key, quota).await
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        self.limiter(quota).give_back(key, quota).await
    }
}

#[test]
fn a_limiter_that_forgets_for_the_sake_of_other_quotas_is_caught() {
    caught(|| async {
        let limiter = limits(Crowded(Mutex::new((Arc::new(honest()), Vec::new()))));
        contract::rate_limiter::what_was_taken_stays_taken_however_many_other_quotas_are_used(&limiter).await;
    });
}

/// Puts back twice what was taken.
struct Lavish(MemoryLimiter);

#[async_trait]
impl RateLimiter for Lavish {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        self.0.take(key, quota).await
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        self.0.give_back(key, quota).await?;
        self.0.give_back(key, quota).await
    }
}

#[test]
fn a_limiter_that_gives_more_back_than_was_taken_is_caught() {
    caught(|| async {
        contract::rate_limiter::of_a_race_of_givers_each_counts_and_nobody_gets_more(&limits(Lavish(honest()))).await;
    });
}
