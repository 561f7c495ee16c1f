//! The end of a signing key before its time.

use crate::audit::{Action, Actor};
use crate::event::Event;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Tx, Unique};
use crate::{Failure, Timestamp};

use super::keys::{FreshKey, KeysError};
use super::rotate::{ATTEMPTS, Rotated, announcement, rotated};
use super::{Algorithm, KeySchedule, SigningKey, Tokens};

/// A signing key that nobody trusts any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedKey {
    /// Which key.
    pub kid: String,
    /// What it signed.
    pub algorithm: Algorithm,
    /// Since when.
    pub at: Timestamp,
    /// Whether it had been revoked before, and nothing has changed.
    pub already: bool,
    /// The key that signs in its place, when it was the one that signed.
    pub successor: Option<Rotated>,
}

/// Why a signing key was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeKeyError {
    /// There is no such key, or no more.
    #[error("there is no signing key {kid}")]
    Unknown {
        /// The key that was named.
        kid: String,
        /// The keys that there are.
        known: Vec<String>,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
}

impl From<StoreError> for RevokeKeyError {
    fn from(error: StoreError) -> Self {
        Self::Keys(error.into())
    }
}

/// How far an attempt got.
enum Attempt {
    Done(RevokedKey),
    /// There must be a new key first, and making one takes too long for a unit of work.
    Lacks(Algorithm),
    /// Somebody else changed the keys at the same time.
    Again,
}

impl Tokens {
    /// Withdraws a key at once: it signs no more, and what it has signed is refused, here from now on and elsewhere as
    /// soon as the word arrives. When it is the key that signs, the next one signs from now on, and a new one is made if
    /// none waits. To revoke a key twice changes nothing.
    pub async fn revoke_key(&self, kid: &str, actor: Actor, origin: &Origin) -> Result<RevokedKey, RevokeKeyError> {
        // This opens all of them: a key under another master key would lock every other replica out.
        self.take_stored_keys().await?;
        let mut fresh = None;
        for _ in 0..ATTEMPTS {
            match self.try_to_revoke(kid, &actor, origin, fresh.as_ref()).await? {
                Attempt::Done(revoked) => {
                    let taken = self.take_stored_keys().await;
                    // Whatever came of that, verifiers are told.
                    let until = KeySchedule::outlived(revoked.at, self.access_ttl);
                    let now = self.clock.now();
                    if until > now {
                        self.revocations.log.note_key(kid, revoked.at, until, now);
                    }
                    taken?;
                    return Ok(revoked);
                }
                Attempt::Lacks(algorithm) => fresh = Some(self.make_key(algorithm).await?),
                Attempt::Again => {}
            }
        }
        Err(KeysError::from(Failure::from(StoreError::Conflict)).into())
    }

    async fn try_to_revoke(
        &self,
        kid: &str,
        actor: &Actor,
        origin: &Origin,
        fresh: Option<&FreshKey>,
    ) -> Result<Attempt, RevokeKeyError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let first = match tx.keys().revoke(kid, now).await {
            Err(StoreError::Conflict) => return Ok(Attempt::Again),
            answer => answer?,
        };
        // After the write: whoever changes the same keys has finished, or waits.
        let keys = tx.keys().all().await?;
        let Some(key) = keys.iter().find(|key| key.kid == kid) else {
            let known = keys.iter().filter(|key| !key.is_revoked()).map(|key| key.kid.clone()).collect();
            return Err(RevokeKeyError::Unknown { kid: kid.to_owned(), known });
        };
        let algorithm = key.algorithm;
        let revoked = |already, successor| {
            let at = key.retires_at.unwrap_or(now);
            RevokedKey { kid: kid.to_owned(), algorithm, at, already, successor }
        };
        if !first {
            return Ok(Attempt::Done(revoked(true, None)));
        }
        let mut act = self.act_on(key, Action::RevokeKey, actor.clone(), origin, now);
        let gone = Event::KeysRevoked { kid: kid.to_owned(), algorithm: algorithm.as_str().to_owned() };
        let mut effects = vec![Effect::publish(gone, origin)];
        let mut successor = None;
        if KeySchedule::signer(&keys, algorithm, now).is_none() {
            let waiting = KeySchedule::waiting(&keys, algorithm, now);
            let from = KeySchedule::at_once(&keys, algorithm, now);
            let next = match (waiting, fresh) {
                (Some(waiting), _) => SigningKey { activates_at: from, ..waiting.clone() },
                (None, Some(fresh)) => fresh.follow(&keys, now, from),
                (None, None) => return Ok(Attempt::Lacks(algorithm)),
            };
            let made = waiting.is_none();
            if !put_in_place(&mut *tx, &next, made).await? {
                return Ok(Attempt::Again);
            }
            if made {
                tx.audit().append(self.act_on(&next, Action::CreateKey, actor.clone(), origin, now)).await?;
            }
            act = act.with(format!("{} {kid}, followed by {}", algorithm.as_str(), next.kid));
            effects.push(Effect::publish(announcement(&next), origin));
            successor = Some(rotated(&next, made));
        }
        tx.audit().append(act).await?;
        match tx.commit(now, effects).await {
            Ok(()) => Ok(Attempt::Done(revoked(false, successor))),
            Err(StoreError::Conflict) => Ok(Attempt::Again),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lets `next` sign from its instant on; `false` when somebody else changed the keys at the same time.
async fn put_in_place(tx: &mut dyn Tx, next: &SigningKey, made: bool) -> Result<bool, StoreError> {
    let done = if made {
        tx.keys().insert(next).await.map(|()| true)
    } else {
        tx.keys().activate(&next.kid, next.activates_at).await
    };
    match done {
        Err(StoreError::Duplicate(Unique::KeyOrdinal) | StoreError::Conflict) => Ok(false),
        answer => answer,
    }
}
