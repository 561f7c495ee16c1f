//! Failed attempts at passwords.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::{AttemptKey, Attempts};
use portcullis_domain::ports::accounts::AttemptRepository;
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::column::{corrupt, count, instant};
use crate::error::store_error;
use crate::sessions::words;
use crate::unit::Unit;

pub(crate) const OF: &str = "SELECT failures, last_at FROM attempts WHERE key = $1";
/// It never counts further than the domain can. Units commit in another order than their clocks were read: the later
/// instant stays.
pub(crate) const FAIL: &str = "INSERT INTO attempts (key, failures, last_at) VALUES ($1, 1, $2) ON CONFLICT (key) DO UPDATE SET \
    failures = CASE WHEN attempts.last_at < $3 THEN 1 WHEN attempts.failures < 4294967295 THEN attempts.failures + 1 \
    ELSE attempts.failures END, \
    last_at = CASE WHEN attempts.last_at < $3 OR attempts.last_at < excluded.last_at THEN excluded.last_at \
    ELSE attempts.last_at END RETURNING failures";
pub(crate) const RESERVE: &str =
    "UPDATE attempts SET last_at = $1 WHERE key = $2 AND failures = $3 AND last_at = $4 RETURNING failures";
pub(crate) const CLEAR: &str = "DELETE FROM attempts WHERE key = $1";
/// What is being counted at this moment is passed by.
pub(crate) const PURGE: &str = "DELETE FROM attempts WHERE key IN \
    (SELECT key FROM attempts WHERE last_at < $1 ORDER BY last_at LIMIT $2 {pass})";

#[async_trait]
impl AttemptRepository for Unit {
    async fn of(&mut self, key: &AttemptKey) -> Result<Option<Attempts>, StoreError> {
        let link = self.reading()?;
        let row = link.query_one_raw(link.statement(OF, [bytes(key)])).await.map_err(store_error)?;
        let attempts = row.map_or(Ok(None), |row| seen(&row))?;
        self.keep(link);
        Ok(attempts)
    }

    async fn fail(&mut self, key: &AttemptKey, at: Timestamp, forgotten: Timestamp) -> Result<u32, StoreError> {
        let link = self.writing().await?;
        let values = [bytes(key), at.as_unix_micros().into(), forgotten.as_unix_micros().into()];
        let row = link.query_one_raw(link.statement(FAIL, values)).await.map_err(store_error)?;
        let row = row.ok_or_else(|| corrupt("attempts"))?;
        let failures = count("attempts.failures", row.try_get_by_index(0).map_err(store_error)?)?;
        self.keep(link);
        Ok(failures)
    }

    async fn reserve(&mut self, key: &AttemptKey, seen: Attempts, at: Timestamp) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let seen = [i64::from(seen.failures), seen.last_at.as_unix_micros()].map(Value::from);
        let [failures, last_at] = seen;
        let values = [at.as_unix_micros().into(), bytes(key), failures, last_at];
        let taken = link.query_one_raw(link.statement(RESERVE, values)).await.map_err(store_error)?;
        self.keep(link);
        Ok(taken.is_some())
    }

    async fn clear(&mut self, key: &AttemptKey) -> Result<(), StoreError> {
        let link = self.writing().await?;
        link.execute_raw(link.statement(CLEAR, [bytes(key)])).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let values = [before.as_unix_micros().into(), i64::from(limit).into()];
        let purge = link.statement(&words(link.get_database_backend(), PURGE), values);
        let gone = link.execute_raw(purge).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected())
    }
}

/// What a row tells that may have no counter.
pub(crate) fn seen(row: &QueryResult) -> Result<Option<Attempts>, StoreError> {
    let failures: Option<i64> = row.try_get("", "failures").map_err(store_error)?;
    let last_at: Option<i64> = row.try_get("", "last_at").map_err(store_error)?;
    let (Some(failures), Some(last_at)) = (failures, last_at) else { return Ok(None) };
    let failures = count("attempts.failures", failures)?;
    Ok(Some(Attempts { failures, last_at: instant("attempts.last_at", last_at)? }))
}

/// A key as it is stored.
pub(crate) fn bytes(key: &AttemptKey) -> Value {
    key.0.to_vec().into()
}
