//! A service in a test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_domain::App;
use portcullis_domain::relay::{Relay, RelaySettings};
use portcullis_domain::tokens::Algorithm;
use portcullis_domain::webhooks::Courier;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::builder::Builder;
use super::event::CapturedEvent;
use super::wiring::{self, ManualClock, RecordingPublisher};
use crate::config::Config;
use crate::listener::{self, Answers, Limits};
use crate::wiring::{Ambient, Front, TrustedProxies};
use crate::{StartError, background, master_key};

/// The issuer of a service that does not listen.
const ISSUER: &str = "https://auth.test";
/// How long [`TestService::event`] waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks, at least.
const PAUSE: Duration = Duration::from_millis(20);

/// The whole service, in memory.
pub struct TestService {
    pub(super) answers: Answers,
    app: Arc<App>,
    clock: Arc<ManualClock>,
    issuer: String,
    audience: String,
    relay: Mutex<Relay>,
    courier: Courier,
    publisher: Arc<RecordingPublisher>,
    /// How many events were forgotten.
    forgotten: AtomicUsize,
    listening: Option<Listening>,
}

/// What a service that listens runs in the background; dropped, it ends.
struct Listening {
    address: SocketAddr,
    _stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl TestService {
    /// A service as most tests want it.
    ///
    /// # Panics
    /// Never, unless a test process may not read its clock.
    pub async fn start() -> Self {
        let built = Self::builder().build().await;
        built.unwrap_or_else(|error| panic!("the service does not start: {error}"))
    }

    /// The same, on a free port of the loopback interface: [`TestService::url`].
    ///
    /// # Panics
    /// When no port can be opened.
    pub async fn listen() -> Self {
        let built = Self::builder().listen().build().await;
        built.unwrap_or_else(|error| panic!("the service does not start: {error}"))
    }

    /// A service with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(super) async fn assemble(
        config: Config,
        clock: Arc<ManualClock>,
        ambient: Ambient,
        strict_passwords: bool,
        listens: bool,
    ) -> Result<Self, StartError> {
        let listener = if listens { Some(open(&config)?) } else { None };
        let address = listener.as_ref().map(|(_, address)| *address);
        let own = || address.map_or_else(|| ISSUER.to_owned(), |address| format!("http://{address}"));
        let issuer = config.tokens.issuer.clone().unwrap_or_else(own);

        let master_key = master_key::fresh(&*ambient.random);
        let storage = wiring::storage(&ambient);
        let security = if strict_passwords {
            wiring::strict_security(&config, &ambient, &master_key)?
        } else {
            wiring::plain_security(&ambient, &master_key)
        };
        let app = crate::wiring::app(&config, &issuer, &storage, None, &ambient, &security, &master_key)?;
        let app = Arc::new(app);
        app.tokens.open_keys(&[config.tokens.jwt_algorithm, Algorithm::V4Public]).await?;
        crate::service::seed(&app, &config).await?;
        let learned = app.learn(None).await.map_err(StartError::database)?;

        let publisher = Arc::new(RecordingPublisher::new(issuer.as_str()));
        let way_out = wiring::way_out(&publisher);
        let relay =
            Relay::new(storage.outbox.clone(), publisher.clone(), ambient.clock.clone(), RelaySettings::default());
        let courier = app.webhooks.courier(crate::wiring::courier_settings(&config));
        let health = crate::wiring::health(&storage, None, &way_out);
        let front = Front { limiter: crate::wiring::limiter(None, &ambient), mac: security.mac };
        let answers = crate::wiring::public(&config, &issuer, app.clone(), health, &ambient, front);

        let listening = listener.map(|(listener, address)| {
            let (stop, stopped) = watch::channel(false);
            let serving = listener::serve(listener, answers.clone(), limits(&config), stopped.clone());
            let staleness = config.sessions.revocation_staleness;
            let learning =
                background::revocations(app.clone(), storage.signal.clone(), staleness, Some(learned), stopped);
            Listening { address, _stop: stop, tasks: vec![tokio::spawn(serving), tokio::spawn(learning)] }
        });
        Ok(Self {
            answers,
            app,
            clock,
            issuer,
            audience: config.tokens.audience,
            relay: Mutex::new(relay),
            courier,
            publisher,
            forgotten: AtomicUsize::new(0),
            listening,
        })
    }

    /// Its public URL: `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `aud` of its tokens.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Where clients reach it, without a slash at the end.
    ///
    /// # Panics
    /// When it was not told to listen.
    pub fn url(&self) -> String {
        let address = self.address().expect("it does not listen: build it with `listen`");
        format!("http://{address}")
    }

    /// Where it listens, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listening.as_ref().map(|listening| listening.address)
    }

    /// Its time.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// The use cases, past HTTP: for what only an operator does.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Lets time pass, and then the service do what it does by itself: it publishes the next signing keys and takes them
    /// into use, writes how API keys were used, and removes what is over.
    ///
    /// # Panics
    /// When the service fails at it, which is a mistake of ours.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        let kept = "everything is in memory";
        self.app.tokens.rotate_if_due().await.expect(kept);
        self.app.tokens.destroy_retired().await.expect(kept);
        self.app.learn(None).await.expect(kept);
        self.app.access.flush_usage().await.expect(kept);
        self.app.sessions.purge().await.expect(kept);
        self.app.access.purge().await.expect(kept);
        self.app.audit.erase().await.expect(kept);
        self.app.audit.purge().await.expect(kept);
    }

    /// All that it has published by now, in order, since [`TestService::forget_events`].
    ///
    /// # Panics
    /// When the outbox cannot be read, which is a mistake of ours.
    pub async fn events(&self) -> Vec<CapturedEvent> {
        let relay = self.relay.lock().await;
        while relay.run_once().await.expect("the outbox is in memory").claimed > 0 {}
        drop(relay);
        let forgotten = self.forgotten.load(Ordering::SeqCst);
        self.publisher.published().iter().skip(forgotten).map(CapturedEvent::read).collect()
    }

    /// The first event of this name, for instance `user.registered`, since [`TestService::forget_events`]; when there is
    /// none yet, it is waited for.
    ///
    /// # Panics
    /// When there is none after ten seconds of real time.
    pub async fn event(&self, name: &str) -> CapturedEvent {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(event) = self.events().await.into_iter().find(|event| event.name == name) {
                    return event;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        match found.await {
            Ok(event) => event,
            Err(_) => {
                let names: Vec<String> = self.events().await.into_iter().map(|event| event.name).collect();
                panic!("no event {name} within 10 s, only {names:?}")
            }
        }
    }

    /// Sends the webhooks what waits for them, over the network; what fails is tried again when its time has come. They
    /// are sent nothing before, and none are there unless the test creates them ([`TestService::app`]). The settings
    /// `webhooks.allow_http` and `webhooks.allowed_networks` let them be in the test's own process.
    ///
    /// # Panics
    /// When the queue cannot be read, which is a mistake of ours.
    pub async fn send_webhooks(&self) {
        while self.courier.run_once().await.expect("the queue is in memory").claimed > 0 {}
    }

    /// Forgets the events so far.
    pub async fn forget_events(&self) {
        let known = self.events().await.len();
        self.forgotten.fetch_add(known, Ordering::SeqCst);
    }
}

fn open(config: &Config) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = SocketAddr::new(config.server.host, config.server.port);
    let failed = |cause| StartError::Listen { address, cause, setting: "server.port" };
    let listener = listener::bind(address.ip(), address.port()).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn limits(config: &Config) -> Limits {
    Limits {
        connections: config.server.max_connections,
        connections_per_address: config.server.connections_per_address,
        proxies: TrustedProxies::new(&config.server.trusted_proxies),
        header_timeout: config.server.header_timeout,
        drain_timeout: config.server.drain_timeout,
    }
}
