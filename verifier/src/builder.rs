//! How a verifier is made.

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::clock::{Clock, SystemClock};
use crate::keys::{KeySet, Keyring, NotAKeySet, read_jwks, read_paserks};
use crate::revocations::{Feed, Revocations, Staleness};

/// Settings of a [`Verifier`](crate::Verifier). Only [`Builder::audience`] has no default.
pub struct Builder {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway: Duration,
    pub(crate) longest_life: Duration,
    pub(crate) staleness: Staleness,
    pub(crate) oldest_keys: Option<Duration>,
    pub(crate) fetch_floor: Duration,
    pub(crate) realm: Option<String>,
    pub(crate) entries: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) feed: Option<Box<dyn Feed>>,
    pub(crate) plain_http: bool,
    pub(crate) address: Option<String>,
    pub(crate) fixed: Option<Result<KeySet, NotAKeySet>>,
    pub(crate) shared: Option<(Arc<Keyring>, Arc<Revocations>)>,
}

impl Builder {
    pub(crate) fn new(issuer: String) -> Self {
        Self {
            issuer,
            audiences: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            leeway: Duration::ZERO,
            longest_life: Duration::from_secs(24 * 60 * 60),
            staleness: Staleness::Accept,
            oldest_keys: None,
            fetch_floor: Duration::from_secs(10),
            realm: None,
            entries: 10_000,
            clock: Arc::new(SystemClock::new()),
            feed: None,
            plain_http: false,
            address: None,
            fixed: None,
            shared: None,
        }
    }

    /// The `aud` that tokens for this service have. Said more than once, each is accepted.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The algorithms whose keys are trusted; by default all that the issuer may use ([`Algorithm::ALL`]).
    #[must_use]
    pub fn algorithms(mut self, allowed: &[Algorithm]) -> Self {
        self.algorithms = allowed.to_vec();
        self
    }

    /// How long after `exp`, and before `nbf`, a token is still accepted, for clocks that differ: from 0, the default,
    /// to 60 s.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The longest time from `iat` to `exp` that a token may have; 24 h by default. Revocations of subjects are
    /// remembered that long, and a token that would outlive them is refused.
    #[must_use]
    pub fn longest_life(mut self, life: Duration) -> Self {
        self.longest_life = life;
        self
    }

    /// Where revocations come from; the last one counts. Without a feed a revoked token lives until it expires.
    #[must_use]
    pub fn feed(mut self, feed: impl Feed + 'static) -> Self {
        self.feed = Some(Box::new(feed));
        self
    }

    /// What happens to tokens that may have been revoked unheard; by default they are accepted.
    #[must_use]
    pub fn staleness(mut self, policy: Staleness) -> Self {
        self.staleness = policy;
        self
    }

    /// Refuses every token ([`Rejected::NoKeys`](crate::Rejected::NoKeys)) when the issuer has not confirmed its keys
    /// for so long; by default the last known keys are good for as long as the issuer is away.
    #[must_use]
    pub fn oldest_keys(mut self, age: Duration) -> Self {
        self.oldest_keys = Some(age);
        self
    }

    /// Tokens that name unknown keys make for one fetch in this time at most; 10 s by default.
    #[must_use]
    pub fn fetch_floor(mut self, floor: Duration) -> Self {
        self.fetch_floor = floor;
        self
    }

    /// The `realm` of challenges; by default the first audience.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// How many verified tokens are remembered (some 2 KiB each); 10 000 by default, 0 for none.
    #[must_use]
    pub fn cache(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// Another clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where the issuer is reached, when not under its own name (say `http://auth.internal:8080`): the keys are fetched
    /// from `/.well-known/jwks.json` and `/.well-known/paserk.json` there, without looking for metadata.
    #[must_use]
    pub fn address(mut self, url: impl Into<String>) -> Self {
        self.address = Some(url.into());
        self
    }

    /// Fetches keys over plain http from other hosts than this one. Whoever sits on the way can then forge tokens: for
    /// networks that are encrypted below.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Trusts these keys and fetches none: the documents that the issuer serves at `/.well-known/jwks.json` and
    /// `/.well-known/paserk.json`. Needs neither network nor runtime, and knows nothing of rotations.
    #[must_use]
    pub fn fixed_keys(mut self, jwks: Option<&str>, paserk: Option<&str>) -> Self {
        let read = || {
            Ok(KeySet {
                jwt: jwks.map_or(Ok(Vec::new()), |json| read_jwks(json.as_bytes()))?,
                paseto: paserk.map_or(Ok(Vec::new()), |json| read_paserks(json.as_bytes()))?,
            })
        };
        self.fixed = Some(read());
        self
    }

    /// Keys and revocations that are kept elsewhere.
    #[cfg(feature = "testing")]
    pub(crate) fn sharing(
        mut self,
        keyring: Arc<Keyring>,
        revocations: Arc<Revocations>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        self.shared = Some((keyring, revocations));
        self.clock = clock;
        self
    }
}
