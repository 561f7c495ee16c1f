//! Taking the signing keys into use, and publishing them.

use std::time::Duration;

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::origin::Origin;
use crate::ports::store::{StoreError, Unique};
use crate::ports::tokens::{LiveKey, PublishedKeys, TokenError};

use super::{Algorithm, SigningKey, Tokens};

/// How far the clocks of replicas may be apart when they start together.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

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

impl Tokens {
    /// Opens the stored signing keys and takes them into use, making the first key of each of `algorithms` that has
    /// none. Replicas that start together end up with the same keys.
    pub async fn open_keys(&self, algorithms: &[Algorithm]) -> Result<(), KeysError> {
        let mut stored = self.stored_keys().await?;
        let now = self.clock.now();
        let lacks = |keys: &[SigningKey], algorithm| {
            !keys.iter().any(|key| key.algorithm == algorithm && key.retires_at.is_none_or(|at| at > now))
        };
        for &algorithm in algorithms {
            if lacks(&stored, algorithm) {
                self.make_key(algorithm, &stored).await?;
                stored = self.stored_keys().await?;
            }
        }
        let mut live = Vec::with_capacity(stored.len());
        for key in stored.into_iter().filter(|key| key.retires_at.is_none_or(|at| at > now)) {
            let private = self.vault.open(&key.kid, &key.sealed_private);
            let private = private.map_err(|_| KeysError::Sealed { kid: key.kid.clone() })?;
            live.push(LiveKey { key, private });
        }
        Ok(self.keys.install(live)?)
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

    async fn make_key(&self, algorithm: Algorithm, stored: &[SigningKey]) -> Result<(), KeysError> {
        let now = self.clock.now();
        let pair = self.keys.generate(algorithm).await?;
        let sealed_private =
            self.vault.seal(&pair.kid, &pair.private.0).map_err(|error| Failure::Internal(Box::new(error)))?;
        let last = stored.iter().filter(|key| key.algorithm == algorithm).map(|key| key.ordinal).max();
        let key = SigningKey {
            kid: pair.kid,
            algorithm,
            ordinal: last.unwrap_or(0) + 1,
            public: pair.public,
            sealed_private,
            created_at: now,
            // A replica whose clock is behind can sign with it at once.
            activates_at: now.minus(CLOCK_SKEW),
            retires_at: None,
        };
        let mut tx = self.store.begin().await.map_err(Failure::from)?;
        match tx.keys().insert(&key).await {
            Ok(()) => {}
            // Another replica was first: its key is as good.
            Err(StoreError::Duplicate(Unique::KeyOrdinal)) => return Ok(()),
            Err(error) => return Err(Failure::from(error).into()),
        }
        let act = AuditEntry::new(now, &*self.random, Actor::Service, Action::CreateKey, &Origin::default());
        let act = act.with(format!("{} {}", algorithm.as_str(), key.kid));
        tx.audit().append(act).await.map_err(Failure::from)?;
        Ok(tx.commit(now, Vec::new()).await.map_err(Failure::from)?)
    }
}
