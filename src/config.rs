//! The configuration: parsed once at start, every mistake named with its key, its origin and the remedy.

mod knobs;
mod layers;
mod render;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::{Algorithm, Scope};

pub use layers::Sources;
use layers::Value;
pub use render::{print, template};

/// Everything that the operator decides. Secrets are redacted in `Debug`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Config {
    pub secret_key: Option<SecretString>,
    pub server: Server,
    pub management: Option<(IpAddr, u16)>,
    pub database: Database,
    pub events: Events,
    pub tokens: Tokens,
    pub sessions: Sessions,
    pub passwords: Passwords,
    pub clients: Vec<(String, SecretString)>,
    pub log: Log,
}

/// The public listener.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Server {
    pub host: IpAddr,
    pub port: u16,
    pub body_limit: usize,
    pub request_timeout: Duration,
    pub header_timeout: Duration,
    pub max_connections: usize,
    pub drain_timeout: Duration,
    pub access_log: bool,
    pub threads: usize,
}

/// The database.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Database {
    pub url: SecretString,
    pub max_connections: u32,
    pub acquire_timeout: Duration,
}

/// The way out of events.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Events {
    pub amqp_url: Option<SecretString>,
    pub exchange: String,
    pub queue: Option<String>,
    pub confirm_timeout: Duration,
    pub announce_refreshes: bool,
}

/// Access tokens.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Tokens {
    pub signing: Algorithm,
    pub jwt_algorithm: Algorithm,
    pub issuer: Option<String>,
    pub audience: String,
    pub scope: Scope,
    pub access_ttl: Duration,
    pub cache_entries: usize,
}

/// Lifetimes of sessions.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Sessions {
    pub idle_ttl: Duration,
    pub absolute_ttl: Duration,
    pub reuse_grace: Duration,
}

/// Password rules and the cost of hashing.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Passwords {
    pub min_length: usize,
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
    pub allow_weak: bool,
    pub threads: usize,
    pub queue: usize,
}

/// The log.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// A setting that cannot be used: which, where it stands, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} (from {origin}): {problem}")]
pub struct ConfigError {
    /// The setting.
    pub key: String,
    /// Where its value stands.
    pub origin: String,
    /// What is wrong and what would be right; never a secret.
    pub problem: String,
}

impl ConfigError {
    /// A mistake.
    pub fn new(key: &str, origin: &str, problem: String) -> Self {
        Self { key: key.to_owned(), origin: origin.to_owned(), problem }
    }
}

impl Config {
    /// Reads all sources and checks every value.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let v = Values(sources.read()?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jwt_algorithm = v.parse("tokens.algorithm", "one of ES256, EdDSA, RS256", |text| {
            Algorithm::parse(text).filter(|algorithm| *algorithm != Algorithm::V4Public)
        })?;
        let signing = v.parse("tokens.format", "jwt or paseto", |text| match text {
            "jwt" => Some(jwt_algorithm),
            "paseto" => Some(Algorithm::V4Public),
            _ => None,
        })?;
        let management_host = v.parse("management.host", "an IP address", |text| text.parse().ok())?;
        let management_port: u16 = v.number("management.port", 0, 65_535)?;
        let config = Self {
            secret_key: v.secret_key()?,
            server: Server {
                host: v.parse("server.host", "an IP address", |text| text.parse().ok())?,
                port: v.number("server.port", 0, 65_535)?,
                body_limit: v.number("server.body_limit", 1_024, 16_777_216)?,
                request_timeout: v.duration("server.request_timeout", 1, 600)?,
                header_timeout: v.duration("server.header_timeout", 1, 600)?,
                max_connections: v.number("server.max_connections", 1, 1_000_000)?,
                drain_timeout: v.duration("server.drain_timeout", 0, 600)?,
                access_log: v.truth("server.access_log")?,
                threads: v.optional_number("server.threads", 1, 1_024)?.unwrap_or(cores),
            },
            management: (management_port != 0).then_some((management_host, management_port)),
            database: Database {
                url: v.database_url()?,
                max_connections: v.number("database.max_connections", 1, 1_000)?,
                acquire_timeout: v.duration("database.acquire_timeout", 1, 60)?,
            },
            events: Events {
                amqp_url: v.amqp_url()?,
                exchange: v.name("events.exchange")?,
                queue: Some(v.text("events.queue")).filter(|queue| !queue.is_empty()),
                confirm_timeout: v.duration("events.confirm_timeout", 1, 10)?,
                announce_refreshes: v.truth("events.announce_refreshes")?,
            },
            tokens: Tokens {
                signing,
                jwt_algorithm,
                issuer: v.issuer()?,
                audience: v.name("tokens.audience")?,
                scope: v.parse("tokens.scope", "words separated by single spaces", |text| Scope::parse(text).ok())?,
                access_ttl: v.duration("tokens.access_ttl", 1, 86_400)?,
                cache_entries: v.number("tokens.cache_entries", 0, 10_000_000)?,
            },
            sessions: Sessions {
                idle_ttl: v.duration("sessions.idle_ttl", 1, 10 * 365 * 86_400)?,
                absolute_ttl: v.duration("sessions.absolute_ttl", 1, 10 * 365 * 86_400)?,
                reuse_grace: v.duration("sessions.reuse_grace", 0, 60)?,
            },
            passwords: Passwords {
                min_length: v.number("passwords.min_length", 8, 128)?,
                memory_kib: v.number("passwords.memory_kib", 8, 1_048_576)?,
                iterations: v.number("passwords.iterations", 1, 64)?,
                parallelism: v.number("passwords.parallelism", 1, 64)?,
                allow_weak: v.truth("passwords.allow_weak")?,
                threads: v.optional_number("passwords.threads", 1, 1_024)?.unwrap_or(cores),
                queue: v.number("passwords.queue", 1, 100_000)?,
            },
            clients: v.clients()?,
            log: Log {
                format: v.parse("log.format", "json, text or auto", |text| match text {
                    "auto" => Some(LogFormat::Auto),
                    "json" => Some(LogFormat::Json),
                    "text" => Some(LogFormat::Text),
                    _ => None,
                })?,
                level: v.text("log.level"),
            },
        };
        v.check_together(&config)?;
        Ok(config)
    }
}

/// The values found, with typed access; what nobody set has its default.
struct Values(BTreeMap<&'static str, Value>);

impl Values {
    fn find(&self, key: &'static str) -> Option<Value> {
        let default = knobs::find(key).and_then(|knob| knob.default);
        let default = || default.map(|text| Value { text: text.to_owned(), origin: "the default".to_owned() });
        self.0.get(key).cloned().or_else(default)
    }

    fn text(&self, key: &'static str) -> String {
        self.find(key).map(|value| value.text).unwrap_or_default()
    }

    fn error(&self, key: &'static str, problem: String) -> ConfigError {
        let origin = self.find(key).map_or_else(|| "not set".to_owned(), |value| value.origin);
        ConfigError::new(key, &origin, problem)
    }

    fn parse<T>(&self, key: &'static str, want: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ConfigError> {
        let text = self.text(key);
        let shown =
            if knobs::find(key).is_some_and(|knob| knob.secret) { "this".to_owned() } else { format!("'{text}'") };
        read(text.trim()).ok_or_else(|| self.error(key, format!("{shown} is not valid: it must be {want}")))
    }

    fn number<T: TryFrom<u64>>(&self, key: &'static str, min: u64, max: u64) -> Result<T, ConfigError> {
        self.parse(key, &format!("a whole number from {min} to {max}"), |text| {
            text.parse::<u64>().ok().filter(|n| (min..=max).contains(n)).and_then(|n| T::try_from(n).ok())
        })
    }

    fn optional_number<T: TryFrom<u64>>(
        &self,
        key: &'static str,
        min: u64,
        max: u64,
    ) -> Result<Option<T>, ConfigError> {
        if self.0.contains_key(key) { self.number(key, min, max).map(Some) } else { Ok(None) }
    }

    fn truth(&self, key: &'static str) -> Result<bool, ConfigError> {
        self.parse(key, "true or false", |text| match text {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    fn duration(&self, key: &'static str, min_seconds: u64, max_seconds: u64) -> Result<Duration, ConfigError> {
        let want = format!("a duration like 500ms, 10s, 15m, 12h or 30d, from {min_seconds}s to {max_seconds}s");
        self.parse(key, &want, |text| {
            let duration = read_duration(text)?;
            let range = Duration::from_secs(min_seconds)..=Duration::from_secs(max_seconds);
            range.contains(&duration).then_some(duration)
        })
    }

    fn name(&self, key: &'static str) -> Result<String, ConfigError> {
        self.parse(key, "1 to 255 printable characters without spaces", |text| {
            let fine = !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_graphic());
            fine.then(|| text.to_owned())
        })
    }

    fn secret_key(&self) -> Result<Option<SecretString>, ConfigError> {
        if !self.0.contains_key("secret_key") {
            return Ok(None);
        }
        let want = "at least 32 characters of high entropy, for instance from `openssl rand -base64 32`";
        self.parse("secret_key", want, |text| is_strong(text).then(|| Some(SecretString::new(text.to_owned()))))
    }

    fn database_url(&self) -> Result<SecretString, ConfigError> {
        let want = "a URL that begins with sqlite:, postgres://, postgresql:// or memory:";
        self.parse("database.url", want, |text| {
            let known = ["sqlite:", "postgres://", "postgresql://", "memory:"];
            known.iter().any(|scheme| text.starts_with(scheme)).then(|| SecretString::new(text.to_owned()))
        })
    }

    fn amqp_url(&self) -> Result<Option<SecretString>, ConfigError> {
        if !self.0.contains_key("events.amqp_url") {
            return Ok(None);
        }
        self.parse("events.amqp_url", "a URL that begins with amqp:// or amqps://", |text| {
            (text.starts_with("amqp://") || text.starts_with("amqps://"))
                .then(|| Some(SecretString::new(text.to_owned())))
        })
    }

    fn issuer(&self) -> Result<Option<String>, ConfigError> {
        if !self.0.contains_key("tokens.issuer") {
            return Ok(None);
        }
        let want = "an http:// or https:// URL without query, fragment, user or trailing slash";
        self.parse("tokens.issuer", want, |text| {
            let url = url::Url::parse(text).ok()?;
            let fine = matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
                && !text.ends_with('/');
            fine.then(|| Some(text.to_owned()))
        })
    }

    fn clients(&self) -> Result<Vec<(String, SecretString)>, ConfigError> {
        if !self.0.contains_key("oauth.clients") {
            return Ok(Vec::new());
        }
        let want = "id:secret pairs separated by commas, each secret of at least 32 characters, each id once";
        self.parse("oauth.clients", want, |text| {
            let mut clients: Vec<(String, SecretString)> = Vec::new();
            for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
                let (id, secret) = pair.split_once(':')?;
                let printable = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
                let fine = !id.is_empty() && printable(id) && printable(secret) && is_strong(secret);
                if !fine || clients.iter().any(|(known, _)| known == id) {
                    return None;
                }
                clients.push((id.to_owned(), SecretString::new(secret.to_owned())));
            }
            Some(clients)
        })
    }

    fn check_together(&self, config: &Config) -> Result<(), ConfigError> {
        if config.sessions.idle_ttl > config.sessions.absolute_ttl {
            return Err(self.error("sessions.idle_ttl", "must not be longer than sessions.absolute_ttl".to_owned()));
        }
        if config.tokens.access_ttl > config.sessions.idle_ttl {
            return Err(self.error("tokens.access_ttl", "must not be longer than sessions.idle_ttl".to_owned()));
        }
        let embedded = !config.database.url.expose().starts_with("postgres");
        if config.secret_key.is_none() && !embedded {
            let remedy = "PostgreSQL needs a master key that all replicas share: set SECRET_KEY, or SECRET_KEY_FILE, \
                          for instance to the output of `openssl rand -base64 32`";
            return Err(self.error("secret_key", remedy.to_owned()));
        }
        Ok(())
    }
}

/// At least 32 characters, of at least 10 different ones: no placeholder, no repeated word.
fn is_strong(text: &str) -> bool {
    let mut seen: Vec<char> = text.chars().collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    count >= 32 && seen.len() >= 10
}

fn read_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}
