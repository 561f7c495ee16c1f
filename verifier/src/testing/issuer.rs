//! An issuer in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::clock::ManualClock;
use super::signer::Signer;
use crate::algorithm::Algorithm;
use crate::builder::Builder;
use crate::clock::Clock;
use crate::keys::{KeySet, Keyring, read_jwks, read_paserks};
use crate::revocations::{FeedSink, Revocations, Staleness};
use crate::verifier::Verifier;

/// An issuer in memory: mints tokens, good ones and bad ones, and makes verifiers that trust it, share its clock and
/// hear of what it revokes at once.
///
/// Cloning it is cheap, and the clones are one.
#[derive(Clone)]
pub struct TestIssuer(Arc<Inner>);

struct Inner {
    url: String,
    audience: String,
    algorithm: Algorithm,
    clock: Arc<ManualClock>,
    /// The published ones, oldest first; the last one signs.
    signers: Mutex<Vec<Signer>>,
    keyring: Arc<Keyring>,
    feed: FeedSink,
    ids: AtomicU64,
}

impl TestIssuer {
    /// `https://issuer.test`, minting JWTs with ES256 for the service `audience`.
    pub fn new(audience: &str) -> Self {
        Self::with_algorithm(audience, Algorithm::Es256)
    }

    /// Minting with another algorithm, or PASETOs.
    pub fn with_algorithm(audience: &str, algorithm: Algorithm) -> Self {
        Self::at("https://issuer.test", audience, algorithm)
    }

    /// With another URL, which is the `iss` of its tokens.
    pub fn at(url: &str, audience: &str, algorithm: Algorithm) -> Self {
        let clock = Arc::new(ManualClock::new());
        let keyring = Arc::new(Keyring::new());
        let revocations = Arc::new(Revocations::new(Duration::from_secs(24 * 60 * 60)));
        revocations.hearing.expect();
        revocations.hearing.caught_up();
        let feed = FeedSink {
            issuer: url.into(),
            clock: clock.clone(),
            revocations,
            keyring: keyring.clone(),
            key_news: None,
            staleness: Staleness::Accept,
        };
        let issuer = Self(Arc::new(Inner {
            url: url.to_owned(),
            audience: audience.to_owned(),
            algorithm,
            clock,
            signers: Mutex::default(),
            keyring,
            feed,
            ids: AtomicU64::new(1),
        }));
        issuer.rotate();
        issuer
    }

    /// A verifier that trusts this issuer.
    pub fn verifier(&self) -> Verifier {
        self.builder().build().expect("these settings are valid")
    }

    /// The settings of such a verifier, for more.
    pub fn builder(&self) -> Builder {
        let Inner { keyring, feed, clock, .. } = &*self.0;
        Verifier::builder(self.url()).audience(self.audience()).sharing(
            keyring.clone(),
            feed.revocations.clone(),
            clock.clone(),
        )
    }

    /// The URL: the `iss` of its tokens.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The `aud` of its tokens.
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// What it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// Its clock, which is that of its verifiers.
    pub fn clock(&self) -> &ManualClock {
        &self.0.clock
    }

    /// Its revocation feed, to speak into: [`FeedSink::lost`] lets its verifiers hear nothing, [`FeedSink::connected`]
    /// or [`FeedSink::caught_up`] lets them hear again. What is revoked meanwhile through [`TestIssuer`] they learn
    /// nevertheless: leave it out of the test to have it lost.
    pub fn feed(&self) -> &FeedSink {
        &self.0.feed
    }

    /// Ends a session.
    pub fn revoke_session(&self, session: &str) {
        self.feed().revoke_session(session, self.when_all_have_expired());
    }

    /// Revokes one token, by its `jti`.
    pub fn revoke_token(&self, id: &str) {
        self.feed().revoke_token(id, self.when_all_have_expired());
    }

    /// Deletes a client: the tokens that it got in its own name are refused.
    pub fn delete_client(&self, client_id: &str) {
        self.feed().revoke_client(client_id, self.when_all_have_expired());
    }

    /// Deletes an account: all its tokens are refused.
    pub fn delete_user(&self, subject: &str) {
        self.feed().revoke_subject(subject, i64::MAX);
    }

    /// Changes the roles of an account: its tokens so far that say something of roles or permissions are refused. Those
    /// minted from the next second on are accepted: advance the clock.
    pub fn change_roles_of(&self, subject: &str) {
        self.feed().change_roles_of(subject, self.clock().seconds().saturating_mul(1_000));
    }

    /// Changes a role, in the same way.
    pub fn change_role(&self, role: &str) {
        self.feed().change_role(role, self.clock().seconds().saturating_mul(1_000));
    }

    /// Makes a new key, which signs from here on; those before stay published.
    pub fn rotate(&self) {
        self.signers().push(Signer::fresh(self.algorithm()));
        self.publish();
    }

    /// Withdraws a key: its tokens are refused from here on.
    pub fn withdraw_key(&self, kid: &str) {
        self.signers().retain(|signer| signer.kid != kid);
        self.publish();
        self.feed().withdraw_key(kid);
    }

    /// The key that signs.
    pub fn kid(&self) -> String {
        self.signers().last().map(|signer| signer.kid.clone()).unwrap_or_default()
    }

    /// The JWK Set, as a real issuer serves it.
    pub fn jwks(&self) -> String {
        self.document(false)
    }

    /// The PASERK list, as a real issuer serves it.
    pub fn paserk(&self) -> String {
        self.document(true)
    }

    /// Any payload under any header (or footer, for PASETO), signed by the newest key: for tokens that no issuer would
    /// make.
    ///
    /// # Panics
    /// When every key has been withdrawn.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        self.signers().last().expect("there is a key").token(header, payload.as_bytes())
    }

    /// No token lives longer than a verifier allows by default.
    fn when_all_have_expired(&self) -> i64 {
        self.clock().seconds() + 24 * 60 * 60
    }

    pub(crate) fn sign_claims(&self, payload: &str) -> String {
        self.sign(&self.header(&self.kid()), payload)
    }

    /// An id that was not there before, in the form of a UUID.
    pub(crate) fn next_id(&self) -> String {
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        format!("019b0000-0000-7000-8000-{id:012x}")
    }

    /// What an issuer says of `kid` in its tokens.
    pub(crate) fn header(&self, kid: &str) -> String {
        match self.algorithm() {
            Algorithm::V4Public => format!(r#"{{"kid":"{kid}"}}"#),
            jwt => format!(r#"{{"typ":"at+jwt","alg":"{jwt}","kid":"{kid}"}}"#),
        }
    }

    fn document(&self, paseto: bool) -> String {
        let signers = self.signers();
        let of_format = signers.iter().rev().filter(|signer| (signer.algorithm == Algorithm::V4Public) == paseto);
        let keys: Vec<&Value> = of_format.map(|signer| &signer.published).collect();
        json!({ "keys": keys }).to_string()
    }

    pub(crate) fn publish(&self) {
        let read = "the keys are as they were written";
        let keys = KeySet {
            jwt: read_jwks(self.jwks().as_bytes()).expect(read),
            paseto: read_paserks(self.paserk().as_bytes()).expect(read),
        };
        self.0.keyring.install(keys, Some(self.clock().uptime()));
    }

    pub(crate) fn signers(&self) -> std::sync::MutexGuard<'_, Vec<Signer>> {
        self.0.signers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
