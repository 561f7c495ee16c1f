//! What the suites store: accounts, sessions, keys, and short ways to put them there.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts, Email, PasswordHash, User, Username};
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery};
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{SessionId, UserId, WebhookId};
use portcullis_domain::origin::Origin;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::secret::SecretDigest;
use portcullis_domain::sessions::{Rotation, Session, TokenDigest, TokenFamily};
use portcullis_domain::tokens::{Algorithm, Scope, SigningKey};
use portcullis_domain::webhooks::{Webhook, WebhookStatus, WebhookUrl};
use tokio::task::JoinSet;

use crate::SeededRandomness;

/// How many tasks a race has.
pub(super) const RACERS: usize = 24;

/// Distinct for the whole test process.
pub(super) static RANDOM: SeededRandomness = SeededRandomness::new(0x5EED);

/// `seconds` after the instant at which every suite begins.
pub(super) const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds)
}

/// 32 bytes that no other call gives.
pub(super) fn digest() -> TokenDigest {
    let mut bytes = [0; 32];
    RANDOM.fill(&mut bytes);
    TokenDigest(bytes)
}

pub(super) fn email(text: &str) -> Email {
    Email::parse(text).unwrap_or_else(|error| panic!("the suite's address {text:?} is not one: {error}"))
}

pub(super) fn username(text: &str) -> Username {
    Username::parse(text).unwrap_or_else(|error| panic!("the suite's username {text:?} is not one: {error}"))
}

pub(super) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap_or_else(|error| panic!("the suite's scope {text:?} is not one: {error}"))
}

/// A password hash as a store sees it: a text.
pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ${text}"))
}

/// A new account called `name`.
pub(super) fn user(name: &str) -> User {
    User::new(UserId::new(at(0), &RANDOM), Some(username(name)), email(&format!("{name}@example.com")), at(0))
}

/// A session that began at `created`, idles out after an hour and ends after a day.
pub(super) fn session(user: &User, created: Timestamp) -> Session {
    Session {
        id: SessionId::new(created, &RANDOM),
        user: user.id,
        client_id: "web".to_owned(),
        scope: scope("openid profile"),
        authenticated_at: created,
        created_at: created,
        last_seen_at: created,
        idle_expires_at: created.plus(Duration::from_secs(3_600)),
        expires_at: created.plus(Duration::from_secs(86_400)),
        revoked: None,
        ip: None,
        user_agent: None,
        impersonation: None,
        family: TokenFamily::new(digest()),
    }
}

/// The use of the live token of `session` at `now`.
pub(super) fn rotation(session: &Session, now: Timestamp) -> Rotation {
    Rotation {
        session: session.id,
        generation: session.family.generation,
        presented: session.family.digest,
        successor: digest(),
        at: now,
        idle_expires_at: now.plus(Duration::from_secs(3_600)),
        grace: Duration::from_secs(10),
    }
}

/// The signing key number `ordinal` of `algorithm`.
pub(super) fn signing_key(algorithm: Algorithm, ordinal: u32) -> SigningKey {
    SigningKey {
        kid: UserId::new(at(0), &RANDOM).to_string(),
        algorithm,
        ordinal,
        public: digest().0.to_vec(),
        sealed_private: digest().0.to_vec(),
        created_at: at(0),
        activates_at: at(0),
        retires_at: None,
    }
}

pub(super) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap_or_else(|error| panic!("the suite's client id {text:?} is not one: {error}"))
}

/// A new client called `id`.
pub(super) fn client(id: &str) -> Client {
    Client {
        id: client_id(id),
        name: Some(format!("The client {id}")),
        secret: SecretDigest(digest().0),
        previous: None,
        scope: scope("orders:read orders:write"),
        created_at: at(0),
        updated_at: at(0),
        deleted_at: None,
        version: 1,
    }
}

/// Stores a client.
pub(super) async fn stored_client(store: &Arc<dyn Store>, client: &Client) {
    let mut tx = begin(store).await;
    kept(tx.clients().insert(client).await, "a client whose id was never given is added");
    commit(tx).await;
}

/// The client as it is stored.
pub(super) async fn client_in(store: &Arc<dyn Store>, id: &ClientId) -> Option<Client> {
    kept(begin(store).await.clients().by_id(id).await, "a client is looked up")
}

/// A new webhook, sent all events.
pub(super) fn webhook() -> Webhook {
    let url = WebhookUrl::parse("https://hooks.example.com/portcullis");
    Webhook {
        id: WebhookId::new(at(0), &RANDOM),
        url: url.unwrap_or_else(|error| panic!("the suite's URL is not one: {error}")),
        events: Vec::new(),
        sealed_secret: digest().0.to_vec(),
        previous: None,
        status: WebhookStatus::Enabled,
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

/// Stores a webhook.
pub(super) async fn stored_webhook(store: &Arc<dyn Store>, webhook: &Webhook) {
    let mut tx = begin(store).await;
    kept(tx.webhooks().insert(webhook).await, "a webhook whose id is free is added");
    commit(tx).await;
}

/// The webhook as it is stored.
pub(super) async fn webhook_in(store: &Arc<dyn Store>, id: WebhookId) -> Option<Webhook> {
    kept(begin(store).await.webhooks().by_id(id).await, "a webhook is looked up")
}

/// The effect that publishes `event`.
pub(super) fn publish(event: Event) -> Effect {
    Effect::Publish { event, traceparent: None, webhooks: Vec::new() }
}

/// The effect, sent to these webhooks besides.
pub(super) fn sent_to(ids: &[WebhookId], effect: Effect) -> Effect {
    let Effect::Publish { event, traceparent, .. } = effect;
    Effect::Publish { event, traceparent, webhooks: ids.to_vec() }
}

/// An event about `user` that carries `note`.
#[expect(clippy::needless_pass_by_value, reason = "notes are numbers and literals")]
pub(super) fn noted(user: &User, note: impl ToString) -> Effect {
    publish(Event::UserUpdated { user_id: user.id, changed: vec![note.to_string()] })
}

pub(super) async fn begin(store: &Arc<dyn Store>) -> Box<dyn Tx> {
    kept(store.begin().await, "a unit of work begins")
}

/// Commits without effects.
pub(super) async fn commit(tx: Box<dyn Tx>) {
    kept(tx.commit(at(0), Vec::new()).await, "a unit of work whose calls all went well is committed");
}

/// Stores an account with the password hash `hash("current")`.
pub(super) async fn stored_user(store: &Arc<dyn Store>, name: &str) -> User {
    let user = user(name);
    let mut tx = begin(store).await;
    kept(tx.users().insert(&user).await, "an account whose names are free is added");
    kept(tx.credentials().insert(user.id, &hash("current")).await, "an account without a password gets one");
    commit(tx).await;
    user
}

/// Stores a session.
pub(super) async fn stored_session(store: &Arc<dyn Store>, session: &Session) {
    let mut tx = begin(store).await;
    kept(tx.sessions().insert(session).await, "a session of an existing account is added");
    commit(tx).await;
}

/// The session as it is stored.
pub(super) async fn session_in(store: &Arc<dyn Store>, id: SessionId) -> Option<Session> {
    kept(begin(store).await.sessions().by_id(id).await, "a session is looked up")
}

/// The account as it is stored.
pub(super) async fn user_in(store: &Arc<dyn Store>, id: UserId) -> Option<User> {
    kept(begin(store).await.users().by_id(id).await, "an account is looked up")
}

/// A key of attempts that no other call gives.
pub(super) fn attempt_key() -> AttemptKey {
    AttemptKey(digest().0)
}

/// Counts a failure in a unit of its own.
pub(super) async fn fail(store: &Arc<dyn Store>, key: &AttemptKey, now: Timestamp, forgotten: Timestamp) -> u32 {
    let mut tx = begin(store).await;
    let failures = kept(tx.attempts().fail(key, now, forgotten).await, "a failure is counted");
    commit(tx).await;
    failures
}

/// The attempts as they are stored.
pub(super) async fn attempts_in(store: &Arc<dyn Store>, key: &AttemptKey) -> Option<Attempts> {
    kept(begin(store).await.attempts().of(key).await, "attempts are looked up")
}

/// An entry of the audit trail, from nowhere.
pub(super) fn entry(now: Timestamp, actor: Actor, action: Action) -> AuditEntry {
    AuditEntry::new(now, &RANDOM, actor, action, &Origin::default())
}

/// Stores entries of the audit trail.
pub(super) async fn append(store: &Arc<dyn Store>, entries: &[AuditEntry]) {
    let mut tx = begin(store).await;
    for entry in entries {
        kept(tx.audit().append(entry.clone()).await, "an audit entry is appended");
    }
    commit(tx).await;
}

/// The audit trail as it is stored.
pub(super) async fn audited(store: &Arc<dyn Store>, query: &AuditQuery) -> Vec<AuditEntry> {
    kept(begin(store).await.audit().page(query).await, "the audit trail is read")
}

/// All of the audit trail.
pub(super) fn everything() -> AuditQuery {
    AuditQuery { limit: 10_000, ..AuditQuery::default() }
}

/// What a promise needs to go well.
#[track_caller]
pub(super) fn kept<T, E: Debug>(result: Result<T, E>, promise: &str) -> T {
    result.unwrap_or_else(|error| panic!("broken promise: {promise}; the answer was {error:?}"))
}

/// What a promise needs to fail.
#[track_caller]
pub(super) fn refused<T: Debug>(result: Result<T, StoreError>, promise: &str) -> StoreError {
    match result {
        Ok(value) => panic!("broken promise: {promise}; the answer was Ok({value:?})"),
        Err(error) => error,
    }
}

/// Runs `racer(0)`, `racer(1)`, … at the same time, and gives their answers.
pub(super) async fn race<T, F>(racers: usize, racer: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(racers));
    let mut tasks = JoinSet::new();
    for number in 0..racers {
        let (start, run) = (Arc::clone(&start), racer(number));
        tasks.spawn(async move {
            start.wait().await;
            run.await
        });
    }
    tasks.join_all().await
}

/// That each of those who raced for a place got one, or was told that there is none.
pub(super) fn each_done_or_full(answers: &[Result<(), StoreError>], promise: &str) {
    for answer in answers {
        match answer {
            Ok(()) | Err(StoreError::Full) => {}
            Err(error) => panic!("{promise}: the others get Full, not {error:?}"),
        }
    }
}
