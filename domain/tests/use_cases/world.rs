//! A whole service in memory. When a test ends, its world delivers what is in the outbox and fails if anything stays.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use portcullis_domain::accounts::{
    AttemptPolicy, DeleteAccount, Email, LoginName, Password, PasswordHash, Register, User, Username,
};
use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::audit::{AuditEntry, AuditQuery};
use portcullis_domain::caller::UserSession;
use portcullis_domain::event::Event;
use portcullis_domain::ids::{AuditId, SessionId, UserId};
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::security::{HashImport, HashRefused};
use portcullis_domain::ports::store::Store;
use portcullis_domain::relay::{Relay, RelaySettings, Round};
use portcullis_domain::sessions::{
    LogIn, LogInError, Refresh, RefreshError, RefreshOutcome, Session, SessionPolicy, SignedIn, TokenPair,
};
use portcullis_domain::tokens::{Algorithm, AuthenticateError, KeySchedule, Scope};
use portcullis_domain::{App, Timestamp};
use portcullis_memory::{
    LaxPolicy, ManualClock, MemoryRevocations, MemoryStore, PlainHasher, RecordingPublisher, RecordingWebhooks,
    SeededRandomness, ToyMac, ToyRefreshTokens, ToyTokens, ToyVault,
};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) relay: Relay,
    pub(crate) ports: Ports,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) hasher: Arc<PlainHasher>,
    pub(crate) publisher: Arc<RecordingPublisher>,
    pub(crate) revocations: Arc<MemoryRevocations>,
    pub(crate) webhooks: Arc<RecordingWebhooks>,
    seen: AtomicUsize,
    read: Mutex<HashSet<AuditId>>,
}

/// What the contract promises by default: 15 minutes, 30 days, 90 days, 10 seconds.
pub(crate) fn policy() -> SessionPolicy {
    SessionPolicy {
        access_ttl: 15 * MINUTE,
        idle_ttl: 30 * DAY,
        absolute_ttl: 90 * DAY,
        reuse_grace: 10 * SECOND,
        max_per_account: 100,
        announce_refreshes: false,
    }
}

pub(crate) fn settings(sessions: SessionPolicy) -> Settings {
    Settings {
        issuer: ISSUER.to_owned(),
        audience: "api".to_owned(),
        sessions,
        attempts: ATTEMPTS,
        staleness: None,
        keys: KeySchedule { every: Some(90 * DAY), ahead: DAY },
        first_party_client: "web".to_owned(),
        roles_in_tokens: false,
        permissions_in_tokens: false,
        reserved_clients: vec!["web".to_owned()],
        audit_retention: 400 * DAY,
    }
}

/// What the service does by default.
pub(crate) const ATTEMPTS: AttemptPolicy =
    AttemptPolicy { free: 20, first_wait: SECOND, longest_wait: HOUR, forgotten_after: DAY };

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(policy(), |_| {}).await
    }

    pub(crate) async fn with_policy(policy: SessionPolicy) -> Self {
        Self::with(policy, |_| {}).await
    }

    /// A world in which `change` puts something else behind some ports.
    pub(crate) async fn with(policy: SessionPolicy, change: impl FnOnce(&mut Ports)) -> Self {
        Self::with_settings(settings(policy), change).await
    }

    pub(crate) async fn with_settings(settings: Settings, change: impl FnOnce(&mut Ports)) -> Self {
        let random = Arc::new(SeededRandomness::new(42));
        let store = Arc::new(MemoryStore::new(random.clone()));
        let clock = Arc::new(ManualClock::default());
        let hasher = Arc::new(PlainHasher::new(random.clone()));
        let revocations = Arc::new(MemoryRevocations::new());
        let tokens = Arc::new(ToyTokens::new(Algorithm::Es256, ISSUER, "api", random.clone()));
        let publisher = Arc::new(RecordingPublisher::new(ISSUER));
        let webhooks = Arc::new(RecordingWebhooks::new());
        let mut ports = Ports {
            store: store.clone(),
            hasher: hasher.clone(),
            policy: Arc::new(LaxPolicy),
            import: Arc::new(PlainImport),
            vault: Arc::new(ToyVault::new([1; 32], random.clone())),
            mac: Arc::new(ToyMac::new([3; 32])),
            issuer: tokens.clone(),
            verifier: tokens.clone(),
            keys: tokens,
            refresh_tokens: Arc::new(ToyRefreshTokens::new([2; 32])),
            revocations: revocations.clone(),
            webhook_queue: store.clone(),
            webhook_sender: webhooks.clone(),
            clock: clock.clone(),
            random,
        };
        change(&mut ports);
        let app = App::new(ports.clone(), settings);
        app.tokens.open_keys(&[Algorithm::Es256]).await.expect("the first key is made");
        app.access.seed(&[]).await.expect("the roles that are always there");
        let relay = Relay::new(store.clone(), publisher.clone(), clock.clone(), RelaySettings::default());
        let (seen, read) = (AtomicUsize::new(0), Mutex::default());
        Self { app, relay, ports, store, clock, hasher, publisher, revocations, webhooks, seen, read }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The events since the last call, in the order of their delivery.
    pub(crate) async fn events(&self) -> Vec<Event> {
        while self.round().await.claimed > 0 {}
        let all = self.publisher.events();
        let seen = self.seen.swap(all.len(), Ordering::SeqCst);
        all[seen..].to_vec()
    }

    /// The whole audit trail, the oldest entry first.
    pub(crate) async fn trail(&self) -> Vec<AuditEntry> {
        let everything = AuditQuery { limit: u32::MAX, ..AuditQuery::default() };
        let mut trail = self.app.audit.page(&everything).await.expect("the audit trail");
        trail.reverse();
        trail
    }

    /// The entries of the audit trail since the last call, the oldest first.
    pub(crate) async fn acts(&self) -> Vec<AuditEntry> {
        let trail = self.trail().await;
        let mut read = self.read.lock().expect("no test panics in here");
        trail.into_iter().filter(|entry| read.insert(entry.id)).collect()
    }

    pub(crate) async fn round(&self) -> Round {
        self.relay.run_once().await.expect("a round of the relay")
    }

    pub(crate) async fn register(&self, name: &str) -> User {
        self.app.accounts.register(registration(name)).await.expect("a new account")
    }

    /// An account called `name` and its first session; its events and entries have been seen.
    pub(crate) async fn signed_in(&self, name: &str) -> (User, TokenPair) {
        let user = self.register(name).await;
        let pair = self.log_in(name).await;
        self.events().await;
        self.acts().await;
        (user, pair)
    }

    pub(crate) async fn log_in(&self, name: &str) -> TokenPair {
        self.try_log_in(name, PASSWORD).await.expect("a session")
    }

    pub(crate) async fn try_log_in(&self, name: &str, password: &str) -> Result<TokenPair, LogInError> {
        self.app.sessions.log_in(login(name, password)).await.map(|signed_in| signed_in.pair)
    }

    /// A login from a device that presents `device_token`, if it has one.
    pub(crate) async fn try_from_device(
        &self,
        name: &str,
        password: &str,
        device_token: Option<&str>,
    ) -> Result<SignedIn, LogInError> {
        let device_token = device_token.map(|token| token.to_owned().into());
        self.app.sessions.log_in(LogIn { device_token, ..login(name, password) }).await
    }

    pub(crate) async fn refresh(&self, pair: &TokenPair) -> Result<(TokenPair, RefreshOutcome), RefreshError> {
        let token = pair.refresh_token.expose().to_owned();
        self.app.sessions.refresh(Refresh { token: token.into(), by: None, origin: origin() }).await
    }

    /// Refreshes with a token that is good.
    pub(crate) async fn refreshed(&self, pair: &TokenPair) -> TokenPair {
        self.refresh(pair).await.expect("a live refresh token is rotated").0
    }

    pub(crate) fn caller(&self, pair: &TokenPair) -> Option<UserSession> {
        match self.app.tokens.authenticate(pair.access_token.expose()) {
            Ok(caller) => Some(caller),
            Err(AuthenticateError::Unauthenticated) => None,
            Err(AuthenticateError::NotAUser) => panic!("the token speaks for a client"),
            Err(AuthenticateError::Failure(failure)) => panic!("the service could not tell: {failure:?}"),
        }
    }

    /// The caller of a pair whose access token is good.
    pub(crate) fn calls(&self, pair: &TokenPair) -> UserSession {
        self.caller(pair).expect("a fresh access token authenticates")
    }

    /// The account with this username, as it is stored.
    pub(crate) async fn find(&self, name: &str) -> User {
        let mut tx = self.store.begin().await.expect("a unit of work");
        tx.users().by_username(&username(name)).await.expect("a look").expect("an account of that name")
    }

    pub(crate) async fn session(&self, id: SessionId) -> Option<Session> {
        let mut tx = self.store.begin().await.expect("a unit of work");
        tx.sessions().by_id(id).await.expect("a session is looked up")
    }
}

/// Takes over what a [`PlainHasher`] made, of any generation.
pub(crate) struct PlainImport;

impl HashImport for PlainImport {
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused> {
        let Some(parts) = foreign.strip_prefix("$plain$") else {
            let scheme = foreign.strip_prefix('$').and_then(|rest| rest.split('$').next());
            return Err(HashRefused::Unknown(scheme.map(str::to_owned)));
        };
        match parts.split('$').next().map(str::parse::<u64>) {
            Some(Ok(generation)) if generation > 1_000 => {
                Err(HashRefused::TooCostly(format!("generation {generation} is above the limit of 1000")))
            }
            Some(Ok(_)) => Ok(PasswordHash::new(foreign.to_owned())),
            _ => Err(HashRefused::Malformed { scheme: "plain", why: "no generation".to_owned() }),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.publisher.recover();
        // Whatever waits for its instant gets it: days later at the latest.
        for _ in 0..200 {
            let round = self.relay.run_once().now_or_never().expect("memory never waits").expect("a round");
            if round.claimed == 0 {
                self.clock.advance(DAY);
            }
        }
        let backlog = self.store.backlog().now_or_never().expect("memory never waits").expect("the backlog");
        assert_eq!(backlog.waiting, 0, "the test has left something in the outbox that cannot be delivered");
    }
}

pub(crate) fn origin() -> Origin {
    Origin {
        ip: Some([192, 0, 2, 1].into()),
        user_agent: Some("test/1.0".to_owned()),
        request_id: Some("01hzy-request".to_owned()),
        traceparent: Some(TRACE.to_owned()),
        impersonator: None,
    }
}

pub(crate) fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

pub(crate) fn username(text: &str) -> Username {
    Username::parse(text).expect("a username")
}

pub(crate) fn password(text: &str) -> Password {
    Password::present(text.to_owned()).expect("a password")
}

pub(crate) fn registration(name: &str) -> Register {
    Register {
        username: Some(username(name)),
        email: email(&format!("{name}@example.com")),
        password: password(PASSWORD),
        origin: origin(),
    }
}

pub(crate) fn login(name: &str, with: &str) -> LogIn {
    LogIn {
        name: LoginName::parse(name),
        password: password(with),
        client_id: "web".to_owned(),
        scope: Scope::parse("openid profile").expect("a scope"),
        device_token: None,
        replaces: None,
        new_password: None,
        origin: origin(),
    }
}

/// The end of an account, by somebody who knows its password.
pub(crate) fn deletion(user: UserId) -> DeleteAccount {
    DeleteAccount { user, session: some_session(), current_password: password(PASSWORD), origin: origin() }
}

/// The session of somebody for whom it does not matter which.
pub(crate) fn some_session() -> portcullis_domain::ids::SessionId {
    portcullis_domain::ids::SessionId::from_uuid(uuid::Uuid::from_u128(7))
}
