//! What keeps sessions in order over time; the composition root calls it again and again.

use std::time::Duration;

use crate::app::OVERLAP;
use crate::{Failure, Timestamp};

use super::Sessions;

/// How long an ended session is kept, so that reports of stolen tokens can be followed up.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many rows one unit of work removes.
const PURGE_BATCH: u32 = 1_000;

impl Sessions {
    /// Remembers what was revoked, here or by another replica, since `last` (`None`: all that matter).
    pub(crate) async fn read_revocations(&self, last: Option<Timestamp>, now: Timestamp) -> Result<(), Failure> {
        let from = last.map_or(Timestamp::UNIX_EPOCH, |last| last.minus(OVERLAP));
        let mut tx = self.store.begin().await?;
        let news = tx.revocations().since(from, now).await?;
        self.revocations.remember(&news, now);
        Ok(())
    }

    /// The present instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// From here on this replica vouches for what it knows: everything committed before `now` is known.
    pub(crate) fn vouch(&self, now: Timestamp) {
        self.revocations.learned(now);
    }

    /// Forgets sessions that ended long ago, revocations that no token can outlive, and old failed attempts; how many rows
    /// went.
    pub async fn purge(&self) -> Result<u64, Failure> {
        let now = self.clock.now();
        let mut gone = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let sessions = tx.sessions().purge(now.minus(KEPT), PURGE_BATCH).await?;
            let revocations = tx.revocations().purge(now, PURGE_BATCH).await?;
            let attempts = tx.attempts().purge(self.attempts.policy.forgotten(now), PURGE_BATCH).await?;
            if sessions + revocations + attempts > 0 {
                tx.commit(now, Vec::new()).await?;
            }
            gone += sessions + revocations + attempts;
            if sessions.max(revocations).max(attempts) < u64::from(PURGE_BATCH) {
                return Ok(gone);
            }
        }
    }
}
