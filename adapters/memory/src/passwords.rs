//! Passwords for tests: no work, no protection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher, PasswordPolicy, PolicyError};

use crate::toy::{from_hex, mix, to_hex};

/// A hasher that takes no time and protects nothing, for tests only. It counts how often it is asked.
///
/// A hash is `$plain$<generation>$<salt>$<checksum>`; those of an earlier generation are stale.
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

/// Generation, salt and checksum.
fn parts(hash: &PasswordHash) -> Option<(u64, Vec<u8>, &str)> {
    let mut parts = hash.as_str().strip_prefix("$plain$")?.split('$');
    let (generation, salt, checksum) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || salt.len() != 32 {
        return None;
    }
    Some((generation.parse().ok()?, from_hex(salt)?, checksum))
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
