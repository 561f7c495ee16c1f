//! The suites catch adapters that are broken in the ways that adapters are: a promise that no broken adapter fails
//! would promise nothing.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::accounts::{CredentialRepository, UserRepository};
use portcullis_domain::ports::delivery::{Delivery, EventPublisher, Outbox, PublishError};
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use portcullis_domain::ports::sessions::{RefreshTokenCodec, RevocationList, RevocationRepository, SessionRepository};
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::{KeyRepository, TokenError, TokenVerifier};
use portcullis_domain::sessions::{RefreshToken, Revoked, Rotated, Rotation, Session};
use portcullis_domain::tokens::{Algorithm, Claims};
use portcullis_memory::contract::{self, Publisher, Received, Signers, Sink, Storage};
use portcullis_memory::{MemoryRevocations, MemoryStore, PlainHasher, SeededRandomness, ToyRefreshTokens, ToyTokens};

fn random() -> Arc<SeededRandomness> {
    Arc::new(SeededRandomness::new(3))
}

/// The promise must panic.
fn caught<F: Future<Output = ()>>(promise: impl FnOnce() -> F + Send + 'static) {
    let outcome = std::thread::spawn(move || contract::run(promise())).join();
    assert!(outcome.is_err(), "a broken adapter went unnoticed");
}

/// What is wrong with a store.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    ForgetsTheOutbox,
    AnnouncesBeforeTheCommit,
    ChecksThenRotates,
    ConfirmsWithoutHolding,
    GoesOnAfterAnError,
}

struct Broken {
    inner: Arc<MemoryStore>,
    fault: Fault,
}

struct BrokenTx {
    inner: Option<Box<dyn Tx>>,
    store: Arc<MemoryStore>,
    fault: Fault,
}

impl BrokenTx {
    fn tx(&mut self) -> &mut Box<dyn Tx> {
        self.inner.as_mut().expect("the unit is open")
    }
}

#[async_trait]
impl Store for Broken {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let inner = Some(self.inner.begin().await?);
        Ok(Box::new(BrokenTx { inner, store: self.inner.clone(), fault: self.fault }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl Tx for BrokenTx {
    fn users(&mut self) -> &mut dyn UserRepository {
        self.tx().users()
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self.tx().revocations()
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self.tx().keys()
    }

    async fn commit(mut self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        let tx = self.inner.take().expect("the unit is open");
        match self.fault {
            Fault::ForgetsTheOutbox => tx.commit(at, Vec::new()).await,
            Fault::AnnouncesBeforeTheCommit => {
                self.store.begin().await?.commit(at, effects).await?;
                tx.commit(at, Vec::new()).await
            }
            Fault::GoesOnAfterAnError => match tx.commit(at, effects).await {
                Err(StoreError::Closed) => Ok(()),
                other => other,
            },
            Fault::ChecksThenRotates | Fault::ConfirmsWithoutHolding => tx.commit(at, effects).await,
        }
    }
}

#[async_trait]
impl CredentialRepository for BrokenTx {
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        self.tx().credentials().insert(user, hash).await
    }

    async fn of(&mut self, user: UserId) -> Result<Option<PasswordHash>, StoreError> {
        self.tx().credentials().of(user).await
    }

    async fn confirm(&mut self, user: UserId, hash: &PasswordHash) -> Result<bool, StoreError> {
        if self.fault == Fault::ConfirmsWithoutHolding {
            return Ok(self.of(user).await?.as_ref() == Some(hash));
        }
        self.tx().credentials().confirm(user, hash).await
    }

    async fn replace(&mut self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        self.tx().credentials().replace(user, old, new).await
    }
}

#[async_trait]
impl SessionRepository for BrokenTx {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.tx().sessions().insert(session).await
    }

    async fn by_id(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.tx().sessions().by_id(id).await
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.tx().sessions().live_of(user, now, after, limit).await
    }

    async fn rotate(&mut self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        if self.fault == Fault::ChecksThenRotates
            && let Some(next) = self.by_id(rotation.session).await?.and_then(|session| rotation.apply(&session))
        {
            tokio::task::yield_now().await;
            self.tx().sessions().rotate(rotation).await?;
            return Ok(Rotated::First(next));
        }
        self.tx().sessions().rotate(rotation).await
    }

    async fn revoke(&mut self, id: SessionId, revoked: Revoked) -> Result<bool, StoreError> {
        self.tx().sessions().revoke(id, revoked).await
    }

    async fn revoke_all_of(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        revoked: Revoked,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.tx().sessions().revoke_all_of(user, keep, revoked).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().sessions().purge(before, limit).await
    }
}

fn broken(fault: Fault) -> Storage {
    let inner = Arc::new(MemoryStore::new(random()));
    Storage { outbox: inner.clone(), store: Arc::new(Broken { inner, fault }), guard: Box::new(()) }
}

#[test]
fn a_store_that_forgets_the_outbox_is_caught() {
    let storage = broken(Fault::ForgetsTheOutbox);
    caught(move || async move {
        contract::outbox::an_effect_is_in_the_outbox_exactly_when_its_unit_is_committed(&storage).await;
    });
}

#[test]
fn a_store_that_announces_before_the_commit_is_caught() {
    let storage = broken(Fault::AnnouncesBeforeTheCommit);
    caught(move || async move {
        contract::outbox::an_effect_is_in_the_outbox_exactly_when_its_unit_is_committed(&storage).await;
    });
}

#[test]
fn a_store_that_checks_and_then_rotates_is_caught() {
    let storage = broken(Fault::ChecksThenRotates);
    caught(move || async move { contract::storage::of_racing_rotations_of_one_token_one_is_first(&storage).await });
}

#[test]
fn a_store_that_confirms_without_holding_is_caught() {
    let storage = broken(Fault::ConfirmsWithoutHolding);
    caught(move || async move { contract::storage::a_confirmed_password_stays_until_the_unit_ends(&storage).await });
}

#[test]
fn a_store_that_goes_on_after_an_error_is_caught() {
    let storage = broken(Fault::GoesOnAfterAnError);
    caught(move || async move { contract::storage::after_an_error_every_later_call_is_refused(&storage).await });
}

/// Everything goes well, and nothing arrives.
struct Silent;

#[async_trait]
impl EventPublisher for Silent {
    async fn publish(&self, _: &Delivery) -> Result<(), PublishError> {
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        true
    }
}

#[async_trait]
impl Sink for Silent {
    async fn received(&self, _: usize) -> Vec<Received> {
        Vec::new()
    }
}

#[test]
fn a_publisher_that_only_says_ok_is_caught() {
    let publisher = Publisher { publisher: Arc::new(Silent), sink: Arc::new(Silent), guard: Box::new(()) };
    caught(move || async move { contract::publisher::ok_means_that_the_event_has_arrived(&publisher).await });
}

/// Gives the newest of a claim first.
struct Overtaking(Arc<MemoryStore>);

#[async_trait]
impl Outbox for Overtaking {
    async fn claim(&self, limit: u32, at: Timestamp, lease: std::time::Duration) -> Result<Vec<Delivery>, StoreError> {
        let mut claimed = self.0.claim(limit, at, lease).await?;
        claimed.reverse();
        Ok(claimed)
    }

    async fn done(&self, ids: &[portcullis_domain::ids::EventId]) -> Result<(), StoreError> {
        self.0.done(ids).await
    }

    async fn retry(&self, retries: &[portcullis_domain::ports::delivery::Retry]) -> Result<(), StoreError> {
        self.0.retry(retries).await
    }

    async fn backlog(&self) -> Result<portcullis_domain::ports::delivery::Backlog, StoreError> {
        self.0.backlog().await
    }

    async fn committed(&self) {
        self.0.committed().await;
    }
}

#[test]
fn an_outbox_that_loses_the_order_is_caught() {
    let store = Arc::new(MemoryStore::new(random()));
    let outbox = Arc::new(Overtaking(store.clone()));
    let storage = Storage { store, outbox, guard: Box::new(()) };
    caught(move || async move { contract::outbox::a_subject_keeps_its_order_while_it_is_claimed(&storage).await });
}

/// Reads tokens with the spaces around them.
struct Lenient(Arc<ToyTokens>);

impl TokenVerifier for Lenient {
    fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        self.0.verify(token.trim(), now)
    }
}

#[test]
fn a_verifier_that_trims_is_caught() {
    let tokens = Arc::new(ToyTokens::new(Algorithm::EdDsa, "https://id.example.com", "api", random()));
    let signers = Signers {
        issuer: tokens.clone(),
        verifier: Arc::new(Lenient(tokens.clone())),
        keys: tokens,
        algorithm: Algorithm::EdDsa,
        issuer_url: "https://id.example.com".to_owned(),
        audience: "api".to_owned(),
    };
    caught(move || async move { contract::signers::another_spelling_of_a_token_is_refused(&signers).await });
}

/// Sees 72 bytes of a password, as bcrypt does.
struct Short(PlainHasher);

fn cut(password: &Password) -> Password {
    let text = password.expose();
    let end = (0..=72.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Password::present(text[..end].to_owned()).expect("shorter is fine")
}

#[async_trait]
impl PasswordHasher for Short {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.0.hash(&cut(password)).await
    }

    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError> {
        self.0.verify(&cut(password), hash).await
    }
}

#[test]
fn a_hasher_that_cuts_passwords_is_caught() {
    let hasher: Arc<dyn PasswordHasher> = Arc::new(Short(PlainHasher::new(random())));
    caught(move || async move { contract::hasher::only_the_exact_password_matches_a003(&hasher).await });
}

/// A random successor at each call.
struct Forgetful(ToyRefreshTokens);

impl RefreshTokenCodec for Forgetful {
    fn first(&self, session: SessionId, secret: [u8; 32]) -> RefreshToken {
        self.0.first(session, secret)
    }

    fn successor(&self, token: &RefreshToken) -> RefreshToken {
        let mut secret = [0; 32];
        portcullis_domain::ports::ambient::Randomness::fill(&*random(), &mut secret);
        secret[0] ^= SALT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.0.first(token.session, secret)
    }

    fn open(&self, presented: &str) -> Option<RefreshToken> {
        self.0.open(presented)
    }
}

static SALT: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

#[test]
fn a_codec_whose_successors_differ_is_caught() {
    let codec = || -> Arc<dyn RefreshTokenCodec> { Arc::new(Forgetful(ToyRefreshTokens::new([7; 32]))) };
    let replicas = (codec(), codec());
    caught(move || async move { contract::refresh_tokens::the_successor_is_the_same_everywhere(&replicas).await });
}

/// Forgets everybody, whenever it forgets somebody.
struct Careless(Mutex<MemoryRevocations>);

impl RevocationList for Careless {
    fn revoke(&self, session: SessionId, until: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).revoke(session, until);
    }

    fn is_revoked(&self, session: SessionId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_revoked(session)
    }

    fn forget(&self, _: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = MemoryRevocations::new();
    }
}

#[test]
fn a_list_that_forgets_too_much_is_caught() {
    let list: Arc<dyn RevocationList> = Arc::new(Careless(Mutex::default()));
    caught(move || async move { contract::revocation_list::a_revocation_is_remembered_until_its_instant(&list).await });
}
