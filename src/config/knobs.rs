//! The table of every setting: the one place that knows their names, defaults and meaning.

/// A setting.
#[derive(Debug)]
pub(super) struct Knob {
    /// Where it stands in the TOML file: `section.key`, or `key` at the top.
    pub key: &'static str,
    /// A short name in the environment beside `PORTCULLIS__SECTION__KEY`.
    pub short: Option<&'static str>,
    /// Whether its value must not be shown, and may also come from a file (`NAME_FILE`).
    pub secret: bool,
    /// The value when nobody sets one; `None` when it is computed or absent.
    pub default: Option<&'static str>,
    /// What it does, with its unit or its values.
    pub doc: &'static str,
}

const fn knob(key: &'static str, default: &'static str, doc: &'static str) -> Knob {
    Knob { key, short: None, secret: false, default: Some(default), doc }
}

const fn optional(key: &'static str, doc: &'static str) -> Knob {
    Knob { key, short: None, secret: false, default: None, doc }
}

const fn secret(key: &'static str, short: &'static str, doc: &'static str) -> Knob {
    Knob { key, short: Some(short), secret: true, default: None, doc }
}

/// All settings, in the order in which a newcomer wants to read them.
pub(super) const KNOBS: &[Knob] = &[
    secret(
        "secret_key",
        "SECRET_KEY",
        "Master key, at least 32 characters of high entropy: seals the signing keys and the refresh tokens. With the \
         embedded database it is made at first start and kept beside it.",
    ),
    Knob {
        key: "server.port",
        short: Some("PORT"),
        secret: false,
        default: Some("8080"),
        doc: "Port of the public listener; 0 picks a free one.",
    },
    knob("server.host", "127.0.0.1", "Address of the public listener; 0.0.0.0 for all."),
    knob("server.body_limit", "65536", "Largest request body, in bytes."),
    knob("server.request_timeout", "30s", "A request that takes longer is answered 503."),
    knob("server.header_timeout", "15s", "A connection that sends no complete request head for so long is closed."),
    knob("server.max_connections", "10000", "Connections served at once; more wait to be accepted."),
    knob(
        "server.connections_per_address",
        "1000",
        "Connections from one address at once; trusted proxies have no limit.",
    ),
    knob(
        "server.trusted_proxies",
        "",
        "Networks of the proxies in front, for instance 10.0.0.0/8, separated by commas: only they are believed about \
         the address of a client. Each must append to or replace X-Forwarded-For, which nginx does only when told to, and \
         one that writes Forwarded must remove X-Forwarded-For.",
    ),
    knob(
        "server.allowed_origins",
        "",
        "Origins besides our own whose pages may call with cookies, for instance https://app.example.com, separated by \
         commas (CORS, CSRF).",
    ),
    knob(
        "server.drain_timeout",
        "20s",
        "How long running requests may take after SIGTERM, 0s to 20s: the process ends within 30 s.",
    ),
    knob("server.access_log", "false", "Whether each request is logged at level info."),
    optional("server.threads", "Threads that serve requests; as many as cores when absent."),
    knob("management.host", "127.0.0.1", "Address of the management listener (metrics and health)."),
    knob("management.port", "9090", "Port of the management listener; 0 turns it off."),
    Knob {
        key: "database.url",
        short: Some("DATABASE_URL"),
        secret: true,
        default: Some("sqlite://data/portcullis.db"),
        doc: "sqlite://PATH, postgres://USER:PASSWORD@HOST:PORT/NAME, or memory: (nothing is kept).",
    },
    knob("database.max_connections", "16", "Connections to PostgreSQL at most; on SQLite it changes nothing."),
    knob("database.acquire_timeout", "3s", "How long a request waits for a connection before it is answered 503."),
    secret("redis.url", "REDIS_URL", "redis:// or rediss:// URL; absent: limits are counted by each replica alone."),
    knob("redis.prefix", "portcullis", "What the names of all keys in Redis begin with."),
    secret("events.amqp_url", "AMQP_URL", "amqp:// or amqps:// URL of RabbitMQ; absent: events go to the log."),
    knob("events.exchange", "auth.events", "Durable topic exchange that events are published to."),
    knob("events.queue", "auth-events", "Durable quorum queue bound to everything; empty turns it off."),
    knob("events.confirm_timeout", "5s", "How long the broker may take to confirm an event."),
    knob("events.announce_refreshes", "false", "Whether each refresh publishes session.refreshed."),
    knob("tokens.format", "jwt", "Format of access tokens: jwt or paseto (v4.public). Both are always accepted."),
    knob("tokens.algorithm", "ES256", "Signature of JWTs: ES256, EdDSA or RS256."),
    optional("tokens.issuer", "Public URL of this service (`iss`); http://localhost:PORT when absent."),
    knob("tokens.audience", "portcullis", "Whom access tokens are for (`aud`)."),
    knob("tokens.scope", "account", "Scope of the tokens that a login gives, separated by spaces."),
    knob("tokens.access_ttl", "15m", "How long an access token lives, 1s to 24h."),
    knob(
        "tokens.roles",
        "false",
        "Whether access tokens of users say which roles they have, as of the login or refresh.",
    ),
    knob("tokens.permissions", "false", "Whether access tokens of users say what they may do, likewise."),
    knob("tokens.cache_entries", "50000", "Verified tokens kept in memory; 0 turns the cache off."),
    knob("keys.rotate_every", "90d", "How long a signing key signs before the next one does, 1m to 3650d; or off."),
    knob(
        "keys.publish_ahead",
        "24h",
        "How long the next signing key is published before it signs, 1s to 30d: longer than verifiers keep keys.",
    ),
    knob("sessions.idle_ttl", "30d", "A session that is not refreshed for so long ends."),
    knob("sessions.absolute_ttl", "90d", "A session ends after so long in any case."),
    knob("sessions.reuse_grace", "10s", "A used refresh token gives the same successor for so long, 0s to 60s."),
    knob("sessions.max_per_account", "100", "Live sessions of one account, 1 to 1000; a login beyond ends the oldest."),
    knob(
        "sessions.revocation_staleness",
        "5s",
        "A revocation on one replica is known to all after so long at the latest, also when no word gets through; 1s to \
         60s.",
    ),
    knob(
        "sessions.when_stale",
        "refuse",
        "What a replica does with access tokens when it could not read revocations for so long: refuse (503) or accept.",
    ),
    optional(
        "access.file",
        "TOML file of the roles that a database gets when it has none yet: [roles.NAME] with permissions and perhaps a \
         description. Later changes of it are brought in by `portcullis access apply`.",
    ),
    knob("attempts.free", "20", "Wrong passwords in a row at one name that cost no wait, 1 to 100."),
    knob("attempts.first_wait", "1s", "The wait after the next one; it doubles with each more."),
    knob("attempts.longest_wait", "1h", "The longest wait between two attempts at one name."),
    knob("attempts.forgotten_after", "24h", "Wrong passwords are forgotten after so long without another one."),
    knob("limits.login", "300/150s", "Logins of one address: so many at once, and as many again in so long; or off."),
    knob("limits.register", "300/10m", "Registrations of one address, likewise."),
    knob("limits.refresh", "3000/5m", "Refreshes of one address, likewise."),
    knob(
        "limits.introspect",
        "off",
        "Requests of one OAuth client for tokens, introspection, revocation and news, likewise.",
    ),
    knob("limits.change", "3000/10m", "Changes of the own account and logouts everywhere of one address, likewise."),
    knob(
        "limits.manage",
        "3000/10m",
        "Changes of accounts of others, roles, keys and clients of one address, likewise.",
    ),
    knob(
        "limits.export",
        "30/1h",
        "Exports of one account: of its own data, of another account, of accounts, of the audit trail; likewise.",
    ),
    knob("limits.other", "6000/60s", "Other requests of one address, likewise; token checks and documents are free."),
    knob("audit.retention", "400d", "How long the audit trail is kept, 1d to 3650d."),
    knob("passwords.min_length", "8", "Fewest characters of a new password, 8 to 64."),
    knob("passwords.memory_kib", "19456", "Argon2id memory (m), in KiB."),
    knob("passwords.iterations", "2", "Argon2id passes (t)."),
    knob("passwords.parallelism", "1", "Argon2id lanes (p)."),
    knob("passwords.allow_weak", "false", "Whether Argon2id parameters below m=19456, t=2 are accepted; for tests."),
    optional("passwords.threads", "Threads that hash passwords; as many as cores when absent."),
    knob("passwords.queue", "8", "Password hashes that may wait in a burst; more are answered 503."),
    Knob {
        key: "oauth.clients",
        short: None,
        secret: true,
        default: None,
        doc: "Clients of introspection and revocation beside those in the database: id:secret, separated by commas; secrets of \
              at least 32 characters. They get no tokens.",
    },
    knob(
        "webhooks.allowed_networks",
        "",
        "Networks that are not public and that webhooks may be sent to all the same, for instance 10.1.0.0/16, separated \
         by commas.",
    ),
    knob("webhooks.allow_http", "false", "Whether webhooks may be plain http; for tests and closed networks."),
    knob("webhooks.timeout", "15s", "How long a webhook may take to answer, 1s to 25s."),
    knob(
        "webhooks.give_up_after",
        "3d",
        "A webhook that an event could not be delivered to for so long is disabled, 1m to 30d.",
    ),
    knob("log.format", "auto", "json, text, or auto: text on a terminal, json elsewhere."),
    knob(
        "log.level",
        "info",
        "error, warn, info, debug, trace or off, or a list like warn,portcullis_http=debug; a target that no list names \
         logs at warn.",
    ),
];

impl Knob {
    /// The name in the environment: `PORTCULLIS__SECTION__KEY`.
    pub(super) fn env(&self) -> String {
        format!("PORTCULLIS__{}", self.key.to_uppercase().replace('.', "__"))
    }

    /// Whether the empty text is a value, and not the same as none.
    pub(super) fn may_be_empty(&self) -> bool {
        self.key == "events.queue"
    }

    /// The name in the environment that messages use.
    pub(super) fn shown_env(&self) -> String {
        self.short.map_or_else(|| self.env(), str::to_owned)
    }
}

/// The setting of this key.
pub(super) fn find(key: &str) -> Option<&'static Knob> {
    KNOBS.iter().find(|knob| knob.key == key)
}
