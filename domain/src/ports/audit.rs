//! Storage of the audit trail.

use async_trait::async_trait;

use crate::Timestamp;
use crate::audit::{AuditEntry, AuditQuery};

use super::store::StoreError;

/// The audit trail: who did what, on whom, from where, and how it ended. Entries are added and, after their
/// retention, removed; nothing else.
#[async_trait]
pub trait AuditRepository: Send {
    /// Adds an entry; it MUST be there exactly when the unit is committed. An adapter MAY write it only at the commit.
    async fn append(&mut self, entry: AuditEntry) -> Result<(), StoreError>;

    /// The committed entries that match, the newest first (by instant, then by id), every field as it was written.
    async fn page(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// Forgets up to `limit` entries from before `before`, the oldest first; how many.
    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
