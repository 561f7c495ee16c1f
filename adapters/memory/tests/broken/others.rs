//! Other broken adapters.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ids::{EventId, SessionId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::delivery::{Backlog, Delivery, EventPublisher, Outbox, PublishError, Retry};
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use portcullis_domain::ports::sessions::{RefreshTokenCodec, RevocationList};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::tokens::{TokenError, TokenVerifier};
use portcullis_domain::sessions::RefreshToken;
use portcullis_domain::tokens::{Algorithm, Claims};
use portcullis_memory::contract::{self, Publisher, Received, Signers, Sink, Storage};
use portcullis_memory::{MemoryRevocations, MemoryStore, PlainHasher, ToyRefreshTokens, ToyTokens};

use crate::{caught, random};

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
    async fn claim(&self, limit: u32, at: Timestamp, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        let mut claimed = self.0.claim(limit, at, lease).await?;
        claimed.reverse();
        Ok(claimed)
    }

    async fn done(&self, ids: &[EventId]) -> Result<(), StoreError> {
        self.0.done(ids).await
    }

    async fn retry(&self, retries: &[Retry]) -> Result<(), StoreError> {
        self.0.retry(retries).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
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
        random().fill(&mut secret);
        secret[0] ^= SALT.fetch_add(1, Ordering::SeqCst);
        self.0.first(token.session, secret)
    }

    fn open(&self, presented: &str) -> Option<RefreshToken> {
        self.0.open(presented)
    }
}

static SALT: AtomicU8 = AtomicU8::new(0);

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
