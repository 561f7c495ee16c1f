//! Other broken adapters.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ids::{EventId, GrantId, SessionId};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::delivery::{Backlog, Delivery, EventPublisher, Outbox, PublishError, Retry};
use portcullis_domain::ports::security::{HashError, Mac, Match, PasswordHasher};
use portcullis_domain::ports::sessions::{RefreshTokenCodec, RevocationList};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::tokens::{TokenError, TokenVerifier};
use portcullis_domain::sessions::RefreshToken;
use portcullis_domain::tokens::{Algorithm, Claims};
use portcullis_memory::contract::mac::Macs;
use portcullis_memory::contract::{self, Publisher, Received, Signers, Sink, Storage};
use portcullis_memory::{MemoryRevocations, MemoryStore, PlainHasher, ToyMac, ToyRefreshTokens, ToyTokens};

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

/// Gives something else for what it claims.
struct Claiming(Arc<MemoryStore>, fn(Vec<Delivery>) -> Vec<Delivery>);

#[async_trait]
impl Outbox for Claiming {
    async fn claim(&self, limit: u32, at: Timestamp, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        Ok((self.1)(self.0.claim(limit, at, lease).await?))
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
    let outbox = Arc::new(Claiming(store.clone(), |claimed| claimed.into_iter().rev().collect()));
    let storage = Storage { queue: store.clone(), store, outbox, guard: Box::new(()) };
    caught(move || async move { contract::outbox::a_subject_keeps_its_order_while_it_is_claimed(&storage).await });
}

#[test]
fn an_outbox_that_takes_a_claim_for_a_refusal_is_caught() {
    let store = Arc::new(MemoryStore::new(random()));
    let outbox = Arc::new(Claiming(store.clone(), |claimed| {
        let refused = |delivery: Delivery| Delivery { refusals: delivery.attempts, ..delivery };
        claimed.into_iter().map(refused).collect()
    }));
    let storage = Storage { queue: store.clone(), store, outbox, guard: Box::new(()) };
    caught(move || async move {
        contract::outbox::refusals_are_those_that_were_given_back_and_no_claims(&storage).await;
    });
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
    fn revoke(&self, grant: GrantId, until: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).revoke(grant, until);
    }

    fn is_revoked(&self, grant: GrantId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_revoked(grant)
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

/// Puts the purpose before the message, and compares as much of a tag as it is given.
struct Sloppy(ToyMac);

impl Mac for Sloppy {
    fn tag(&self, purpose: &'static str, message: &[u8]) -> [u8; 32] {
        self.0.tag("", &[purpose.as_bytes(), message].concat())
    }

    fn verify(&self, purpose: &'static str, message: &[u8], tag: &[u8]) -> bool {
        self.tag(purpose, message).starts_with(tag)
    }
}

fn sloppy() -> Macs {
    let mac = |key| -> Arc<dyn Mac> { Arc::new(Sloppy(ToyMac::new([key; 32]))) };
    Macs { one: mac(7), twin: mac(7), stranger: mac(8) }
}

#[test]
fn a_mac_whose_purpose_runs_into_the_message_is_caught() {
    caught(|| async { contract::mac::a_purpose_and_a_message_never_run_together(&sloppy()).await });
}

#[test]
fn a_mac_that_takes_a_part_for_the_whole_is_caught() {
    caught(|| async { contract::mac::a_tag_of_another_length_is_refused(&sloppy()).await });
}

#[test]
fn a_mac_with_a_key_of_its_own_on_each_replica_is_caught() {
    let macs = || Macs { twin: Arc::new(ToyMac::new([9; 32])), ..sloppy() };
    caught(move || async move {
        contract::mac::a_tag_is_the_same_at_every_call_and_on_every_replica(&macs()).await;
    });
}

/// Remembers again, a little later, what it was told to forget: an echo from another replica.
struct Echoing(Arc<MemoryRevocations>);

impl RevocationList for Echoing {
    fn revoke(&self, grant: GrantId, until: Timestamp) {
        self.0.revoke(grant, until);
        let list = Arc::clone(&self.0);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            list.revoke(grant, until);
        });
    }

    fn is_revoked(&self, grant: GrantId) -> bool {
        self.0.is_revoked(grant)
    }

    fn forget(&self, now: Timestamp) {
        self.0.forget(now);
    }
}

#[test]
fn a_list_in_which_the_forgotten_comes_back_is_caught() {
    let list: Arc<dyn RevocationList> = Arc::new(Echoing(Arc::default()));
    caught(move || async move { contract::revocation_list::what_is_forgotten_does_not_come_back(&list).await });
}
