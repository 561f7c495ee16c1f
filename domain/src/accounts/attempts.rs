//! Attempts at passwords: guessing gets slower and slower, and whoever has been here before is not held up by it.

use std::sync::Arc;
use std::time::Duration;

use crate::Timestamp;
use crate::ids::UserId;
use crate::ports::security::{HashError, Mac, Match, PasswordHasher};
use crate::ports::store::{Store, StoreError, Tx};

use super::{DeviceId, LoginName, Password, PasswordHash};

/// What failures are counted by: a digest under the master key, so that the store names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptKey(pub [u8; 32]);

impl AttemptKey {
    /// Attempts at this name, whether an account has it or not. It has one canonical form, hence one counter.
    pub fn of_name(name: &LoginName, mac: &dyn Mac) -> Self {
        let kind: &[u8] = match name {
            LoginName::Email(_) => b"email ",
            LoginName::Username(_) => b"username ",
        };
        Self(mac.tag("attempts at a name v1", &[kind, name.key().as_bytes()].concat()))
    }

    /// Attempts of somebody who is signed in to prove that they know the password: strangers do not hold them up.
    pub fn of_user(user: UserId, mac: &dyn Mac) -> Self {
        Self(mac.tag("attempts of a user v1", user.as_uuid().as_bytes()))
    }

    /// Attempts from a device at the account that it has logged in to before.
    pub fn of_device(user: UserId, device: DeviceId, mac: &dyn Mac) -> Self {
        Self(mac.tag("attempts from a device v1", &[&user.as_uuid().as_bytes()[..], device.0.as_bytes()].concat()))
    }
}

/// Failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub failures: u32,
    /// When the last one was, or the last attempt that was let through after a wait.
    pub last_at: Timestamp,
}

/// How guessing is slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptPolicy {
    /// So many attempts in a row may fail without a wait between them, at least 1. Before the wait nothing is reserved: of
    /// those that come at the same time all are let through, and all that fail are counted.
    pub free: u32,
    /// The wait after the last of those; it doubles with each failure more.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// Failures are forgotten after so long without another one; at least the longest wait.
    pub forgotten_after: Duration,
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Free,
    /// Only by the one who reserves it.
    Reserve(Attempts),
    /// Not before so long.
    Wait(Duration),
}

impl AttemptPolicy {
    /// Whether an attempt may be made at `now`, after what was `seen`.
    pub fn admit(&self, seen: Option<Attempts>, now: Timestamp) -> Admission {
        let Some(seen) = seen.filter(|seen| seen.last_at >= self.forgotten(now)) else { return Admission::Free };
        if seen.failures < self.free {
            return Admission::Free;
        }
        let free_at = seen.last_at.plus(self.wait(seen.failures));
        let rest = free_at.since(now);
        // Nobody waits longer than the longest wait: the clock was set back, and the attempt sets right what is counted.
        if rest.is_zero() || rest > self.longest_wait { Admission::Reserve(seen) } else { Admission::Wait(rest) }
    }

    /// Refuses an attempt that has to wait.
    pub fn may_try(&self, seen: Option<Attempts>, now: Timestamp) -> Result<(), TooManyAttempts> {
        match self.admit(seen, now) {
            Admission::Free | Admission::Reserve(_) => Ok(()),
            Admission::Wait(retry_after) => Err(TooManyAttempts { retry_after }),
        }
    }

    /// How long to wait after so many failures.
    pub fn wait(&self, failures: u32) -> Duration {
        let beyond = failures.saturating_sub(self.free).min(30);
        if failures < self.free {
            Duration::ZERO
        } else {
            self.first_wait.saturating_mul(1 << beyond).min(self.longest_wait)
        }
    }

    /// What was last counted before this instant counts no more.
    pub fn forgotten(&self, now: Timestamp) -> Timestamp {
        now.minus(self.forgotten_after)
    }
}

/// What capabilities need to count attempts.
#[derive(Clone)]
pub struct AttemptGuard {
    mac: Arc<dyn Mac>,
    /// How guessing is slowed down.
    pub policy: AttemptPolicy,
}

/// There were too many failed attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts")]
pub struct TooManyAttempts {
    /// How long to wait before the next one.
    pub retry_after: Duration,
}

/// An attempt that is let through.
pub(crate) struct Attempt {
    key: AttemptKey,
    /// What was counted before.
    seen: Option<Attempts>,
    /// When it was let through.
    at: Timestamp,
}

impl Attempt {
    /// The counter that a success clears, if there is one.
    pub(crate) fn counted(&self) -> Option<&AttemptKey> {
        self.seen.is_some().then_some(&self.key)
    }
}

/// Why an attempt is not made.
pub(crate) enum Blocked {
    TooMany(TooManyAttempts),
    Hasher(HashError),
    Store(StoreError),
}

impl From<StoreError> for Blocked {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HashError> for Blocked {
    fn from(error: HashError) -> Self {
        Self::Hasher(error)
    }
}

impl AttemptGuard {
    /// Counts under keys of `mac`.
    pub const fn new(mac: Arc<dyn Mac>, policy: AttemptPolicy) -> Self {
        Self { mac, policy }
    }

    /// The keys and device tokens are made with this.
    pub(crate) fn mac(&self) -> &dyn Mac {
        &*self.mac
    }

    /// Lets an attempt through, or tells how long to wait, after what was `seen`. Beyond the free ones each wait ends with
    /// one attempt, however many ask for it.
    pub(crate) async fn enter(
        &self,
        store: &dyn Store,
        key: AttemptKey,
        seen: Option<Attempts>,
        now: Timestamp,
    ) -> Result<Attempt, Blocked> {
        match self.policy.admit(seen, now) {
            Admission::Free => {}
            Admission::Wait(retry_after) => return Err(Blocked::TooMany(TooManyAttempts { retry_after })),
            Admission::Reserve(seen) => {
                let mut tx = store.begin().await?;
                if !tx.attempts().reserve(&key, seen, now).await? {
                    return Err(Blocked::TooMany(TooManyAttempts { retry_after: self.policy.wait(seen.failures) }));
                }
                tx.commit(now, Vec::new()).await?;
            }
        }
        Ok(Attempt { key, seen, at: now })
    }

    /// Looks at the password in an attempt, if it is counted. When the hasher has no room for it nobody has looked: the
    /// attempt is still free.
    pub(crate) async fn verify(
        &self,
        store: &dyn Store,
        hasher: &dyn PasswordHasher,
        attempt: Option<&Attempt>,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Match, Blocked> {
        let matched = hasher.verify(password, stored).await;
        if let Err(HashError::Overloaded) = matched {
            self.give_back(store, attempt).await?;
        }
        Ok(matched?)
    }

    /// Frees an attempt, if it is one that others waited for.
    pub(crate) async fn give_back(&self, store: &dyn Store, attempt: Option<&Attempt>) -> Result<(), StoreError> {
        let Some(Attempt { key, seen: Some(seen), at }) = attempt else { return Ok(()) };
        if !matches!(self.policy.admit(Some(*seen), *at), Admission::Reserve(_)) {
            return Ok(());
        }
        let mut tx = store.begin().await?;
        let reserved = Attempts { last_at: *at, ..*seen };
        if tx.attempts().reserve(key, reserved, seen.last_at).await? {
            tx.commit(*at, Vec::new()).await?;
        }
        Ok(())
    }

    /// Counts a failure within `tx`.
    pub(crate) async fn fail(&self, tx: &mut dyn Tx, key: &AttemptKey, now: Timestamp) -> Result<u32, StoreError> {
        tx.attempts().fail(key, now, self.policy.forgotten(now)).await
    }
}
