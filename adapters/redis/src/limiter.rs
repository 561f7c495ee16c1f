//! The limiter that all replicas share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use portcullis_domain::ports::limits::{LimiterError, Permit, Quota, RateLimiter};

use crate::adapter::RedisAdapter;
use crate::bucket::Verb;
use crate::link::Shared;

/// Counts in Redis, and in this process while Redis is away.
///
/// What Redis grants is also counted by the fallback, so that a bucket that this process has seen emptied stays empty
/// when Redis goes away. What is given back is given back to both. The slack of an outage: each replica then grants what its own share leaves in its own bucket,
/// and what was granted meanwhile is not carried back to Redis. At worst a key gets one burst more from each replica.
pub struct RedisLimiter {
    shared: Arc<Shared>,
    fallback: Arc<dyn RateLimiter>,
    foreign_told: AtomicBool,
}

impl RedisLimiter {
    /// Over `redis`, with `fallback` for the time that Redis is away.
    pub fn new(redis: &RedisAdapter, fallback: Arc<dyn RateLimiter>) -> Self {
        Self { shared: Arc::clone(&redis.shared), fallback, foreign_told: AtomicBool::new(false) }
    }

    /// What Redis says; `None` when it is away or says nothing in time, and then nobody asks again until it is back.
    async fn ask(&self, verb: Verb, key: &str, quota: Quota) -> Option<Permit> {
        let mut link = self.shared.link()?;
        let asking = self.shared.buckets.change(&mut link.connection, verb, key, quota);
        match self.shared.answer(self.shared.plan.timeout, asking).await {
            Ok(taken) => {
                if taken.foreign && !self.foreign_told.swap(true, Ordering::Relaxed) {
                    tracing::warn!("a key of the limiter in Redis held something else and was overwritten");
                }
                Some(taken.permit)
            }
            Err(cause) => {
                self.shared.lost(link.number, &cause);
                None
            }
        }
    }
}

#[async_trait]
impl RateLimiter for RedisLimiter {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        let Some(permit) = self.ask(Verb::Take, key, quota).await else {
            metrics::counter!("portcullis_redis_fallbacks_total").increment(1);
            return self.fallback.take(key, quota).await;
        };
        if permit.granted {
            counted_along(self.fallback.take(key, quota).await.map(drop));
        }
        Ok(permit)
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        if self.ask(Verb::GiveBack, key, quota).await.is_none() {
            metrics::counter!("portcullis_redis_fallbacks_total").increment(1);
            return self.fallback.give_back(key, quota).await;
        }
        counted_along(self.fallback.give_back(key, quota).await);
        Ok(())
    }
}

/// Redis has answered: that the fallback could not count along is worth a line.
fn counted_along(counted: Result<(), LimiterError>) {
    if let Err(error) = counted {
        tracing::warn!(%error, "the limiter of this process, which counts along, does not work");
    }
}
