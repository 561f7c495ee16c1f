//! The audit trail: entries wait in their unit and are written with its last statements.

pub(crate) mod erase;
pub(crate) mod page;
mod row;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{AuditEntry, AuditQuery};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::entity::audit::Model;
use crate::error::store_error;
use crate::sessions::words;
use crate::unit::Unit;

pub(crate) use row::{COLUMNS, inserts, places, values};

/// Several that purge at the same time take different rows.
pub(crate) const PURGE: &str = "DELETE FROM audit WHERE (at, id) IN \
    (SELECT at, id FROM audit WHERE at < $1 ORDER BY at, id LIMIT $2 {pass})";

#[async_trait]
impl AuditRepository for Unit {
    async fn append(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        self.note(entry)
    }

    async fn page(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        let link = self.reading()?;
        let page = page::statement(link.get_database_backend(), query);
        let rows = link.query_all_raw(page).await.map_err(store_error)?;
        let rows = rows.iter().map(|found| row::entry(Model::from_query_result(found, "").map_err(store_error)?));
        let entries = rows.collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(entries)
    }

    async fn note_erasure(&mut self, user: UserId, keys: &[ApiKeyId]) -> Result<(), StoreError> {
        let link = self.writing().await?;
        erase::note(&link, user, keys).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn erasures(&mut self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        let link = self.reading()?;
        let noted = link.statement(erase::NOTED, [i64::from(limit).into()]);
        let rows = link.query_all_raw(noted).await.map_err(store_error)?;
        let users = rows.iter().map(|row| row.try_get_by_index(0).map(UserId::from_uuid).map_err(store_error));
        let users = users.collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(users)
    }

    async fn erase(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let erased = erase::erase(&link, user, limit).await?;
        self.keep(link);
        Ok(erased)
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
