//! What a test decides before its service begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::service::TestService;
use super::wiring::{self, ManualClock};
use crate::StartError;
use crate::config::{Config, ConfigError, Sources};

/// What is different from production unless a test says otherwise.
const DEFAULTS: [(&str, &str); 16] = [
    ("database.url", "memory:"),
    ("server.port", "0"),
    ("management.port", "0"),
    // Its keys and signatures come from the seed alone.
    ("tokens.algorithm", "EdDSA"),
    ("limits.login", "off"),
    ("limits.register", "off"),
    ("limits.refresh", "off"),
    ("limits.introspect", "off"),
    ("limits.change", "off"),
    ("limits.manage", "off"),
    ("limits.export", "off"),
    ("limits.other", "off"),
    // Only strict passwords are hashed for real: cheaply, and by one thread.
    ("passwords.allow_weak", "true"),
    ("passwords.memory_kib", "64"),
    ("passwords.iterations", "1"),
    ("passwords.threads", "1"),
];

/// A [`TestService`] in the making.
#[derive(Clone, Debug)]
pub struct Builder {
    settings: BTreeMap<String, String>,
    clock: Option<Arc<ManualClock>>,
    seed: u64,
    strict_passwords: bool,
    listens: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        let mut settings = BTreeMap::new();
        for (key, value) in DEFAULTS {
            settings.insert(key.to_owned(), value.to_owned());
        }
        Self { settings, clock: None, seed: 0, strict_passwords: false, listens: false }
    }

    /// Any setting of the service by its key, as `portcullis config template` lists them: `sessions.reuse_grace` to
    /// `0s`. Whatever leads out of the process is refused: `events.amqp_url`, `redis.url`, another `database.url`.
    #[must_use]
    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// `iss` of the tokens, the base of all URLs: `https://auth.test`, or the address of a service that listens.
    #[must_use]
    pub fn issuer(self, url: &str) -> Self {
        self.setting("tokens.issuer", url)
    }

    /// `aud` of the tokens: `portcullis`.
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        self.setting("tokens.audience", audience)
    }

    /// How long access tokens live: 15 minutes.
    #[must_use]
    pub fn access_ttl(self, ttl: Duration) -> Self {
        self.setting("tokens.access_ttl", &format!("{}ms", ttl.as_millis()))
    }

    /// What JWTs are signed with: `EdDSA`, and otherwise `ES256` or `RS256`, whose keys and signatures differ each time.
    /// Getting ready for the first of those takes the process some tens of milliseconds, and a key for RS256 a second.
    #[must_use]
    pub fn algorithm(self, algorithm: &str) -> Self {
        self.setting("tokens.algorithm", algorithm)
    }

    /// Access tokens are PASETOs (v4.public), not JWTs.
    #[must_use]
    pub fn paseto(self) -> Self {
        self.setting("tokens.format", "paseto")
    }

    /// Requests are limited as in production.
    #[must_use]
    pub fn limits(mut self) -> Self {
        self.settings.retain(|key, _| !key.starts_with("limits."));
        self
    }

    /// Passwords are judged and hashed as in production, at the lowest cost, which takes a thread and some megabytes.
    /// Otherwise only a dozen passwords and one's own name are refused, and hashes protect nothing.
    #[must_use]
    pub const fn strict_passwords(mut self) -> Self {
        self.strict_passwords = true;
        self
    }

    /// The time: otherwise a clock of its own, which stands where that of the machine stood.
    #[must_use]
    pub fn clock(mut self, clock: Arc<ManualClock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where chance begins. With the same seed, clock and calls come the same ids, secrets, keys and tokens. Anybody can
    /// compute what comes from a seed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// It answers on a free port of the loopback interface, too; that address is the issuer unless another one is set.
    #[must_use]
    pub const fn listen(mut self) -> Self {
        self.listens = true;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// When a setting is unknown or cannot be used, or no port can be opened.
    pub async fn build(self) -> Result<TestService, StartError> {
        let clock = self.clock.clone().unwrap_or_else(wiring::clock_of_now);
        let ambient = wiring::ambient(clock.clone(), self.seed);
        TestService::assemble(self.config()?, clock, ambient, self.strict_passwords, self.listens).await
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let variable = |key: &String| format!("PORTCULLIS__{}", key.to_uppercase().replace('.', "__"));
        let environment = self.settings.iter().map(|(key, value)| (variable(key), value.clone())).collect();
        let config = Config::load(&Sources { environment, ..Sources::default() })?;
        let leads_out = |key, remedy: &str| Err(ConfigError::new(key, "the test", remedy.to_owned()));
        if !config.database.url.expose().starts_with("memory:") {
            return leads_out("database.url", "a service in a test keeps everything in memory: leave it out");
        }
        if config.redis.is_some() {
            return leads_out("redis.url", "a service in a test counts for itself: leave it out");
        }
        if config.events.amqp_url.is_some() {
            return leads_out(
                "events.amqp_url",
                "a service in a test keeps its events: ask it for them, and leave this out",
            );
        }
        Ok(config)
    }
}
