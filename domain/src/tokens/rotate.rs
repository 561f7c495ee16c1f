//! The next signing keys, and the end of those before.

use crate::audit::{Action, Actor};
use crate::event::Event;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Unique};
use crate::{Failure, Timestamp};

use super::keys::{FreshKey, KeysError};
use super::{Algorithm, KeySchedule, SigningKey, Tokens};

/// How often it is tried again when others change the keys at the same time: each time one of them got on.
pub(super) const ATTEMPTS: usize = 16;

/// The key that signs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Which key.
    pub kid: String,
    /// What it signs.
    pub algorithm: Algorithm,
    /// From when on.
    pub activates_at: Timestamp,
    /// Whether it was made now; if not, it had been waiting already.
    pub made: bool,
}

impl Tokens {
    /// Publishes the next key of every algorithm that has keys, to sign after the time that the schedule says. A key
    /// that waits already is the next one: however often and wherever this is called, there is one.
    pub async fn rotate(&self, actor: Actor, origin: &Origin) -> Result<Vec<Rotated>, KeysError> {
        let when = |keys: &[SigningKey], algorithm, now| {
            KeySchedule::waiting(keys, algorithm, now).is_none().then(|| self.schedule.ready(now))
        };
        let (keys, made) = self.publish_next(actor, origin, when).await?;
        let now = self.clock.now();
        let next = in_use(&keys).filter_map(|algorithm| KeySchedule::waiting(&keys, algorithm, now));
        Ok(next.map(|key| rotated(key, made.contains(&key.kid))).collect())
    }

    /// Publishes the next key of each algorithm whose newest key will soon have signed for as long as the schedule says.
    /// Every replica may ask at any time: one of them makes the key. Returns what was made here.
    pub async fn rotate_if_due(&self) -> Result<Vec<Rotated>, KeysError> {
        if self.schedule.every.is_none() {
            return Ok(Vec::new());
        }
        let when = |keys: &[SigningKey], algorithm, now| self.schedule.due(keys, algorithm, now);
        let (keys, made) = self.publish_next(Actor::Service, &Origin::default(), when).await?;
        let own = keys.iter().filter(|key| made.contains(&key.kid));
        Ok(own.map(|key| rotated(key, true)).collect())
    }

    /// Destroys the keys, private part and all, whose last token has expired; which they were.
    pub async fn destroy_retired(&self) -> Result<Vec<SigningKey>, KeysError> {
        let now = self.clock.now();
        let stored = self.stored_keys().await?;
        let retirements = KeySchedule::retirements(&stored, self.access_ttl);
        // Until then verifiers are told of a revoked key.
        let told = |key: &SigningKey| key.retires_at.map(|at| KeySchedule::outlived(at, self.access_ttl));
        let over =
            stored.into_iter().zip(retirements).filter(|(key, at)| told(key).or(*at).is_some_and(|at| at <= now));
        let over: Vec<_> = over.map(|(key, _)| key).collect();
        if over.is_empty() {
            return Ok(over);
        }
        let mut tx = self.store.begin().await?;
        let mut destroyed = Vec::new();
        for key in over {
            // What another replica has destroyed is in its trail.
            if tx.keys().delete(&key.kid).await? {
                let act = self.act_on(&key, Action::DestroyKey, Actor::Service, &Origin::default(), now);
                tx.audit().append(act).await?;
                destroyed.push(key);
            }
        }
        if !destroyed.is_empty() {
            tx.commit(now, Vec::new()).await?;
            self.take_stored_keys().await?;
        }
        Ok(destroyed)
    }

    /// Publishes, in one unit of work, a key for each algorithm for which `when` says from when on it is to sign.
    /// Returns all keys, and the ids of those that were made here.
    async fn publish_next(
        &self,
        actor: Actor,
        origin: &Origin,
        when: impl Fn(&[SigningKey], Algorithm, Timestamp) -> Option<Timestamp> + Send + Sync,
    ) -> Result<(Vec<SigningKey>, Vec<String>), KeysError> {
        let mut fresh: Vec<(Algorithm, FreshKey)> = Vec::new();
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            // This opens all of them: a key under another master key would lock every other replica out.
            let stored = self.take_stored_keys().await?;
            let wanted = in_use(&stored).filter_map(|algorithm| Some((algorithm, when(&stored, algorithm, now)?)));
            let wanted: Vec<_> = wanted.collect();
            if wanted.is_empty() {
                return Ok((stored, Vec::new()));
            }
            let mut next = Vec::with_capacity(wanted.len());
            for (algorithm, at) in wanted {
                if !fresh.iter().any(|(of, _)| *of == algorithm) {
                    fresh.push((algorithm, self.make_key(algorithm).await?));
                }
                let key = fresh.iter().find(|(of, _)| *of == algorithm);
                next.extend(key.map(|(_, key)| key.follow(&stored, now, at)));
            }
            match self.publish(&next, now, &actor, origin).await {
                Ok(()) => {
                    let made = next.into_iter().map(|key| key.kid).collect();
                    return Ok((self.take_stored_keys().await?, made));
                }
                // Another replica was first: its keys are as good.
                Err(StoreError::Duplicate(Unique::KeyOrdinal) | StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::from(StoreError::Conflict).into())
    }

    async fn publish(
        &self,
        keys: &[SigningKey],
        now: Timestamp,
        actor: &Actor,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        for key in keys {
            tx.keys().insert(key).await?;
            tx.audit().append(self.act_on(key, Action::CreateKey, actor.clone(), origin, now)).await?;
        }
        tx.commit(now, keys.iter().map(|key| Effect::publish(announcement(key), origin)).collect()).await
    }
}

/// Tells verifiers of a key that signs from now on, or soon.
pub(super) fn announcement(key: &SigningKey) -> Event {
    Event::KeysRotated {
        kid: key.kid.clone(),
        algorithm: key.algorithm.as_str().to_owned(),
        activates_at: key.activates_at,
    }
}

pub(super) fn rotated(key: &SigningKey, made: bool) -> Rotated {
    Rotated { kid: key.kid.clone(), algorithm: key.algorithm, activates_at: key.activates_at, made }
}

/// The algorithms that have keys.
fn in_use(keys: &[SigningKey]) -> impl Iterator<Item = Algorithm> {
    let has = |algorithm| keys.iter().any(|key| key.algorithm == algorithm && !key.is_revoked());
    Algorithm::ALL.into_iter().filter(move |algorithm| has(*algorithm))
}
