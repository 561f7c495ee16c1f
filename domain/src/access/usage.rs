//! How API keys are used: counted in memory, written now and then.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ids::ApiKeyId;
use crate::{Failure, Timestamp};

use super::{Access, KeyUsage};

/// How long a key that has ended is kept, so that its owner sees what became of it.
const KEYS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long a one-time token that has expired is kept.
const TOKENS_KEPT: Duration = Duration::from_secs(86_400);
/// How many rows of a kind one unit of work removes.
const PURGE_BATCH: u32 = 1_000;

/// What was counted since it was last written.
#[derive(Default)]
pub(super) struct Counter {
    counted: Mutex<HashMap<ApiKeyId, KeyUsage>>,
}

impl Counter {
    pub(super) fn count(&self, id: ApiKeyId, now: Timestamp) {
        add(&mut self.counted(), id, KeyUsage { uses: 1, last_used_at: Some(now) });
    }

    fn counted(&self) -> MutexGuard<'_, HashMap<ApiKeyId, KeyUsage>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counted: &mut HashMap<ApiKeyId, KeyUsage>, id: ApiKeyId, more: KeyUsage) {
    let usage = counted.entry(id).or_default();
    usage.uses = usage.uses.saturating_add(more.uses);
    usage.last_used_at = usage.last_used_at.max(more.last_used_at);
}

/// What is being written. Unless it was, it is counted again: also when whoever writes it is interrupted.
struct Flush<'a> {
    counter: &'a Counter,
    uses: Vec<(ApiKeyId, KeyUsage)>,
}

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        if !self.uses.is_empty() {
            let mut counted = self.counter.counted();
            for (id, usage) in self.uses.drain(..) {
                add(&mut counted, id, usage);
            }
        }
    }
}

impl Access {
    /// Writes what was counted; how many keys had been used. What cannot be written is kept for the next time.
    pub async fn flush_usage(&self) -> Result<u64, Failure> {
        let uses: Vec<_> = std::mem::take(&mut *self.usage.counted()).into_iter().collect();
        if uses.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let mut flush = Flush { counter: &self.usage, uses };
        let mut tx = self.store.begin().await?;
        tx.api_keys().add_uses(&flush.uses).await?;
        tx.commit(now, Vec::new()).await?;
        let written = u64::try_from(flush.uses.len()).unwrap_or(u64::MAX);
        flush.uses.clear();
        Ok(written)
    }

    /// Forgets API keys that ended long ago and one-time tokens that nobody used; how many rows went.
    pub async fn purge(&self) -> Result<u64, Failure> {
        let now = self.clock.now();
        let mut gone = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let keys = tx.api_keys().purge(now.minus(KEYS_KEPT), PURGE_BATCH).await?;
            let tokens = tx.one_time_tokens().purge(now.minus(TOKENS_KEPT), PURGE_BATCH).await?;
            if keys + tokens > 0 {
                tx.commit(now, Vec::new()).await?;
            }
            gone += keys + tokens;
            if keys.max(tokens) < u64::from(PURGE_BATCH) {
                return Ok(gone);
            }
        }
    }
}
