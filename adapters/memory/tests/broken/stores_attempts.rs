//! Attempts that are counted by reading first.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts};
use portcullis_domain::ports::accounts::AttemptRepository;
use portcullis_domain::ports::store::StoreError;

use crate::stores::{BrokenTx, Fault};

/// Long enough for all others to read the same.
const PAUSE: Duration = Duration::from_millis(50);

#[async_trait]
impl AttemptRepository for BrokenTx {
    async fn of(&mut self, key: &AttemptKey) -> Result<Option<Attempts>, StoreError> {
        self.tx().attempts().of(key).await
    }

    async fn fail(&mut self, key: &AttemptKey, at: Timestamp, forgotten: Timestamp) -> Result<u32, StoreError> {
        if self.fault == Fault::CountsFailuresByReading {
            let seen = self.of(key).await?;
            tokio::time::sleep(PAUSE).await;
            if self.of(key).await? != seen {
                // Writes what it has read plus one: what another has written meanwhile.
                return Ok(seen.map_or(1, |seen| seen.failures + 1));
            }
        }
        self.tx().attempts().fail(key, at, forgotten).await
    }

    async fn reserve(&mut self, key: &AttemptKey, seen: Attempts, at: Timestamp) -> Result<bool, StoreError> {
        if self.fault == Fault::ReservesByReading {
            let free = self.of(key).await? == Some(seen);
            tokio::time::sleep(PAUSE).await;
            self.tx().attempts().reserve(key, seen, at).await?;
            return Ok(free);
        }
        self.tx().attempts().reserve(key, seen, at).await
    }

    async fn clear(&mut self, key: &AttemptKey) -> Result<(), StoreError> {
        self.tx().attempts().clear(key).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().attempts().purge(before, limit).await
    }
}
