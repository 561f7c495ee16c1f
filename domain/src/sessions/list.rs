//! The devices that are signed in.

use crate::Failure;
use crate::ids::{SessionId, UserId};

use super::{Session, Sessions};

/// A page of an account's live sessions.
#[derive(Clone, Copy, Debug)]
pub struct ListSessions {
    /// Whose.
    pub user: UserId,
    /// The last session of the page before.
    pub after: Option<SessionId>,
    /// At most so many.
    pub limit: u32,
}

impl Sessions {
    /// The live sessions of an account, the newest first, and whether there are more.
    pub async fn list(&self, query: ListSessions) -> Result<(Vec<Session>, bool), Failure> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let mut page = tx.sessions().live_of(query.user, now, query.after, query.limit.saturating_add(1)).await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = page.len() > limit;
        page.truncate(limit);
        Ok((page, more))
    }
}
