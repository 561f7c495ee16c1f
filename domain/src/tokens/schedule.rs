//! When signing keys sign, and until when they are accepted.

use std::time::Duration;

use crate::Timestamp;

use super::{Algorithm, SigningKey};

/// How long a key is accepted beyond the last token that it may have signed: clocks differ, and so do the settings of
/// replicas that are restarted one after the other.
const MARGIN: Duration = Duration::from_secs(300);

/// How far the clocks of replicas may be apart where a key has to sign at once.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// How keys follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySchedule {
    /// How long a key signs before the next one does; `None` for as long as the operator likes.
    pub every: Option<Duration>,
    /// How long a key is published before it signs.
    pub ahead: Duration,
}

/// Where a signing key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatus {
    /// Published, and not yet signing.
    Next,
    /// The one that signs.
    Active,
    /// Still published and accepted: tokens that it signed may live.
    Retiring,
    /// Its last token has expired. It is destroyed soon.
    Retired,
    /// Withdrawn before its time.
    Revoked,
}

impl KeyStatus {
    /// `next`, `active`, `retiring`, `retired` or `revoked`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }
}

impl SigningKey {
    /// Whether it was withdrawn before its time; from the store it is so whatever the clock here says.
    pub(crate) const fn is_revoked(&self) -> bool {
        self.retires_at.is_some()
    }

    /// Whether it signs at its time: a key that was revoked before then never does.
    fn ever_signs(&self) -> bool {
        self.retires_at.is_none_or(|at| at > self.activates_at)
    }
}

impl KeySchedule {
    /// The instant from which each of `keys` is neither published nor accepted: when it was revoked, or when the last
    /// token has expired that it signed before its successor did. `access_ttl` is how long tokens live.
    pub fn retirements(keys: &[SigningKey], access_ttl: Duration) -> Vec<Option<Timestamp>> {
        let retirement = |key: &SigningKey| {
            let follows = |other: &&SigningKey| other.algorithm == key.algorithm && other.ordinal > key.ordinal;
            let followers = keys.iter().filter(follows).filter(|other| other.ever_signs());
            let successor = followers.map(|other| other.activates_at).min();
            let over = successor.map(|at| Self::outlived(at.max(key.activates_at), access_ttl));
            match (key.retires_at, over) {
                (Some(revoked), Some(over)) => Some(revoked.min(over)),
                (revoked, over) => revoked.or(over),
            }
        };
        keys.iter().map(retirement).collect()
    }

    /// Where each of `keys`, as they are stored, is at `now`.
    pub fn statuses(keys: &[SigningKey], access_ttl: Duration, now: Timestamp) -> Vec<KeyStatus> {
        let status = |(key, retires_at): (&SigningKey, Option<Timestamp>)| {
            let signer = Self::signer(keys, key.algorithm, now);
            match retires_at {
                _ if key.is_revoked() => KeyStatus::Revoked,
                Some(at) if at <= now => KeyStatus::Retired,
                _ if key.activates_at > now => KeyStatus::Next,
                _ if signer.is_some_and(|signer| signer.kid == key.kid) => KeyStatus::Active,
                _ => KeyStatus::Retiring,
            }
        };
        keys.iter().zip(Self::retirements(keys, access_ttl)).map(status).collect()
    }

    /// When every token is over that was signed until `at`.
    pub(crate) fn outlived(at: Timestamp, access_ttl: Duration) -> Timestamp {
        at.plus(access_ttl).plus(MARGIN)
    }

    /// The key of `algorithm` that signs at `now`: the newest that ever did. When that one is revoked there is none, for
    /// what an older one signs again may outlive it.
    pub(crate) fn signer(keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        signed(keys, algorithm, now).max_by_key(|key| key.ordinal).filter(|key| !key.is_revoked())
    }

    /// The key of `algorithm` that waits for its turn at `now`, and the first of them if there are several.
    pub(crate) fn waiting(keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        let of_it = keys.iter().filter(|key| key.algorithm == algorithm && !key.is_revoked());
        of_it.filter(|key| key.activates_at > now).min_by_key(|key| key.ordinal)
    }

    /// From when on the next key of `algorithm` signs, when it is time to publish it at `now`.
    pub(crate) fn due(&self, keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> Option<Timestamp> {
        let of_it = keys.iter().filter(|key| key.algorithm == algorithm && !key.is_revoked());
        let turn = of_it.max_by_key(|key| key.ordinal)?.activates_at.plus(self.every?);
        (turn <= now.plus(self.ahead)).then(|| self.ready(now).max(ceil_to_second(turn)))
    }

    /// From when on a key of `algorithm` signs that has to sign at once: also where the clock is behind, but not before one
    /// that has signed already.
    pub(crate) fn at_once(keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> Timestamp {
        signed(keys, algorithm, now).map(|key| key.activates_at).fold(now.minus(CLOCK_SKEW), Timestamp::max)
    }

    /// From when on a key signs that is published at `now`. Tokens say whole seconds, and so does this.
    pub(crate) fn ready(&self, now: Timestamp) -> Timestamp {
        ceil_to_second(now.plus(self.ahead))
    }
}

/// The keys of `algorithm` that sign at `now` or did so before, revoked or not.
fn signed(keys: &[SigningKey], algorithm: Algorithm, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
    keys.iter().filter(move |key| key.algorithm == algorithm && key.activates_at <= now && key.ever_signs())
}

fn ceil_to_second(at: Timestamp) -> Timestamp {
    let floor = at.floor_to_second();
    if floor == at { at } else { floor.plus(Duration::from_secs(1)) }
}
