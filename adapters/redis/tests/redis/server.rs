//! The shared test server, with names of the test's own, and what a test needs to look at it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::limits::{Permit, Quota, RateLimiter};
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_memory::{ManualClock, MemoryLimiter, MemoryRevocations, SeededRandomness};
use portcullis_redis::{RedisAdapter, RedisLimiter, RedisRevocations, RedisSettings};
use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, sleep};
use url::Url;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// The test server's URL.
#[expect(clippy::disallowed_methods, reason = "tests find their servers by the environment")]
pub(crate) fn url() -> String {
    std::env::var("PORTCULLIS_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

/// `host:port` of the test server.
pub(crate) fn address() -> String {
    let url = Url::parse(&url()).expect("PORTCULLIS_TEST_REDIS is a URL");
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(6379))
}

/// The test server's URL with another address, say a proxy's.
pub(crate) fn url_at(address: std::net::SocketAddr) -> String {
    let mut url = Url::parse(&url()).unwrap();
    url.set_host(Some(&address.ip().to_string())).unwrap();
    url.set_port(Some(address.port())).unwrap();
    url.into()
}

/// A prefix that no other test uses.
pub(crate) fn prefix() -> String {
    format!("portcullis.test.{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// The Redis at `url`, which may be slow on a busy machine, under `prefix`.
pub(crate) fn patient(url: &str, prefix: &str) -> RedisSettings {
    let url = url.to_owned();
    RedisSettings { prefix: prefix.to_owned(), timeout: Duration::from_secs(5), ..RedisSettings::at(url) }
}

/// The Redis at `url` with the timeout of every day.
pub(crate) fn usual(url: &str, prefix: &str) -> RedisSettings {
    RedisSettings { prefix: prefix.to_owned(), ..RedisSettings::at(url.to_owned()) }
}

/// A plain client.
pub(crate) async fn client(url: &str) -> MultiplexedConnection {
    let opened = redis::Client::open(url).unwrap().get_multiplexed_async_connection().await;
    opened.unwrap_or_else(|error| panic!("these tests need a Redis at {} (PORTCULLIS_TEST_REDIS): {error}", address()))
}

/// The names of all keys under `prefix`.
pub(crate) async fn keys(client: &mut MultiplexedConnection, prefix: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(format!("{prefix}:*")).query_async(client).await.unwrap()
}

/// Removes what a test has left on the shared server.
pub(crate) async fn sweep(prefix: &str) {
    let mut client = client(&url()).await;
    for key in keys(&mut client, prefix).await {
        redis::cmd("DEL").arg(key).exec_async(&mut client).await.unwrap();
    }
}

/// One replica: the adapter and both ports over it.
pub(crate) struct Replica {
    pub(crate) redis: RedisAdapter,
    pub(crate) limiter: RedisLimiter,
    pub(crate) revocations: RedisRevocations,
    pub(crate) clock: Arc<ManualClock>,
}

impl Replica {
    /// Started, whether Redis is there or not.
    pub(crate) fn start(settings: RedisSettings) -> Self {
        let clock = Arc::new(ManualClock::default());
        let redis = RedisAdapter::start(settings).expect("the settings are valid");
        let limiter = RedisLimiter::new(&redis, Arc::new(MemoryLimiter::new(clock.clone())));
        let revocations = RedisRevocations::new(&redis, Arc::new(MemoryRevocations::new()), clock.clone());
        Self { redis, limiter, revocations, clock }
    }

    /// Started on the shared server, and ready.
    pub(crate) async fn ready(prefix: &str) -> Self {
        drop(client(&url()).await); // or say what is missing
        let replica = Self::start(patient(&url(), prefix));
        becomes_ready(&replica.redis).await;
        replica
    }

    pub(crate) async fn take(&self, key: &str, quota: Quota) -> Permit {
        self.limiter.take(key, quota).await.expect("a limiter with a fallback always answers")
    }

    /// How many of `count` attempts are granted.
    pub(crate) async fn granted(&self, key: &str, quota: Quota, count: u32) -> u32 {
        let mut granted = 0;
        for _ in 0..count {
            granted += u32::from(self.take(key, quota).await.granted);
        }
        granted
    }

    /// Revokes a new grant for an hour.
    pub(crate) fn revoke(&self) -> GrantId {
        let grant = grant();
        self.revocations.revoke(grant, self.until());
        grant
    }

    /// An hour from now.
    pub(crate) fn until(&self) -> Timestamp {
        self.clock.now().plus(HOUR)
    }

    pub(crate) async fn learns(&self, grant: GrantId) {
        eventually("the revocation arrives", || self.revocations.is_revoked(grant)).await;
    }
}

/// A grant that nobody knows.
pub(crate) fn grant() -> GrantId {
    static RANDOM: SeededRandomness = SeededRandomness::new(27);
    GrantId::new(Timestamp::UNIX_EPOCH, &RANDOM)
}

/// Waits until `holds`, at most 20 s.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "not within 20 s: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn becomes_ready(redis: &RedisAdapter) {
    let until = Instant::now() + Duration::from_secs(20);
    while !redis.is_ready() {
        assert!(Instant::now() < until, "not ready within 20 s: {:?}", redis.last_error());
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until the adapter says `words` about its trouble, at most 20 s.
pub(crate) async fn says(redis: &RedisAdapter, words: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while !redis.last_error().is_some_and(|error| error.contains(words)) {
        assert!(Instant::now() < until, "not {words:?} but {:?}", redis.last_error());
        sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) async fn stops_being_ready(redis: &RedisAdapter) {
    eventually("the adapter notices", || !redis.is_ready()).await;
}

/// A fallback that must not be needed.
pub(crate) struct Never;

#[async_trait]
impl RateLimiter for Never {
    async fn take(&self, _: &str, _: Quota) -> Result<Permit, portcullis_domain::ports::limits::LimiterError> {
        Err(portcullis_domain::ports::limits::LimiterError("the fallback was asked".into()))
    }

    async fn give_back(&self, _: &str, _: Quota) -> Result<(), portcullis_domain::ports::limits::LimiterError> {
        Err(portcullis_domain::ports::limits::LimiterError("the fallback was asked".into()))
    }
}
