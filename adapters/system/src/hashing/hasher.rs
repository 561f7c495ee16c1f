//! The hasher behind the port.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, Salt};
use async_trait::async_trait;
use portcullis_domain::accounts::{Password, PasswordHash};
use portcullis_domain::failure::BoxError;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cost::{Ceiling, Cost};
use super::engine::{Engine, EngineError, MakeEngine};
use super::fast::LEAST_KIB;
use super::self_test;
use super::settings::{HashSettings, SettingError};
use super::stored::StoredHash;
use crate::legacy::{Foreign, Stored};
use crate::work::{Limits, PoolError, PoolOptions, WorkPool};

const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// An idle thread gives its memory back after this, and with it what the last password left there. New memory costs up to
/// a quarter of a hash.
const IDLE: Duration = Duration::from_secs(1);

/// Hashes passwords with argon2id on threads of its own.
///
/// - A stored hash is verified with its own parameters, whatever they are below the ceiling; one that cannot be read
///   costs what no hash at all costs, and that is what a wrong password costs: also on a hash from before the policy
///   was raised, which is followed by the work that it lacks.
/// - The hashes of [other systems](crate::legacy) are verified too, on the same threads, and are always stale.
/// - Beyond the limits of the line it answers [`HashError::Overloaded`] at once; work that nobody waits for any more
///   is not begun.
pub struct Argon2Hasher {
    pool: Arc<WorkPool>,
    random: Arc<dyn Randomness>,
    cost: Cost,
    ceiling: Ceiling,
    nobody: Arc<StoredHash>,
}

/// Why there is no hasher.
#[derive(Debug, thiserror::Error)]
pub enum HashStartError {
    /// A setting cannot be.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The operating system gives no more threads.
    #[error("the threads for password hashing do not start")]
    Threads(#[source] std::io::Error),
    /// The random generator does not do what it promises.
    #[error("a salt cannot be made")]
    Salt,
}

impl Argon2Hasher {
    /// Checks the settings, tests the fast implementation against the plain one (a few milliseconds) and starts the
    /// threads. Memory is taken at the first hash.
    pub fn new(settings: &HashSettings, random: Arc<dyn Randomness>) -> Result<Self, HashStartError> {
        let engine = self_test::choose(self_test::fast, &*random);
        Self::with_engine(settings, random, engine)
    }

    pub(super) fn with_engine(
        settings: &HashSettings,
        random: Arc<dyn Randomness>,
        engine: MakeEngine,
    ) -> Result<Self, HashStartError> {
        settings.check()?;
        let line = Limits {
            burst: settings.queue,
            standing: settings.queue.min(settings.threads * settings.standing_per_thread),
        };
        let keep_kib = settings.memory_kib.max(LEAST_KIB) as usize;
        let options = PoolOptions { threads: settings.threads, line, engine, keep_kib, idle: IDLE };
        let pool = WorkPool::start(options).map_err(HashStartError::Threads)?;
        let mut output = [0; TAG_BYTES];
        random.fill(&mut output);
        let output = Output::new(&output).map_err(|_| HashStartError::Salt)?;
        let salt = fresh_salt(&*random).map_err(|_| HashStartError::Salt)?;
        let nobody = Arc::new(StoredHash { cost: settings.cost(), salt, output });
        Ok(Self { pool, random, cost: settings.cost(), ceiling: settings.ceiling(), nobody })
    }

    /// The threads, for other work on passwords.
    pub fn pool(&self) -> Arc<WorkPool> {
        Arc::clone(&self.pool)
    }

    fn is_stale(&self, stored: &StoredHash) -> bool {
        stored.cost.is_below(&self.cost)
            || stored.cost.is_excessive(&self.cost)
            || stored.output.len() < TAG_BYTES
            || stored.salt.len() < SALT_BYTES
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    fn admit(&self) -> Result<(), HashError> {
        if self.pool.has_room() { Ok(()) } else { Err(HashError::Overloaded) }
    }

    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let salt = fresh_salt(&*self.random)?;
        let (cost, password) = (self.cost, password.clone());
        let output = self.compute(move |engine| compute(engine, &cost, &password, &salt, TAG_BYTES)).await?;
        let text = StoredHash { cost, salt, output }.write().ok_or_else(|| failed("the hash cannot be written"))?;
        Ok(PasswordHash::new(text))
    }

    async fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<Match, HashError> {
        let stored = match hash.map(|hash| Stored::read(hash.as_str(), &self.ceiling)) {
            Some(Ok(stored)) => Some(stored),
            Some(Err(refused)) => {
                tracing::warn!(%refused, "a stored password hash is not computed; its owner cannot log in");
                None
            }
            None => None,
        };
        let (same, stale) = match stored {
            Some(Stored::Foreign(foreign)) => (self.compare_foreign(password, foreign).await?, true),
            Some(Stored::Wrapped(stored)) => (self.compare(password, Arc::new(stored)).await?, true),
            Some(Stored::Argon2(stored)) => {
                let stale = self.is_stale(&stored);
                (self.compare(password, Arc::new(stored)).await?, stale)
            }
            None => {
                self.compare(password, self.nobody.clone()).await?;
                return Ok(Match::No);
            }
        };
        Ok(match (same, stale) {
            (true, true) => Match::YesButStale,
            (true, false) => Match::Yes,
            (false, _) => Match::No,
        })
    }
}

impl Argon2Hasher {
    async fn compare(&self, password: &Password, stored: Arc<StoredHash>) -> Result<bool, HashError> {
        let missing = stored.cost.missing_to(&self.cost);
        let password = password.clone();
        self.compute(move |engine| {
            let output = compute(engine, &stored.cost, &password, &stored.salt, stored.output.len())?;
            let same = bool::from(output.as_bytes().ct_eq(stored.output.as_bytes()));
            if let Some(missing) = missing.filter(|_| !same) {
                compute(engine, &missing, &password, &stored.salt, TAG_BYTES)?;
            }
            Ok(same)
        })
        .await
    }

    /// A wrong password costs an argon2id on top, as a right one does that is hashed anew: a cheap foreign hash must not
    /// show by its speed.
    async fn compare_foreign(&self, password: &Password, foreign: Foreign) -> Result<bool, HashError> {
        let (cost, nobody, password) = (self.cost, self.nobody.clone(), password.clone());
        self.compute(move |engine| {
            let bytes = password.expose().as_bytes();
            // bcrypt repeats its input with a NUL between, HMAC fills up with NULs: with one inside, it may be another's.
            let same = foreign.matches(bytes)? && !bytes.contains(&0);
            if !same {
                compute(engine, &cost, &password, &nobody.salt, TAG_BYTES)?;
            }
            Ok(same)
        })
        .await
    }

    async fn compute<R: Send + 'static>(
        &self,
        task: impl FnOnce(&mut dyn Engine) -> Result<R, EngineError> + Send + 'static,
    ) -> Result<R, HashError> {
        self.pool.run(move |engine| timed(|| task(engine))).await.map_err(unserved)?.map_err(failed)
    }
}

fn fresh_salt(random: &dyn Randomness) -> Result<Salt, HashError> {
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt);
    Salt::new(&salt).map_err(|error| failed(error.to_string()))
}

fn compute(
    engine: &mut dyn Engine,
    cost: &Cost,
    password: &Password,
    salt: &Salt,
    length: usize,
) -> Result<Output, EngineError> {
    let mut tag = Zeroizing::new(vec![0; length]);
    engine.derive(cost, password.expose().as_bytes(), salt, &mut tag)?;
    Output::new(&tag).map_err(|_| EngineError::Length)
}

fn timed<R>(task: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = task();
    metrics::histogram!("portcullis_password_hash_seconds").record(begun.elapsed());
    result
}

fn unserved(error: PoolError) -> HashError {
    match error {
        PoolError::Overloaded => HashError::Overloaded,
        PoolError::Panicked => failed("the computation panicked"),
    }
}

fn failed(cause: impl Into<BoxError>) -> HashError {
    HashError::Failed(cause.into())
}
