//! The audit trail: entries wait in their unit and are written with its last statements.

pub(crate) mod page;
mod row;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{AuditEntry, AuditQuery};
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

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let values = [before.as_unix_micros().into(), i64::from(limit).into()];
        let purge = link.statement(&words(link.get_database_backend(), PURGE), values);
        let gone = link.execute_raw(purge).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected())
    }
}
