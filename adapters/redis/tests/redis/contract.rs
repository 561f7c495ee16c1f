//! The contract suites on the real server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_memory::contract::{Limiter, Time};
use portcullis_memory::{ManualClock, MemoryRevocations};
use portcullis_redis::{RedisAdapter, RedisLimiter, RedisRevocations};
use tokio::time::Instant;

use crate::server::{Never, becomes_ready, client, patient, prefix, sweep, url};

/// An adapter under a prefix of its own. Dropped, it removes what it left.
struct Fresh {
    redis: Option<RedisAdapter>,
    prefix: String,
}

impl Fresh {
    async fn start() -> Self {
        drop(client(&url()).await); // or say what is missing
        let prefix = prefix();
        Self { redis: Some(RedisAdapter::start(patient(&url(), &prefix)).unwrap()), prefix }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let (redis, prefix) = (self.redis.take(), self.prefix.clone());
        // A runtime of its own: the suite's cannot be waited on here.
        let swept = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Some(redis) = redis {
                    redis.close().await;
                }
                sweep(&prefix).await;
            });
        });
        assert!(swept.join().is_ok() || std::thread::panicking(), "{} was not swept", self.prefix);
    }
}

/// The time that passes by itself.
struct Real(Instant);

#[async_trait]
impl Time for Real {
    async fn pass(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

async fn limiter() -> Limiter {
    let fresh = Fresh::start().await;
    let redis = fresh.redis.as_ref().unwrap();
    becomes_ready(redis).await;
    let limiter = Arc::new(RedisLimiter::new(redis, Arc::new(Never)));
    Limiter { limiter, time: Arc::new(Real(Instant::now())), guard: Box::new(fresh) }
}
portcullis_memory::rate_limiter_contract!(limiter);

/// A list that keeps its adapter.
struct Kept {
    revocations: RedisRevocations,
    _fresh: Fresh,
}

impl RevocationList for Kept {
    fn revoke(&self, grant: GrantId, until: Timestamp) {
        self.revocations.revoke(grant, until);
    }

    fn is_revoked(&self, grant: GrantId) -> bool {
        self.revocations.is_revoked(grant)
    }

    fn forget(&self, now: Timestamp) {
        self.revocations.forget(now);
    }
}

async fn revocations() -> Arc<dyn RevocationList> {
    let fresh = Fresh::start().await;
    let redis = fresh.redis.as_ref().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let revocations = RedisRevocations::new(redis, Arc::new(MemoryRevocations::new()), clock);
    becomes_ready(redis).await;
    Arc::new(Kept { revocations, _fresh: fresh })
}
portcullis_memory::revocation_list_contract!(revocations);
