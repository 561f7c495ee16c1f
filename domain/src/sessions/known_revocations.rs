//! What this replica knows of revocations.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::GrantId;
use crate::ports::sessions::{Revocation, RevocationList};
use crate::{Failure, Timestamp};

use super::{Freshness, RevocationLog, Stale};

/// The list that every request asks, the log that verifiers read, and how old both are.
pub struct KnownRevocations {
    list: Arc<dyn RevocationList>,
    /// What verifiers read.
    pub log: RevocationLog,
    freshness: Freshness,
}

impl KnownRevocations {
    /// Nothing yet. `replica` is a random number; beyond `bound` the knowledge is too old to accept a token by it, and
    /// `None` is for any age.
    pub fn new(list: Arc<dyn RevocationList>, replica: u64, bound: Option<Duration>) -> Self {
        Self { list, log: RevocationLog::new(replica), freshness: Freshness::new(bound) }
    }

    /// Remembers, at `now`, revocations that were committed, here or elsewhere: from here on they hold.
    pub fn remember(&self, revocations: &[Revocation], now: Timestamp) {
        for revocation in revocations {
            self.list.revoke(revocation.grant, revocation.until);
        }
        self.log.note(revocations, now);
    }

    /// Whether a token of this grant is to be refused.
    pub fn is_revoked(&self, grant: GrantId) -> bool {
        self.list.is_revoked(grant)
    }

    /// Forgets what no token can outlive, and notes that everything committed before `now` is known.
    pub fn learned(&self, now: Timestamp) {
        self.list.forget(now);
        self.log.forget(now);
        self.freshness.learned(now);
    }

    /// When everything that had been committed was known; `None` before the first time.
    pub fn learned_at(&self) -> Option<Timestamp> {
        self.freshness.learned_at()
    }

    /// Refuses to answer when the knowledge is too old.
    pub fn must_be_fresh(&self, now: Timestamp) -> Result<(), Failure> {
        if self.freshness.is_stale(now) { Err(Failure::Unavailable(Box::new(Stale))) } else { Ok(()) }
    }
}
