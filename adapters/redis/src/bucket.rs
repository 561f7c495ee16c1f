//! The buckets in Redis: one script, one key a bucket.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::ports::limits::{Permit, Quota};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(86_400);

/// Takes permits out of buckets, and puts them back.
pub(crate) struct Buckets {
    script: Script,
    prefix: String,
}

/// What is done with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Take,
    GiveBack,
}

/// What a bucket said; one that got a permit back says that this was granted.
pub(crate) struct Taken {
    pub(crate) permit: Permit,
    /// The key held something that is not a bucket, and was overwritten.
    pub(crate) foreign: bool,
}

impl Buckets {
    /// Below `prefix`.
    pub(crate) fn new(prefix: &str) -> Self {
        Self { script: Script::new(include_str!("bucket.lua")), prefix: format!("{prefix}:limit:") }
    }

    /// Takes a permit or puts it back, in the time of Redis. One round trip; three when Redis does not know the script yet.
    pub(crate) async fn change(
        &self,
        connection: &mut MultiplexedConnection,
        verb: Verb,
        key: &str,
        quota: Quota,
    ) -> RedisResult<Taken> {
        let (burst, period) = limits(quota);
        let verb = match verb {
            Verb::Take => "take",
            Verb::GiveBack => "give_back",
        };
        let name = self.name(key, quota);
        let (granted, remaining, reset, wait, foreign): (u8, u32, u64, u64, u8) =
            self.script.key(name).arg(burst).arg(period).arg(verb).invoke_async(connection).await?;
        let permit = Permit {
            granted: granted == 1,
            remaining,
            reset: Duration::from_micros(reset),
            retry_after: Duration::from_micros(wait),
        };
        Ok(Taken { permit, foreign: foreign == 1 })
    }

    /// Takes a permit of no consequence: shows that Redis runs the script, keeps what it writes and knows the time.
    pub(crate) async fn try_out(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        self.change(connection, Verb::Take, "", Quota { burst: 1, period: SHORTEST }).await.map(drop)
    }

    /// The bucket's name in Redis: of one length and of harmless characters for any key, and silent about addresses and
    /// accounts. The quota is part of it, because another quota is another bucket.
    fn name(&self, key: &str, quota: Quota) -> String {
        let (burst, period) = limits(quota);
        let mut digest = Context::new(&SHA256);
        digest.update(&burst.to_be_bytes());
        digest.update(&period.to_be_bytes());
        digest.update(key.as_bytes());
        format!("{}{}", self.prefix, URL_SAFE_NO_PAD.encode(digest.finish()))
    }
}

/// Burst and period in microseconds, within the range of the port.
fn limits(quota: Quota) -> (u32, u64) {
    let period = quota.period.clamp(SHORTEST, LONGEST).as_micros();
    (quota.burst.max(1), u64::try_from(period).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_harmless_and_its_own() {
        let buckets = Buckets::new("p");
        let (small, large) = (Quota { burst: 1, period: LONGEST }, Quota { burst: 2, period: LONGEST });
        let keys = ["", "a", "a\r\nFLUSHALL\r\n", "*", &"x".repeat(100_000)];
        let names: std::collections::HashSet<_> =
            keys.iter().flat_map(|key| [buckets.name(key, small), buckets.name(key, large)]).collect();
        assert_eq!(names.len(), 2 * keys.len());
        for name in names {
            let digest = name.strip_prefix("p:limit:").expect("the prefix");
            assert_eq!(digest.len(), 43);
            assert!(digest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{name}");
        }
    }
}
