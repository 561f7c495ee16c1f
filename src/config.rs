//! The configuration: parsed once at start, every mistake named with its key, its origin and the remedy.

mod addresses;
mod environment;
mod knobs;
mod layers;
mod render;
mod roles;
mod values;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use portcullis_domain::access::RoleDraft;
use portcullis_domain::accounts::AttemptPolicy;
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::{Algorithm, KeySchedule, Scope};
use tracing_subscriber::filter::Targets;

pub use layers::Sources;
pub use render::{print, template};
pub use roles::read_roles;
use values::Values;

use crate::{telemetry, wiring};

/// The origin of what nobody set and what has no default.
const NOT_SET: &str = "not set";

/// Everything that the operator decides. Secrets are redacted in `Debug`.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Config {
    pub secret_key: Option<SecretString>,
    pub server: Server,
    pub management: Option<(IpAddr, u16)>,
    pub database: Database,
    pub redis: Option<Redis>,
    pub events: Events,
    pub tokens: Tokens,
    pub keys: KeySchedule,
    pub sessions: Sessions,
    pub access: Access,
    pub attempts: AttemptPolicy,
    pub limits: Quotas,
    pub audit_retention: Duration,
    pub passwords: Passwords,
    pub clients: Vec<(String, SecretString)>,
    pub webhooks: Webhooks,
    pub log: Log,
    origins: BTreeMap<&'static str, String>,
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
    pub connections_per_address: usize,
    pub trusted_proxies: Vec<IpNet>,
    pub allowed_origins: Vec<String>,
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
    /// Whether an embedded one is made when there is none.
    pub is_made: bool,
}

/// What replicas share beside the database.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Redis {
    pub url: SecretString,
    pub prefix: String,
}

/// How often one address, one client, or one account may ask; `None` is as often as it likes.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Quotas {
    pub login: Option<Quota>,
    pub register: Option<Quota>,
    pub refresh: Option<Quota>,
    pub introspect: Option<Quota>,
    pub change: Option<Quota>,
    pub manage: Option<Quota>,
    pub export: Option<Quota>,
    pub other: Option<Quota>,
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
    pub roles: bool,
    pub permissions: bool,
    pub cache_entries: usize,
}

/// Who may do what.
#[derive(Clone, Debug)]
pub struct Access {
    /// The roles of a first start, besides those that are always there.
    pub roles: Vec<RoleDraft>,
    /// Where they stand, for messages.
    pub origin: String,
}

/// Lifetimes of sessions.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Sessions {
    pub idle_ttl: Duration,
    pub absolute_ttl: Duration,
    pub reuse_grace: Duration,
    pub max_per_account: u32,
    pub revocation_staleness: Duration,
    pub refuse_when_stale: bool,
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

/// Webhooks.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Webhooks {
    pub allowed_networks: Vec<IpNet>,
    pub allow_http: bool,
    pub timeout: Duration,
    pub give_up_after: Duration,
}

/// The log.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented in the table of settings")]
pub struct Log {
    pub format: LogFormat,
    pub level: Targets,
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

/// Reads a duration as all settings have it: a whole number with a unit, `500ms`, `10s`, `15m`, `12h` or `30d`.
pub fn duration(text: &str) -> Option<Duration> {
    values::read_duration(text)
}

/// Reads a quota as the settings `limits.*` have it: `300/150s` is 300 at once, and as many again in 150 seconds; up to
/// 1000000, in 1 second to 1 day.
pub fn quota(text: &str) -> Option<Quota> {
    values::read_quota(text)
}

/// A setting that cannot be used: which, where it stands, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} ({}): {problem}", whence(.origin))]
pub struct ConfigError {
    /// The setting.
    pub key: String,
    /// Where its value stands.
    pub origin: String,
    /// What is wrong and what would be right; never a secret.
    pub problem: String,
}

fn whence(origin: &str) -> String {
    if origin == NOT_SET { origin.to_owned() } else { format!("from {origin}") }
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
        let v = Values::new(sources.read()?);
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
                connections_per_address: v.number("server.connections_per_address", 1, 1_000_000)?,
                trusted_proxies: v.networks("server.trusted_proxies")?,
                allowed_origins: v.allowed_origins("server.allowed_origins")?,
                drain_timeout: v.drain_timeout()?,
                access_log: v.truth("server.access_log")?,
                threads: v.optional_number("server.threads", 1, 1_024)?.unwrap_or(cores),
            },
            management: (management_port != 0).then_some((management_host, management_port)),
            database: Database {
                url: v.database_url()?,
                max_connections: v.number("database.max_connections", 1, 1_000)?,
                acquire_timeout: v.duration("database.acquire_timeout", 1, 60)?,
                is_made: true,
            },
            redis: match v.redis_url()? {
                Some(url) => Some(Redis { url, prefix: v.redis_prefix()? }),
                None => None,
            },
            events: Events {
                amqp_url: v.amqp_url()?,
                exchange: v.declarable("events.exchange")?,
                queue: v.queue()?,
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
                roles: v.truth("tokens.roles")?,
                permissions: v.truth("tokens.permissions")?,
                cache_entries: v.number("tokens.cache_entries", 0, 10_000_000)?,
            },
            keys: KeySchedule {
                every: v.duration_or_off("keys.rotate_every", 60, 3_650 * 86_400)?,
                ahead: v.duration("keys.publish_ahead", 1, 30 * 86_400)?,
            },
            sessions: Sessions {
                idle_ttl: v.duration("sessions.idle_ttl", 1, 10 * 365 * 86_400)?,
                absolute_ttl: v.duration("sessions.absolute_ttl", 1, 10 * 365 * 86_400)?,
                reuse_grace: v.duration("sessions.reuse_grace", 0, 60)?,
                max_per_account: v.number("sessions.max_per_account", 1, 1_000)?,
                revocation_staleness: v.duration("sessions.revocation_staleness", 1, 60)?,
                refuse_when_stale: v.parse("sessions.when_stale", "refuse or accept", |text| match text {
                    "refuse" => Some(true),
                    "accept" => Some(false),
                    _ => None,
                })?,
            },
            access: v.access()?,
            attempts: AttemptPolicy {
                free: v.number("attempts.free", 1, 100)?,
                first_wait: v.duration("attempts.first_wait", 1, 3_600)?,
                longest_wait: v.duration("attempts.longest_wait", 1, 86_400)?,
                forgotten_after: v.duration("attempts.forgotten_after", 1, 30 * 86_400)?,
            },
            limits: Quotas {
                login: v.quota("limits.login")?,
                register: v.quota("limits.register")?,
                refresh: v.quota("limits.refresh")?,
                introspect: v.quota("limits.introspect")?,
                change: v.quota("limits.change")?,
                manage: v.quota("limits.manage")?,
                export: v.quota("limits.export")?,
                other: v.quota("limits.other")?,
            },
            audit_retention: v.duration("audit.retention", 86_400, 3_650 * 86_400)?,
            passwords: Passwords {
                min_length: v.number("passwords.min_length", 8, 64)?,
                memory_kib: v.number("passwords.memory_kib", 8, 1_048_576)?,
                iterations: v.number("passwords.iterations", 1, 64)?,
                parallelism: v.number("passwords.parallelism", 1, 64)?,
                allow_weak: v.truth("passwords.allow_weak")?,
                threads: v.optional_number("passwords.threads", 1, 1_024)?.unwrap_or(cores),
                queue: v.number("passwords.queue", 1, 100_000)?,
            },
            clients: v.clients()?,
            webhooks: Webhooks {
                allowed_networks: v.networks("webhooks.allowed_networks")?,
                allow_http: v.truth("webhooks.allow_http")?,
                timeout: v.duration("webhooks.timeout", 1, 25)?,
                give_up_after: v.duration("webhooks.give_up_after", 60, 30 * 86_400)?,
            },
            log: Log {
                format: v.parse("log.format", "json, text or auto", |text| match text {
                    "auto" => Some(LogFormat::Auto),
                    "json" => Some(LogFormat::Json),
                    "text" => Some(LogFormat::Text),
                    _ => None,
                })?,
                level: v.parse("log.level", telemetry::LEVELS, telemetry::level)?,
            },
            origins: v.origins(),
        };
        v.check_together(&config)?;
        wiring::check(&config)?;
        Ok(config)
    }

    /// Where the value of a setting stands.
    pub(crate) fn origin(&self, key: &str) -> &str {
        let unset =
            || if knobs::find(key).is_some_and(|knob| knob.default.is_some()) { "the default" } else { NOT_SET };
        self.origins.get(key).map_or_else(unset, String::as_str)
    }

    /// The value of a setting cannot be used.
    pub(crate) fn refusal(&self, key: &str, problem: impl std::fmt::Display) -> ConfigError {
        ConfigError::new(key, self.origin(key), problem.to_string())
    }
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
