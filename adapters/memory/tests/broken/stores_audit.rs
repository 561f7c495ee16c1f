//! Entries that are not there exactly when their unit is committed.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::{AuditEntry, AuditQuery};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::store::{Store, StoreError};

use crate::stores::{BrokenTx, Fault};

#[async_trait]
impl AuditRepository for BrokenTx {
    async fn append(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        match self.fault {
            Fault::WritesEntriesAtOnce => {
                let at = entry.at;
                let mut tx = self.store.begin().await?;
                tx.audit().append(entry).await?;
                tx.commit(at, Vec::new()).await
            }
            Fault::ForgetsEntries => Ok(()),
            _ => self.tx().audit().append(entry).await,
        }
    }

    async fn page(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError> {
        self.tx().audit().page(query).await
    }

    async fn note_erasure(&mut self, user: UserId, keys: &[ApiKeyId]) -> Result<(), StoreError> {
        self.tx().audit().note_erasure(user, keys).await
    }

    async fn erasures(&mut self, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.tx().audit().erasures(limit).await
    }

    async fn erase(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError> {
        self.tx().audit().erase(user, limit).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().audit().purge(before, limit).await
    }
}
