//! Storage of the audit trail.

use async_trait::async_trait;

use crate::Timestamp;
use crate::audit::{AuditEntry, AuditQuery};
use crate::ids::{ApiKeyId, UserId};

use super::store::StoreError;

/// The audit trail: who did what, on whom, from where, and how it ended. Entries are added, lose the traces of a person
/// who is gone, and are removed after their retention; nothing else.
#[async_trait]
pub trait AuditRepository: Send {
    /// Adds an entry; it MUST be there exactly when the unit is committed. An adapter MAY write it only at the commit.
    async fn append(&mut self, entry: AuditEntry) -> Result<(), StoreError>;

    /// The committed entries that match, the newest first (by instant, then by id), every field as it was written.
    async fn page(&mut self, query: &AuditQuery) -> Result<Vec<AuditEntry>, StoreError>;

    /// Notes that the traces of a person in entries about this account and its API keys (as [`AuditQuery::about`] and
    /// [`AuditQuery::keys`] say) are to be removed. Noted twice is noted once, with the keys of both.
    async fn note_erasure(&mut self, user: UserId, keys: &[ApiKeyId]) -> Result<(), StoreError>;

    /// Accounts whose erasure was noted and is not done, at most `limit`.
    async fn erasures(&mut self, limit: u32) -> Result<Vec<UserId>, StoreError>;

    /// Removes address and user agent from entries about this account and the API keys that were noted with it, and from
    /// those on it the detail of acts that [tell a reason](crate::audit::Action::tells_reason): from up to `limit` entries
    /// that have any; from how many. Fewer than `limit` MUST mean that none is left; then the note is removed too.
    async fn erase(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError>;

    /// Forgets up to `limit` entries from before `before`, the oldest first; how many.
    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
