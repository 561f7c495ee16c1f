//! The verifier.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::builder::Builder;
use crate::cache::Cached;
use crate::claims::{Body, Claims};
use crate::clock::{Clock, seconds};
use crate::keys::Keyring;
use crate::refresh::Refresh;
use crate::rejected::Rejected;
use crate::revocations::{FeedSink, KeyNews, Revocations, Staleness};
use crate::status::Status;
use crate::{jwt, paseto};

/// Longer tokens are refused unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far the issuer's clock may be ahead of ours, in seconds.
const AHEAD: i64 = 60;

/// Verifies access tokens in memory. Cloning it is cheap, and the clones are one: share it.
///
/// A token is accepted when all of this holds: it is a JWT (RFC 9068, `typ: at+jwt`) or a PASETO (v4.public) of at
/// most 8 KiB in its one strict spelling; a key that the issuer publishes signed it, with that key's own algorithm;
/// `iss` and `aud` are the expected ones; it has not expired, and is not from the future; it was not revoked.
#[derive(Clone)]
pub struct Verifier(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) issuer: Arc<str>,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway: i64,
    pub(crate) longest_life: Duration,
    pub(crate) staleness: Staleness,
    pub(crate) oldest_keys: Option<Duration>,
    pub(crate) realm: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) refresh: Option<Arc<Refresh>>,
    pub(crate) cached: Option<Cached>,
    /// Tasks that end with the verifier.
    pub(crate) _tasks: Vec<Box<dyn Any + Send + Sync>>,
}

impl Verifier {
    /// A verifier of the tokens of `issuer`: the exact text of their `iss`, which is its URL as well.
    pub fn builder(issuer: impl Into<String>) -> Builder {
        Builder::new(issuer.into())
    }

    /// The claims of a valid token. Never waits: when the token names an unknown key, the keys are fetched in the
    /// background (not more often than [`Builder::fetch_floor`] allows) and the token is refused for now.
    pub fn verify(&self, token: &str) -> Result<Claims, Rejected> {
        let verdict = self.0.verify(token);
        if verdict.as_ref().is_err_and(|why| why.wants_keys())
            && let Some(refresh) = &self.0.refresh
        {
            // The receiver is for those who wait.
            drop(refresh.ask());
        }
        verdict
    }

    /// As [`Verifier::verify`], but where newer keys could change the verdict it waits for them, a few seconds at most.
    /// What the middlewares use.
    pub async fn verify_async(&self, token: &str) -> Result<Claims, Rejected> {
        match (self.0.verify(token), &self.0.refresh) {
            (Err(why), Some(refresh)) if why.wants_keys() => {
                if refresh.newer().await {
                    self.0.verify(token)
                } else {
                    Err(why)
                }
            }
            (verdict, _) => verdict,
        }
    }

    /// Waits until there are keys, for `patience` at most; whether there are. For services that want to start only
    /// when they can serve; without it they serve 503 until the issuer answers.
    #[cfg(feature = "discovery")]
    pub async fn ready(&self, patience: Duration) -> bool {
        let wait = async {
            let Some(refresh) = &self.0.refresh else { return };
            // Before the look: a fetch that ends after it is seen.
            let mut ended = refresh.ended();
            while self.0.keyring.current().is_empty() && ended.changed().await.is_ok() {}
        };
        // Late is not ready: what counts is what there is now.
        drop(tokio::time::timeout(patience, wait).await);
        !self.0.keyring.current().is_empty()
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let inner = &*self.0;
        let (now, uptime) = (inner.now(), inner.clock.uptime());
        Status {
            keys: inner.keyring.current().len(),
            keys_age: inner.keyring.age(uptime),
            keys_error: inner.refresh.as_ref().and_then(|refresh| refresh.error()),
            feed: inner.revocations.hearing.status(now, uptime, inner.longest_life),
            revocations: inner.revocations.len(),
            cached: inner.cached.as_ref().map_or(0, Cached::len),
        }
    }

    /// What feeds report into, for what the service hears in yet another way: a receiver of the issuer's webhooks hands
    /// each verified body to [`FeedSink::event`], say, besides a feed that does not tell of changed roles.
    pub fn sink(&self) -> FeedSink {
        let inner = &*self.0;
        FeedSink {
            issuer: inner.issuer.clone(),
            clock: inner.clock.clone(),
            revocations: inner.revocations.clone(),
            keyring: inner.keyring.clone(),
            key_news: inner.refresh.clone().map(|refresh| refresh as Arc<dyn KeyNews>),
            staleness: inner.staleness,
        }
    }

    /// The `realm` of challenges (RFC 6750 §3).
    pub fn realm(&self) -> &str {
        &self.0.realm
    }
}

impl Inner {
    fn now(&self) -> i64 {
        seconds(self.clock.now())
    }

    fn verify(&self, token: &str) -> Result<Claims, Rejected> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejected::TooLong);
        }
        self.keys_are_fresh()?;
        // Before anything else: keys that change meanwhile make the entry useless rather than wrong.
        let generation = self.keyring.generation();
        let known = self.cached.as_ref().and_then(|cached| cached.get(token, generation));
        let is_new = known.is_none();
        let claims = match known {
            Some(claims) => claims,
            None => self.read(token)?,
        };
        if let Err(why) = self.admit(&claims.0) {
            if let (false, Some(cached)) = (is_new, &self.cached) {
                cached.remove(token);
            }
            return Err(why);
        }
        if let (true, Some(cached)) = (is_new, &self.cached) {
            cached.insert(token, claims.clone(), generation);
        }
        Ok(claims)
    }

    /// What does not change as long as the keys do not: form, signature, issuer, audience, subject, kind.
    fn read(&self, token: &str) -> Result<Claims, Rejected> {
        let keys = self.keyring.current();
        if keys.is_empty() {
            return Err(Rejected::NoKeys);
        }
        let read = if paseto::is(token) { paseto::read } else { jwt::read };
        let body = read(&keys, &self.algorithms, token)?;
        if body.issuer != *self.issuer {
            return Err(Rejected::Issuer);
        }
        if !self.audiences.contains(&body.audience) {
            return Err(Rejected::Audience);
        }
        if !body.is_of_one_kind() {
            return Err(Rejected::Subject);
        }
        let life = u64::try_from(body.expires_at.saturating_sub(body.issued_at)).unwrap_or(0);
        if life > self.longest_life.as_secs() {
            return Err(Rejected::Lifetime);
        }
        Ok(Claims(Arc::new(body)))
    }

    /// What may change from one moment to the next: time and revocations.
    fn admit(&self, token: &Body) -> Result<(), Rejected> {
        let now = self.now();
        if now >= token.expires_at.saturating_add(self.leeway) {
            return Err(Rejected::Expired);
        }
        let starts = token.not_before.map_or(i64::MIN, |at| at.saturating_sub(self.leeway));
        if now < starts || token.issued_at > now.saturating_add(AHEAD) {
            return Err(Rejected::NotYetValid);
        }
        self.revocations.check(token)?;
        self.revocations.hearing.check(self.staleness, token.issued_at, || self.clock.uptime())
    }

    fn keys_are_fresh(&self) -> Result<(), Rejected> {
        let Some(oldest) = self.oldest_keys else { return Ok(()) };
        match self.keyring.age(self.clock.uptime()) {
            Some(age) if age <= oldest => Ok(()),
            _ => Err(Rejected::NoKeys),
        }
    }
}
