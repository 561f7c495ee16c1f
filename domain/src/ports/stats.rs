//! Counting.

use async_trait::async_trait;

use crate::Timestamp;

use super::store::StoreError;

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts.
    pub users: u64,
    /// Accounts that may not be used.
    pub disabled_users: u64,
    /// Sessions that are live.
    pub live_sessions: u64,
    /// API keys that are live, whoever owns them.
    pub live_api_keys: u64,
    /// Roles.
    pub roles: u64,
    /// OAuth 2 clients that were not deleted.
    pub clients: u64,
    /// Webhooks.
    pub webhooks: u64,
}

/// Counts.
#[async_trait]
pub trait StatsRepository: Send {
    /// What is committed, as it is at `now`. It MAY take seconds: nobody asks for it at each request.
    async fn count(&mut self, now: Timestamp) -> Result<Counts, StoreError>;
}
