//! Which API keys to look at.

use crate::Timestamp;
use crate::ids::{ApiKeyId, UserId};
use crate::ports::store::{StoreError, Tx};

use super::{ApiKey, KeyUsage};

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

/// How many keys are read at once.
const PAGE: u32 = 500;

/// All keys of an account, live ones and those that ended and are still kept, the newest first.
pub(crate) async fn keys_of(tx: &mut dyn Tx, owner: UserId) -> Result<Vec<(ApiKey, KeyUsage)>, StoreError> {
    let mut all: Vec<(ApiKey, KeyUsage)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.id);
        let query = KeyQuery { owner: Some(owner), after, limit: PAGE, ..KeyQuery::default() };
        let page = tx.api_keys().page(&query).await?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        all.extend(page);
        if last {
            return Ok(all);
        }
    }
}
