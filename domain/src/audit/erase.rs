//! Erasure: the trail keeps that something happened, and forgets from where.

use crate::ids::UserId;
use crate::{Failure, Timestamp};

use super::{Audit, BATCH};

/// How many accounts are looked up at once.
const ACCOUNTS: u32 = 100;

impl Audit {
    /// Removes addresses and user agents from entries on or by accounts that were deleted and their API keys, and why
    /// somebody disabled them or acted as them; how many entries had any. The entries stay, with ids that name nobody any
    /// more.
    pub async fn erase(&self) -> Result<u64, Failure> {
        let now = self.clock.now();
        let mut erased = 0;
        loop {
            let accounts = self.store.begin().await?.audit().erasures(ACCOUNTS).await?;
            for &account in &accounts {
                erased += self.erase_one(account, now).await?;
            }
            if accounts.len() < usize::try_from(ACCOUNTS).unwrap_or(usize::MAX) {
                return Ok(erased);
            }
        }
    }

    async fn erase_one(&self, account: UserId, now: Timestamp) -> Result<u64, Failure> {
        let mut erased = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let batch = tx.audit().erase(account, BATCH).await?;
            // Without any, what is committed is that the account is done.
            tx.commit(now, Vec::new()).await?;
            erased += batch;
            if batch < u64::from(BATCH) {
                return Ok(erased);
            }
        }
    }
}
