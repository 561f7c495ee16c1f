//! What the adapter needs to know, and what is wrong with it.

use std::time::Duration;

use portcullis_domain::secret::SecretString;

use crate::address::Address;

/// The limiter port promises an answer within 250 ms; the rest is for the fallback.
const USUAL_TIMEOUT: Duration = Duration::from_millis(200);
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_PREFIX: usize = 64;

/// How to reach Redis and under which names to keep things there.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// `redis://[user]:password@host:6379/db` or `rediss://…` (TLS); all but the host may be left out. User and password are
    /// percent-encoded. For TLS several parameters after `?`: `cacertfile` (PEM with the authorities to trust instead of
    /// the public ones), `certfile` and `keyfile` (PEM, client certificate).
    pub url: SecretString,
    /// What all keys and channels begin with: 1 to 64 letters, digits, `.`, `_`, `-` or `:`. Services that share it share
    /// their limits and revocations.
    pub prefix: String,
    /// How long an answer may take before Redis counts as away, 1 ms to 5 s. More than 200 ms breaks the promise of the
    /// limiter port to answer within 250 ms.
    pub timeout: Duration,
}

impl RedisSettings {
    /// The Redis at `url`, under the prefix `portcullis`, with a timeout of 200 ms.
    pub fn at(url: impl Into<SecretString>) -> Self {
        Self { url: url.into(), prefix: "portcullis".to_owned(), timeout: USUAL_TIMEOUT }
    }
}

/// Why the adapter cannot start. No variant holds the URL or a part of its credentials.
#[derive(Debug, thiserror::Error)]
pub enum RedisConfigError {
    /// The URL is not a Redis URL.
    #[error("the Redis URL is not valid: {0}")]
    Url(&'static str),
    /// The URL has a parameter that is not known here.
    #[error("the Redis URL has the unknown parameter {0:?}; known are cacertfile, certfile and keyfile")]
    UnknownParameter(String),
    /// Empty, too long, or with other characters than allowed.
    #[error("the Redis prefix must be 1 to 64 letters, digits, dots, underscores, hyphens or colons")]
    Prefix,
    /// Too short to be met, or too long to be of use.
    #[error("the Redis timeout must be 1 to 5000 milliseconds")]
    Timeout,
    /// A certificate or key could not be used.
    #[error("TLS for the Redis URL cannot be set up: {0}")]
    Tls(String),
    /// There is no Tokio runtime to run the background tasks on.
    #[error("the Redis adapter needs a Tokio runtime to start on")]
    Runtime,
}

/// Settings that hold: everything is parsed and within its limits.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) address: Address,
    pub(crate) prefix: String,
    pub(crate) timeout: Duration,
}

impl TryFrom<RedisSettings> for Plan {
    type Error = RedisConfigError;

    fn try_from(settings: RedisSettings) -> Result<Self, RedisConfigError> {
        let RedisSettings { url, prefix, timeout } = settings;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        if prefix.is_empty() || prefix.len() > MAX_PREFIX || !prefix.chars().all(allowed) {
            return Err(RedisConfigError::Prefix);
        }
        if !(MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) {
            return Err(RedisConfigError::Timeout);
        }
        Ok(Self { address: Address::parse(url.expose())?, prefix, timeout })
    }
}

impl Plan {
    /// The sorted set of revocations.
    pub(crate) fn revocations_key(&self) -> String {
        format!("{}:revocations", self.prefix)
    }

    /// Channels, other than keys, are common to all databases of a server.
    pub(crate) fn revocations_channel(&self) -> String {
        format!("{}:revocations:{}", self.prefix, self.address.database)
    }
}
