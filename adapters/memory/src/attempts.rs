//! Failed attempts at passwords.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts};
use portcullis_domain::ports::accounts::AttemptRepository;
use portcullis_domain::ports::store::StoreError;

use crate::state::Changes;
use crate::store::Unit;

fn written(key: &AttemptKey, attempts: Option<Attempts>) -> Changes {
    let mut changes = Changes::default();
    changes.attempts.insert(*key, attempts);
    changes
}

#[async_trait]
impl AttemptRepository for Unit {
    async fn of(&mut self, key: &AttemptKey) -> Result<Option<Attempts>, StoreError> {
        self.look(|view| view.attempts(key).copied())
    }

    async fn fail(&mut self, key: &AttemptKey, at: Timestamp, forgotten: Timestamp) -> Result<u32, StoreError> {
        self.change(|view| {
            let seen = view.attempts(key).filter(|seen| seen.last_at >= forgotten);
            // Units commit in another order than their clocks were read.
            let next = seen.map_or(Attempts { failures: 1, last_at: at }, |seen| Attempts {
                failures: seen.failures.saturating_add(1),
                last_at: seen.last_at.max(at),
            });
            Ok((next.failures, written(key, Some(next))))
        })
        .await
    }

    async fn reserve(&mut self, key: &AttemptKey, seen: Attempts, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|view| {
            if view.attempts(key) != Some(&seen) {
                return Ok((false, Changes::default()));
            }
            Ok((true, written(key, Some(Attempts { last_at: at, ..seen }))))
        })
        .await
    }

    async fn clear(&mut self, key: &AttemptKey) -> Result<(), StoreError> {
        self.change(|_| Ok(((), written(key, None)))).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.change(|view| {
            let mut changes = Changes::default();
            changes.attempts.extend(view.attempts_before(before).take(limit).map(|key| (key, None)));
            Ok((changes.attempts.len() as u64, changes))
        })
        .await
    }
}
