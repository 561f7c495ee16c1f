//! The list: which struct stands behind which port. The only file that names concrete adapters.

mod health;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use health::health;
use poem::{Endpoint, EndpointExt};
use portcullis_amqp::{AmqpPublisher, AmqpSettings};
use portcullis_domain::App;
use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_domain::ports::delivery::{EventPublisher, Outbox};
use portcullis_domain::ports::limits::RateLimiter;
use portcullis_domain::ports::security::{HashImport, Mac, PasswordHasher, PasswordPolicy, Vault};
use portcullis_domain::ports::sessions::{RevocationList, RevocationSignal};
use portcullis_domain::ports::store::Store;
use portcullis_domain::ports::webhooks::WebhookQueue;
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::SessionPolicy;
use portcullis_domain::webhooks::CourierSettings;
use portcullis_http::{Check, Client, EventExchange, HttpSettings, Quotas};
pub(crate) use portcullis_http::{Health, TrustedProxies, network_of};
use portcullis_memory::{InProcessPublisher, MemoryLimiter, MemoryRevocations, MemoryStore};
pub(crate) use portcullis_redis::RedisAdapter;
use portcullis_redis::{RedisLimiter, RedisRevocations, RedisSettings};
pub(crate) use portcullis_sql::SqlStore;
use portcullis_sql::{ConnectError, SqlSettings};
pub use portcullis_system::legacy::forms as hash_forms;
use portcullis_system::{Argon2Hasher, GuessPolicy, HashSettings, LegacyHashes, SystemClock, SystemRandomness};
use portcullis_tokens::{CachedVerifier, MasterMac, MasterVault, SealedRefreshTokens, TokenRing, TokenSettings};
use portcullis_webhooks::{WebhookClient, WebhookSettings};

use crate::config::{Config, ConfigError};
use crate::listener::Answers;
use crate::start_error::StartError;
use crate::{master_key, telemetry};

/// The `client_id` of sessions that begin at the first-party login.
const FIRST_PARTY_CLIENT: &str = "portcullis";

/// The store behind its ports.
pub(crate) struct Storage {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) webhook_queue: Arc<dyn WebhookQueue>,
    /// Word from other replicas.
    pub(crate) signal: Arc<dyn RevocationSignal>,
    /// Whether other replicas may share the store.
    pub(crate) shared: bool,
    /// The SQL store itself, for migrations and the orderly end.
    pub(crate) sql: Option<Arc<SqlStore>>,
}

/// Time and chance.
pub(crate) struct Ambient {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Randomness>,
}

/// What protects passwords and keys.
pub(crate) struct Security {
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) policy: Arc<dyn PasswordPolicy>,
    pub(crate) import: Arc<dyn HashImport>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) mac: Arc<dyn Mac>,
}

/// The way out of events.
pub(crate) struct WayOut {
    pub(crate) publisher: Arc<dyn EventPublisher>,
    /// The broker's client, for the orderly end.
    pub(crate) amqp: Option<Arc<AmqpPublisher>>,
}

pub(crate) fn ambient() -> Ambient {
    Ambient { clock: Arc::new(SystemClock), random: Arc::new(SystemRandomness) }
}

pub(crate) async fn storage(config: &Config, ambient: &Ambient) -> Result<Storage, StartError> {
    let url = config.database.url.expose();
    if url.starts_with("memory:") {
        let store = Arc::new(MemoryStore::new(ambient.random.clone()));
        return Ok(Storage {
            store: store.clone(),
            outbox: store.clone(),
            webhook_queue: store.clone(),
            signal: store,
            shared: false,
            sql: None,
        });
    }
    let settings = SqlSettings {
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout,
        ..SqlSettings::default()
    };
    let random = ambient.random.clone();
    let connected = if config.database.is_made {
        SqlStore::connect(url, settings, random).await
    } else {
        SqlStore::connect_existing(url, settings, random).await
    };
    let store = connected.map_err(|error| unusable(config, &error))?;
    let store = Arc::new(store);
    let shared = url.starts_with("postgres");
    Ok(Storage {
        store: store.clone(),
        outbox: store.clone(),
        webhook_queue: store.clone(),
        signal: store.clone(),
        shared,
        sql: Some(store),
    })
}

fn unusable(config: &Config, error: &ConnectError) -> StartError {
    let origin = config.origin("database.url");
    let remedy = match error {
        ConnectError::Missing { .. } => {
            ": correct the path, or let one be made: start the service, or run `portcullis migrate up`"
        }
        _ => "",
    };
    StartError::Database(format!("{error} (database.url, {origin}){remedy}"))
}

/// What the adapters would refuse, told before anything is opened.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    let url = config.database.url.expose();
    if !url.starts_with("memory:") {
        SqlStore::check_address(url).map_err(|error| config.refusal("database.url", error))?;
    }
    hash_settings(config).check().map_err(|error| {
        // What may be at most is the adapter's own: the setting is what goes beyond it.
        let name = error.setting.trim_start_matches("max_");
        let weak = if config.passwords.allow_weak { "" } else { "; for tests, passwords.allow_weak accepts less" };
        config.refusal(&format!("passwords.{name}"), format!("{} is not valid: {}{weak}", error.value, error.rule))
    })
}

/// The key that seals, of this configuration and this storage.
pub(crate) async fn master_key(
    config: &Config,
    ambient: &Ambient,
    storage: &Storage,
) -> Result<SecretString, StartError> {
    master_key::of(config, storage.sql.as_deref(), &*ambient.random).await
}

/// What replicas share beside the store, if anything.
pub(crate) fn redis(config: &Config) -> Result<Option<Arc<RedisAdapter>>, StartError> {
    let Some(redis) = &config.redis else { return Ok(None) };
    let settings = RedisSettings { prefix: redis.prefix.clone(), ..RedisSettings::at(redis.url.clone()) };
    Ok(Some(Arc::new(RedisAdapter::start(settings).map_err(|error| config.refusal("redis.url", error))?)))
}

/// Counts requests: shared by all replicas through Redis, or each replica for itself.
pub(crate) fn limiter(redis: Option<&Arc<RedisAdapter>>, ambient: &Ambient) -> Arc<dyn RateLimiter> {
    let alone: Arc<dyn RateLimiter> = Arc::new(MemoryLimiter::new(ambient.clock.clone()));
    match redis {
        Some(redis) => Arc::new(RedisLimiter::new(redis, alone)),
        None => alone,
    }
}

/// The revoked sessions as every request asks for them.
fn revocations(redis: Option<&Arc<RedisAdapter>>, ambient: &Ambient) -> Arc<dyn RevocationList> {
    let list: Arc<dyn RevocationList> = Arc::new(MemoryRevocations::default());
    match redis {
        Some(redis) => Arc::new(RedisRevocations::new(redis, list, ambient.clock.clone())),
        None => list,
    }
}

fn hash_settings(config: &Config) -> HashSettings {
    HashSettings {
        memory_kib: config.passwords.memory_kib,
        iterations: config.passwords.iterations,
        parallelism: config.passwords.parallelism,
        weak_parameters_allowed: config.passwords.allow_weak,
        threads: config.passwords.threads,
        queue: config.passwords.queue,
        ..HashSettings::default()
    }
}

pub(crate) fn security(config: &Config, ambient: &Ambient, master_key: &SecretString) -> Result<Security, StartError> {
    let hashing = hash_settings(config);
    let hasher = Argon2Hasher::new(&hashing, ambient.random.clone()).map_err(StartError::hasher)?;
    let policy = GuessPolicy::new(config.passwords.min_length, vec!["portcullis".to_owned()], hasher.pool())
        .map_err(StartError::hasher)?;
    Ok(Security {
        hasher: Arc::new(hasher),
        policy: Arc::new(policy),
        import: Arc::new(LegacyHashes::new(&hashing)),
        vault: vault(master_key),
        mac: mac(master_key),
    })
}

pub(crate) fn app(
    config: &Config,
    issuer: &str,
    storage: &Storage,
    redis: Option<&Arc<RedisAdapter>>,
    ambient: &Ambient,
    security: &Security,
    master_key: &SecretString,
) -> Result<App, StartError> {
    let master_key = master_key.expose().as_bytes();
    let ring = Arc::new(TokenRing::new(
        TokenSettings {
            algorithm: config.tokens.signing,
            issuer: issuer.to_owned(),
            audience: config.tokens.audience.clone(),
        },
        ambient.random.clone(),
    ));
    let ports = Ports {
        store: storage.store.clone(),
        hasher: security.hasher.clone(),
        policy: security.policy.clone(),
        import: security.import.clone(),
        vault: security.vault.clone(),
        mac: security.mac.clone(),
        issuer: ring.clone(),
        verifier: Arc::new(CachedVerifier::new(ring.clone(), ring.epochs(), config.tokens.cache_entries)),
        keys: ring,
        refresh_tokens: Arc::new(SealedRefreshTokens::new(master_key)),
        revocations: revocations(redis, ambient),
        webhook_queue: storage.webhook_queue.clone(),
        webhook_sender: Arc::new(WebhookClient::new(webhook_settings(config))),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
    };
    let settings = Settings {
        issuer: issuer.to_owned(),
        audience: config.tokens.audience.clone(),
        sessions: SessionPolicy {
            access_ttl: config.tokens.access_ttl,
            idle_ttl: config.sessions.idle_ttl,
            absolute_ttl: config.sessions.absolute_ttl,
            reuse_grace: config.sessions.reuse_grace,
            max_per_account: config.sessions.max_per_account,
            announce_refreshes: config.events.announce_refreshes,
        },
        attempts: config.attempts,
        staleness: (storage.shared && config.sessions.refuse_when_stale)
            .then_some(config.sessions.revocation_staleness),
        keys: config.keys,
        first_party_client: FIRST_PARTY_CLIENT.to_owned(),
        roles_in_tokens: config.tokens.roles,
        permissions_in_tokens: config.tokens.permissions,
        reserved_clients: std::iter::once(FIRST_PARTY_CLIENT.to_owned())
            .chain(config.clients.iter().map(|(id, _)| id.clone()))
            .collect(),
        audit_retention: config.audit_retention,
    };
    Ok(App::new(ports, settings))
}

fn webhook_settings(config: &Config) -> WebhookSettings {
    WebhookSettings {
        allowed_networks: config.webhooks.allowed_networks.clone(),
        allow_http: config.webhooks.allow_http,
        timeout: config.webhooks.timeout,
        authorities: Vec::new(),
    }
}

/// How webhooks are sent to.
pub(crate) fn courier_settings(config: &Config) -> CourierSettings {
    CourierSettings {
        // Its turn and its answer, and a little for the store.
        lease: config.webhooks.timeout * 2 + Duration::from_secs(10),
        give_up_after: config.webhooks.give_up_after,
        ..CourierSettings::default()
    }
}

pub(crate) fn way_out(config: &Config, issuer: &str) -> Result<WayOut, StartError> {
    let Some(url) = &config.events.amqp_url else {
        return Ok(WayOut { publisher: Arc::new(InProcessPublisher::new(issuer)), amqp: None });
    };
    let publisher = AmqpPublisher::start(AmqpSettings {
        url: url.clone(),
        exchange: config.events.exchange.clone(),
        queue: config.events.queue.clone(),
        source: issuer.to_owned(),
        confirm_timeout: config.events.confirm_timeout,
        connection_name: format!("portcullis {}", std::process::id()),
    })
    .map_err(|error| config.refusal("events.amqp_url", error))?;
    let publisher = Arc::new(publisher);
    Ok(WayOut { publisher: publisher.clone(), amqp: Some(publisher) })
}

/// Seals the signing keys and the secrets of webhooks.
pub(crate) fn vault(master_key: &SecretString) -> Arc<dyn Vault> {
    Arc::new(MasterVault::new(master_key.expose().as_bytes()))
}

/// The tags that only this service can make.
pub(crate) fn mac(master_key: &SecretString) -> Arc<dyn Mac> {
    Arc::new(MasterMac::new(master_key.expose().as_bytes()))
}

fn http_settings(config: &Config, issuer: &str, ambient: &Ambient, front: Front) -> HttpSettings {
    HttpSettings {
        allowed_origins: config.server.allowed_origins.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        limiter: front.limiter,
        quotas: Quotas {
            login: config.limits.login,
            register: config.limits.register,
            refresh: config.limits.refresh,
            introspect: config.limits.introspect,
            change: config.limits.change,
            manage: config.limits.manage,
            export: config.limits.export,
            other: config.limits.other,
        },
        mac: front.mac,
        issuer: issuer.to_owned(),
        first_party_client: FIRST_PARTY_CLIENT.to_owned(),
        first_party_scope: config.tokens.scope.clone(),
        clients: config.clients.iter().map(|(id, secret)| Client { id: id.clone(), secret: secret.clone() }).collect(),
        body_limit: config.server.body_limit,
        request_timeout: config.server.request_timeout,
        access_log: config.server.access_log,
        events: EventExchange {
            name: config.events.exchange.clone(),
            queue: config.events.queue.clone(),
            protocol: config.events.amqp_url.as_ref().map(amqp_scheme),
        },
        version: env!("CARGO_PKG_VERSION"),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
    }
}

fn amqp_scheme(url: &SecretString) -> &'static str {
    if url.expose().starts_with("amqps:") { "amqps" } else { "amqp" }
}

/// What the public listener needs beside the use cases.
pub(crate) struct Front {
    pub(crate) limiter: Arc<dyn RateLimiter>,
    pub(crate) mac: Arc<dyn Mac>,
}

pub(crate) fn public(
    config: &Config,
    issuer: &str,
    app: Arc<App>,
    health: Arc<Health>,
    ambient: &Ambient,
    front: Front,
) -> Answers {
    let settings = Arc::new(http_settings(config, issuer, ambient, front));
    answers(portcullis_http::public(app, settings, health))
}

pub(crate) fn management(metrics: telemetry::Metrics, health: Arc<Health>) -> Answers {
    answers(portcullis_http::management(metrics, health))
}

fn answers(endpoint: impl Endpoint + 'static) -> Answers {
    Arc::new(endpoint.map_to_response().boxed())
}

/// The OpenAPI document of the service as it is configured.
pub fn openapi(config: &Config) -> String {
    portcullis_http::openapi(&documented(config))
}

/// The AsyncAPI document of the service as it is configured.
pub fn asyncapi(config: &Config) -> String {
    portcullis_http::asyncapi(&documented(config))
}

/// The settings of a service that nobody serves.
fn documented(config: &Config) -> HttpSettings {
    let issuer = crate::service::issuer(config, config.server.port);
    let ambient = ambient();
    let front = Front { limiter: limiter(None, &ambient), mac: mac(&master_key::fresh(&*ambient.random)) };
    http_settings(config, &issuer, &ambient, front)
}
