//! A service: built from its configuration, started, stopped.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use portcullis_domain::App;
use portcullis_domain::access::ReconcileError;
use portcullis_domain::administration::SetUpError;
use portcullis_domain::caller::Caller;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::store::Store;
use portcullis_domain::relay::{Relay, RelaySettings};
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::Algorithm;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::background::Part;
use crate::config::{Config, ConfigError};
use crate::listener::{self, Limits};
use crate::start_error::StartError;
use crate::wiring::{Health, SqlStore, TrustedProxies};
use crate::{background, setup_url, telemetry, wiring};

/// What follows the last request, each at the latest so long after it. With a drain of 20 s the service ends within 30 s.
const BESIDE_ENDS: Duration = Duration::from_secs(1);
const OUTBOX_ENDS: Duration = Duration::from_millis(7_500);
const ALL_ENDS: Duration = Duration::from_secs(9);

/// A service that is wired, migrated and ready to listen.
pub struct Service {
    config: Config,
    issuer: String,
    app: Arc<App>,
    relay: Arc<Relay>,
    health: Arc<Health>,
    storage: wiring::Storage,
    redis: Option<Arc<wiring::RedisAdapter>>,
    front: wiring::Front,
    ambient: wiring::Ambient,
    way_out: wiring::WayOut,
    listener: TcpListener,
    management: Option<TcpListener>,
    recorder: Option<PrometheusHandle>,
}

/// The public URL: as configured, or that of the listener.
pub(crate) fn issuer(config: &Config, port: u16) -> String {
    config.tokens.issuer.clone().unwrap_or_else(|| format!("http://localhost:{port}"))
}

/// The public URL as the configuration says it, for what is handed out without a service.
pub fn issuer_of(config: &Config) -> String {
    issuer(config, config.server.port)
}

/// The roles that are always there, and on a first start those of the file.
pub(crate) async fn seed(app: &App, config: &Config) -> Result<(), StartError> {
    app.access.seed(&config.access.roles).await.map_err(|error| match error {
        ReconcileError::Failure(failure) => StartError::learning(&failure),
        other => ConfigError::new("access.file", &config.access.origin, format!("{other}: correct the file")).into(),
    })
}

/// Opens the store alone, for the commands that need nothing else; it is not migrated.
pub async fn open_store(config: &Config) -> Result<(Arc<dyn Store>, Option<Arc<SqlStore>>), StartError> {
    let storage = wiring::storage(config, &wiring::ambient()).await?;
    Ok((storage.store, storage.sql))
}

/// The clock, for the commands that look at something again and again.
pub fn clock() -> Arc<dyn Clock> {
    wiring::ambient().clock
}

/// Opens the use cases alone, over a store whose schema is the one of this program, for commands that look at accounts
/// or change them: without listeners, relay or Redis.
pub async fn open_app(config: &Config) -> Result<(Arc<App>, Option<Arc<SqlStore>>), StartError> {
    let ambient = wiring::ambient();
    let storage = wiring::storage(config, &ambient).await?;
    let master_key = wiring::master_key(config, &ambient, &storage).await?;
    if let Some(sql) = &storage.sql {
        let status = sql.migration_status().await.map_err(StartError::database)?;
        if let Some(pending) = status.iter().find(|row| !row.applied) {
            let remedy = "run `portcullis migrate up`, or start the service once";
            return Err(StartError::Database(format!("the migration {} is not applied yet: {remedy}", pending.name)));
        }
    }
    let issuer = issuer(config, config.server.port);
    let security = wiring::security(config, &ambient, &master_key)?;
    let app = wiring::app(config, &issuer, &storage, None, &ambient, &security, &master_key)?;
    seed(&app, config).await?;
    // What a command does is told to the webhooks, too.
    app.webhooks.learn().await.map_err(StartError::database)?;
    Ok((Arc::new(app), storage.sql))
}

/// Opens the ports, connects, migrates, and takes the signing keys into use.
pub async fn build(config: Config) -> Result<Service, StartError> {
    let bind = |host, port, setting| {
        let address = SocketAddr::new(host, port);
        listener::bind(host, port).map_err(|cause| StartError::Listen { address, cause, setting })
    };
    let listener = bind(config.server.host, config.server.port, "PORT")?;
    let management = match config.management {
        Some((host, port)) => Some(bind(host, port, "PORTCULLIS__MANAGEMENT__PORT")?),
        None => None,
    };
    let port = listener.local_addr().map_or(config.server.port, |address| address.port());
    let issuer = issuer(&config, port);

    // Before the first gauge is set: what was set before is not told.
    let recorder = telemetry::start_metrics();
    let ambient = wiring::ambient();
    let storage = wiring::storage(&config, &ambient).await?;
    let master_key = wiring::master_key(&config, &ambient, &storage).await?;
    if let Some(sql) = &storage.sql {
        for name in sql.migrate().await.map_err(StartError::database)? {
            tracing::info!(migration = name, "applied");
        }
    }
    let redis = wiring::redis(&config)?;
    let security = wiring::security(&config, &ambient, &master_key)?;
    let app = wiring::app(&config, &issuer, &storage, redis.as_ref(), &ambient, &security, &master_key)?;
    let app = Arc::new(app);
    let front = wiring::Front { limiter: wiring::limiter(redis.as_ref(), &ambient), mac: security.mac };
    app.tokens.open_keys(&[config.tokens.jwt_algorithm, Algorithm::V4Public]).await?;
    seed(&app, &config).await?;

    let way_out = wiring::way_out(&config, &issuer)?;
    let relay =
        Relay::new(storage.outbox.clone(), way_out.publisher.clone(), ambient.clock.clone(), RelaySettings::default());
    let health = wiring::health(&storage, redis.as_ref(), &way_out);
    let relay = Arc::new(relay);
    Ok(Service {
        config,
        issuer,
        app,
        relay,
        health,
        storage,
        redis,
        front,
        ambient,
        way_out,
        listener,
        management,
        recorder,
    })
}

impl Service {
    /// The public URL (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The link by which the first administrator opens an account; `None` when there is one.
    pub async fn setup_link(&self) -> Result<Option<SecretString>, StartError> {
        match self.app.administration.setup_link(&Caller::operator()).await {
            Ok(link) => Ok(Some(setup_url(&self.issuer, &link))),
            Err(SetUpError::Closed) => Ok(None),
            Err(error) => Err(StartError::database(error)),
        }
    }

    /// Begins to serve.
    pub async fn start(self) -> Result<Running, StartError> {
        let (stop_listening, listening) = watch::channel(false);
        let (stop_relay, relaying) = watch::channel(false);
        let recorder = self.recorder;
        let learned = self.app.learn(None).await.map_err(|error| StartError::learning(&error))?;

        let address = self.listener.local_addr().unwrap_or_else(|_| SocketAddr::new(self.config.server.host, 0));
        let limits = Limits {
            connections: self.config.server.max_connections,
            connections_per_address: self.config.server.connections_per_address,
            proxies: TrustedProxies::new(&self.config.server.trusted_proxies),
            header_timeout: self.config.server.header_timeout,
            drain_timeout: self.config.server.drain_timeout,
        }
        .within_open_files();
        let (app, health) = (self.app.clone(), self.health.clone());
        let answers = wiring::public(&self.config, &self.issuer, app, health, &self.ambient, self.front);
        let mut requests =
            vec![Part::start("requests", listener::serve(self.listener, answers, limits.clone(), listening.clone()))];
        let mut management_address = None;
        if let Some(listener) = self.management {
            management_address = listener.local_addr().ok();
            let rendering = recorder.clone();
            let render: telemetry::Metrics =
                Arc::new(move || rendering.as_ref().map(|recorder| recorder.render()).unwrap_or_default());
            let answers = wiring::management(render, self.health.clone());
            requests.push(Part::start("management", listener::serve(listener, answers, limits, listening.clone())));
        }
        let clock = self.ambient.clock;
        let beside = vec![
            Part::start(
                "revocations",
                background::revocations(
                    self.app.clone(),
                    self.storage.signal.clone(),
                    self.config.sessions.revocation_staleness,
                    Some(learned),
                    listening.clone(),
                ),
            ),
            Part::start("keys", background::keys(self.app.clone(), listening.clone())),
            Part::start("housekeeping", background::housekeeping(self.app.clone(), listening.clone())),
            Part::start("usage", background::usage(self.app.clone(), listening.clone())),
            Part::start("figures", background::figures(self.relay.clone(), clock, recorder, listening)),
        ];
        let courier = Arc::new(self.app.webhooks.courier(wiring::courier_settings(&self.config)));
        let courier = Part::start("webhooks", background::webhooks(self.app.clone(), courier, relaying.clone()));
        let relay = Part::start("relay", background::relay(self.relay, relaying));
        if self.issuer.starts_with("http://") {
            tracing::warn!(
                "the issuer is plain http: on loopback, cookies go without Secure and without their prefixes, for \
                 development only; anywhere else browsers will not keep them"
            );
        }
        tracing::info!(%address, issuer = self.issuer, "listening");
        Ok(Running {
            address,
            management_address,
            app: self.app,
            health: self.health,
            storage: self.storage,
            redis: self.redis,
            way_out: self.way_out,
            stop_listening,
            stop_relay,
            requests,
            beside,
            relay,
            courier,
        })
    }
}

/// A service that serves.
pub struct Running {
    /// Where it serves.
    pub address: SocketAddr,
    /// Where metrics and health are.
    pub management_address: Option<SocketAddr>,
    app: Arc<App>,
    health: Arc<Health>,
    storage: wiring::Storage,
    redis: Option<Arc<wiring::RedisAdapter>>,
    way_out: wiring::WayOut,
    stop_listening: watch::Sender<bool>,
    stop_relay: watch::Sender<bool>,
    requests: Vec<Part>,
    beside: Vec<Part>,
    relay: Part,
    courier: Part,
}

impl Running {
    /// Serves until `signal`, then stops in order.
    pub async fn until(self, signal: impl Future<Output = ()>) {
        signal.await;
        self.stop().await;
    }

    /// Not ready, no new connections, running requests finish, what API keys were used is written, the relay empties the
    /// outbox, the store closes: all within 9 s of the end of the last request, or of `server.drain_timeout`. What is not
    /// done by then is left undone.
    pub async fn stop(self) {
        tracing::info!("stopping");
        self.health.drain();
        self.stop_listening.send_replace(true);
        for part in self.requests {
            part.ends().await;
        }
        let last = Instant::now();
        for part in self.beside {
            part.ends_by(last + BESIDE_ENDS).await;
        }
        background::write_last_usage(&self.app).await;
        self.stop_relay.send_replace(true);
        self.relay.ends_by(last + OUTBOX_ENDS).await;
        self.courier.ends_by(last + OUTBOX_ENDS).await;
        let closed = async {
            if let Some(amqp) = self.way_out.amqp {
                amqp.close().await;
            }
            if let Some(redis) = self.redis {
                redis.close().await;
            }
            if let Some(sql) = self.storage.sql {
                sql.close().await;
            }
        };
        if timeout_at(last + ALL_ENDS, closed).await.is_err() {
            tracing::warn!("the connections did not close in time");
        }
        tracing::info!("stopped");
    }
}
