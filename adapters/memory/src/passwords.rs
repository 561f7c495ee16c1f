//! Passwords for tests: no work, no protection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::security::{
    HashError, HashImport, HashRefused, Match, PasswordHasher, PasswordPolicy, PolicyError,
};

use crate::toy::{from_hex, mix, to_hex};

/// A hasher that takes no time and protects nothing, for tests only. It counts how often it is asked.
///
/// A hash is `$plain$<generation>$<salt>$<checksum>`; those of an earlier generation are stale, and so are those that
/// [`PlainHashes`] accepts.
pub struct PlainHasher {
    random: Arc<dyn Randomness>,
    generation: AtomicU64,
    hashed: AtomicU64,
    verified: AtomicU64,
}

impl PlainHasher {
    /// A hasher of the first generation.
    pub const fn new(random: Arc<dyn Randomness>) -> Self {
        let (generation, hashed, verified) = (AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0));
        Self { random, generation, hashed, verified }
    }

    /// Raises the policy: every hash so far is [`Match::YesButStale`] from here on.
    pub fn raise_cost(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// How many passwords were hashed.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }

    /// How many passwords were compared, those without a hash included.
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::SeqCst)
    }
}

fn checksum(salt: &[u8], password: &Password) -> String {
    to_hex(&mix(salt, "password", &[password.expose().as_bytes()]))
}

/// Generation, salt and checksum; what comes from elsewhere is older than every generation.
fn parts(hash: &PasswordHash) -> Option<(u64, Vec<u8>, &str)> {
    if let Ok((salt, checksum)) = PlainHashes::read(hash.as_str()) {
        return Some((0, salt, checksum));
    }
    let mut parts = hash.as_str().strip_prefix("$plain$")?.split('$');
    let (generation, salt, checksum) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || salt.len() != 32 {
        return None;
    }
    Some((generation.parse().ok()?, from_hex(salt)?, checksum))
}

/// An import that knows one scheme, which protects nothing, for tests only: `$foreign$<cost>$<salt>$<checksum>` with a
/// cost of 1 to 10. [`PlainHasher`] verifies what it accepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainHashes;

impl PlainHashes {
    /// The highest cost that is accepted.
    pub const MAX_COST: u32 = 10;

    /// The hash of a password as it comes from elsewhere.
    pub fn foreign(password: &str, cost: u32) -> String {
        let mixed = mix(&[], "salt", &[password.as_bytes()]);
        let (salt, _) = mixed.split_at(16);
        format!("$foreign${cost}${}${}", to_hex(salt), to_hex(&mix(salt, "password", &[password.as_bytes()])))
    }

    fn read(text: &str) -> Result<(Vec<u8>, &str), HashRefused> {
        let rest = text.strip_prefix("$foreign$").ok_or(HashRefused::Unknown(None))?;
        let malformed = |why: &str| HashRefused::Malformed { scheme: "foreign", why: why.to_owned() };
        let parts: Vec<_> = rest.split('$').collect();
        let [cost, salt, checksum] = parts[..] else { return Err(malformed("there are not three fields")) };
        let cost: u32 = cost.parse().map_err(|_| malformed("the cost is no number"))?;
        if cost > Self::MAX_COST {
            return Err(HashRefused::TooCostly(format!("cost is {cost}, the limit is {}", Self::MAX_COST)));
        }
        let hexed = |text, bytes| from_hex(text).filter(|hex| hex.len() == bytes);
        let salt = hexed(salt, 16).ok_or_else(|| malformed("the salt is not 16 bytes"))?;
        hexed(checksum, 32).ok_or_else(|| malformed("the checksum is not 32 bytes"))?;
        Ok((salt, checksum))
    }
}

impl HashImport for PlainHashes {
    fn accept(&self, foreign: &str) -> Result<PasswordHash, HashRefused> {
        Self::read(foreign)?;
        Ok(PasswordHash::new(foreign.to_owned()))
    }
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.hashed.fetch_add(1, Ordering::SeqCst);
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        let generation = self.generation.load(Ordering::SeqCst);
        Ok(PasswordHash::new(format!("$plain${generation}${}${}", to_hex(&salt), checksum(&salt, password))))
    }

    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError> {
        self.verified.fetch_add(1, Ordering::SeqCst);
        let Some((generation, salt, expected)) = hash.and_then(parts) else { return Ok(Match::No) };
        Ok(if checksum(&salt, password) != expected {
            Match::No
        } else if generation == self.generation.load(Ordering::SeqCst) {
            Match::Yes
        } else {
            Match::YesButStale
        })
    }
}

/// A policy that knows a dozen common passwords and the user's own names, for tests only.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaxPolicy;

const COMMON: [&str; 12] = [
    "12345678",
    "123456789",
    "1234567890",
    "11111111",
    "abcd1234",
    "iloveyou",
    "passw0rd",
    "password",
    "password1",
    "qwerty123",
    "qwertyuiop",
    "sunshine",
];

#[async_trait]
impl PasswordPolicy for LaxPolicy {
    fn min_chars(&self) -> usize {
        Password::MIN_CHARS
    }

    async fn check(&self, password: &Password, context: &[&str]) -> Result<(), PolicyError> {
        let folded = password.expose().to_lowercase();
        if COMMON.contains(&folded.as_str()) {
            return Err(PolicyError::Weak("this password is among the most common ones: choose another".to_owned()));
        }
        // What remains beside a name must be worth a password of its own.
        let own = context.iter().map(|own| own.to_lowercase()).filter(|own| own.chars().count() >= 3);
        let rest = |own: &String| folded.replace(own.as_str(), "").chars().count();
        let made_of = |own: String| folded.contains(&own) && rest(&own) < Password::MIN_CHARS;
        if own.into_iter().any(made_of) {
            let why = "this password is made of your own name or address: choose another";
            return Err(PolicyError::Weak(why.to_owned()));
        }
        Ok(())
    }
}
