//! Which API keys to look at.

use crate::Timestamp;
use crate::ids::{ApiKeyId, UserId};

/// Which API keys to look at; `None` filters nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyQuery {
    /// Of this account.
    pub owner: Option<UserId>,
    /// Only those that may be used at this instant.
    pub live_at: Option<Timestamp>,
    /// Older than this key: the last one of the page before.
    pub after: Option<ApiKeyId>,
    /// At most so many.
    pub limit: u32,
}
