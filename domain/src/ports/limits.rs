//! Limits: how often somebody may knock.

use std::time::Duration;

use async_trait::async_trait;

use crate::failure::BoxError;

/// How often something may be done: `burst` times at once, and as many again spread over `period`. The bucket fills
/// steadily (generic cell rate algorithm), so there is no instant at which all permits return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Permits of a full bucket, at least 1.
    pub burst: u32,
    /// How long an empty bucket takes to fill up, 1 ms to 1 day.
    pub period: Duration,
}

/// What a bucket says to one who asks for a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Whether it was given.
    pub granted: bool,
    /// How many permits are left.
    pub remaining: u32,
    /// How long until the bucket is full again.
    pub reset: Duration,
    /// How long until the next permit; zero when this one was given.
    pub retry_after: Duration,
}

/// Counts who knocks how often.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes a permit out of the bucket `key`, if there is one; whoever is refused takes nothing. Of any number of
    /// concurrent calls no more than the bucket holds MUST be granted. Buckets of different keys MUST NOT touch each
    /// other, nor do those of one key with different quotas: what was taken MUST stay taken however many other quotas are
    /// used. A bucket that is full is forgotten; an adapter that has no room for more forgets those nearest to being full
    /// first. It MUST answer within 250 ms: an adapter whose server is away goes on counting for itself and says so in the
    /// log and in its health, it never grants unseen.
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError>;

    /// Puts one permit back that was taken out of the bucket `key` of this quota, for what turned out not to count. The
    /// bucket MUST NOT hold more than its burst by that, and no other bucket changes. Each of any number of concurrent
    /// calls MUST count, whoever takes meanwhile. It MUST answer within 250 ms, as [`RateLimiter::take`] does.
    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError>;
}

/// The limiter cannot count.
#[derive(Debug, thiserror::Error)]
#[error("the rate limiter is not available")]
pub struct LimiterError(#[source] pub BoxError);
