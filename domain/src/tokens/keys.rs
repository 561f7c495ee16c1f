//! Taking the signing keys into use, and publishing them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audit::{Action, Actor, AuditEntry};
use crate::origin::Origin;
use crate::ports::store::{StoreError, Unique};
use crate::ports::tokens::{LiveKey, PublishedKeys, TokenError};
use crate::{Failure, Timestamp};

use super::{Algorithm, KeySchedule, SigningKey, Tokens};

/// Why the signing keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The master key is not the one that sealed this key.
    #[error("the master key does not open the signing key {kid}: it was sealed under another one")]
    Sealed {
        /// Which key.
        kid: String,
    },
    /// A key could not be made or read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for KeysError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// Which keys are installed.
#[derive(Default)]
pub(super) struct InUse(Mutex<Installed>);

#[derive(Default)]
struct Installed {
    /// How often keys were installed.
    times: u64,
    keys: Vec<Term>,
}

/// A key, and when it signs and is accepted: what of an installed key can change.
#[derive(PartialEq, Eq)]
struct Term {
    kid: String,
    activates_at: Timestamp,
    retires_at: Option<Timestamp>,
}

impl Term {
    fn of(key: &SigningKey, retires_at: Option<Timestamp>) -> Self {
        Self { kid: key.kid.clone(), activates_at: key.activates_at, retires_at }
    }
}

/// A key that was made and has no place among the others yet.
pub(super) struct FreshKey {
    kid: String,
    algorithm: Algorithm,
    public: Vec<u8>,
    sealed_private: Vec<u8>,
}

impl FreshKey {
    /// The key, last in the line of its algorithm, made at `now` and signing from `activates_at` on.
    pub(super) fn follow(&self, stored: &[SigningKey], now: Timestamp, activates_at: Timestamp) -> SigningKey {
        let last = stored.iter().filter(|key| key.algorithm == self.algorithm).map(|key| key.ordinal).max();
        SigningKey {
            kid: self.kid.clone(),
            algorithm: self.algorithm,
            ordinal: last.unwrap_or(0) + 1,
            public: self.public.clone(),
            sealed_private: self.sealed_private.clone(),
            created_at: now,
            activates_at,
            retires_at: None,
        }
    }
}

impl InUse {
    fn lock(&self) -> MutexGuard<'_, Installed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Opens the stored signing keys and takes them into use, making the first key of each of `algorithms` that has
    /// none. Replicas that start together end up with the same keys.
    pub async fn open_keys(&self, algorithms: &[Algorithm]) -> Result<(), KeysError> {
        // Before a key is made: one under another master key would lock every other replica out.
        let mut stored = self.take_stored_keys().await?;
        for &algorithm in algorithms {
            if !stored.iter().any(|key| key.algorithm == algorithm && !key.is_revoked()) {
                self.make_first_key(algorithm, &stored).await?;
                stored = self.take_stored_keys().await?;
            }
        }
        Ok(())
    }

    /// Takes the stored keys into use again, where they have changed, and notes those that were revoked.
    pub(crate) async fn learn_keys(&self) -> Result<(), Failure> {
        match self.take_stored_keys().await {
            Ok(_) => Ok(()),
            Err(KeysError::Failure(failure)) => Err(failure),
            Err(other) => Err(Failure::Internal(Box::new(other))),
        }
    }

    /// All signing keys as they are stored, by algorithm and ordinal.
    pub async fn stored_keys(&self) -> Result<Vec<SigningKey>, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(tx.keys().all().await?)
    }

    /// The public keys that verifiers should have now.
    pub fn published_keys(&self) -> PublishedKeys {
        self.keys.published(self.clock.now())
    }

    /// Takes the stored keys into use, unless they are already, and returns them.
    pub(super) async fn take_stored_keys(&self) -> Result<Vec<SigningKey>, KeysError> {
        loop {
            let times = self.in_use.lock().times;
            let stored = self.stored_keys().await?;
            let now = self.clock.now();
            let taken = self.take(&stored, times, now);
            self.note_revoked(&stored, now);
            if taken? {
                return Ok(stored);
            }
        }
    }

    /// Tells verifiers of the keys that were revoked, while tokens that these have signed would live.
    fn note_revoked(&self, stored: &[SigningKey], now: Timestamp) {
        for key in stored {
            if let Some(at) = key.retires_at {
                let until = KeySchedule::outlived(at, self.access_ttl);
                if until > now {
                    self.revocations.log.note_key(&key.kid, at, until, now);
                }
            }
        }
    }

    /// Installs the keys that are live at `now`, if those in use are others; `false` when somebody else has installed
    /// keys since there were `times` installations: what was read before may be older than those.
    fn take(&self, stored: &[SigningKey], times: u64, now: Timestamp) -> Result<bool, KeysError> {
        let retirements = KeySchedule::retirements(stored, self.access_ttl);
        let all = stored.iter().zip(retirements);
        // A revocation holds at once, also where the clock is behind that of whoever revoked it.
        let live: Vec<_> = all.filter(|(key, at)| !key.is_revoked() && at.is_none_or(|at| at > now)).collect();
        let mut in_use = self.in_use.lock();
        if in_use.times != times {
            return Ok(false);
        }
        let terms: Vec<_> = live.iter().map(|(key, retires_at)| Term::of(key, *retires_at)).collect();
        if terms == in_use.keys {
            return Ok(true);
        }
        let (mut terms, mut keys, mut sealed) = (Vec::new(), Vec::new(), None);
        for (key, retires_at) in live {
            match self.vault.open(&key.kid, &key.sealed_private) {
                Ok(private) => {
                    terms.push(Term::of(key, retires_at));
                    keys.push(LiveKey { key: SigningKey { retires_at, ..key.clone() }, private });
                }
                Err(_) => sealed = Some(key.kid.clone()),
            }
        }
        // A key that does not open keeps none of the others from its place, nor a revoked one in it.
        if terms != in_use.keys {
            self.keys.install(keys)?;
            in_use.keys = terms;
            in_use.times += 1;
            // Verifiers that wait for news learn that there are other keys.
            self.revocations.log.wake();
        }
        sealed.map_or(Ok(true), |kid| Err(KeysError::Sealed { kid }))
    }

    /// Makes a key pair, which takes a while for some algorithms, and seals its private part.
    pub(super) async fn make_key(&self, algorithm: Algorithm) -> Result<FreshKey, KeysError> {
        let pair = self.keys.generate(algorithm).await?;
        let sealed_private =
            self.vault.seal(&pair.kid, &pair.private.0).map_err(|error| Failure::Internal(Box::new(error)))?;
        Ok(FreshKey { kid: pair.kid, algorithm, public: pair.public, sealed_private })
    }

    /// An act on a key, for the audit trail.
    pub(super) fn act_on(
        &self,
        key: &SigningKey,
        action: Action,
        actor: Actor,
        origin: &Origin,
        at: Timestamp,
    ) -> AuditEntry {
        let act = AuditEntry::new(at, &*self.random, actor, action, origin);
        act.with(format!("{} {}", key.algorithm.as_str(), key.kid))
    }

    async fn make_first_key(&self, algorithm: Algorithm, stored: &[SigningKey]) -> Result<(), KeysError> {
        let now = self.clock.now();
        let key = self.make_key(algorithm).await?.follow(stored, now, KeySchedule::at_once(stored, algorithm, now));
        let mut tx = self.store.begin().await?;
        match tx.keys().insert(&key).await {
            Ok(()) => {}
            // Another replica was first: its key is as good.
            Err(StoreError::Duplicate(Unique::KeyOrdinal)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let act = self.act_on(&key, Action::CreateKey, Actor::Service, &Origin::default(), now);
        tx.audit().append(act).await?;
        Ok(tx.commit(now, Vec::new()).await?)
    }
}
