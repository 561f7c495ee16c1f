//! What verifiers elsewhere must stop to trust.

use crate::sessions::{Cursor, Withdrawal};
use crate::{Failure, Timestamp};

use super::Tokens;

/// News for a verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bulletin {
    /// What is withdrawn, the oldest first.
    pub items: Vec<Withdrawal>,
    /// How far this is.
    pub cursor: Cursor,
    /// Up to when everything that was committed is in it, here or in what came before, by this replica's clock: it goes
    /// back with that clock when that is set back.
    pub complete_until: Timestamp,
}

impl Tokens {
    /// What was withdrawn after `cursor`, and `None` for everything that still matters. It asks no database. When this
    /// replica itself has not heard for too long it does not answer, so that a verifier knows that it knows nothing.
    pub fn withdrawals(&self, cursor: Option<Cursor>) -> Result<Bulletin, Failure> {
        let now = self.clock.now();
        self.revocations.must_be_fresh(now)?;
        let complete_until = self.revocations.learned_at().unwrap_or(now);
        let (items, cursor) = self.revocations.log.after(cursor, now, complete_until);
        Ok(Bulletin { items, cursor, complete_until })
    }

    /// Returns with news after `cursor`, at once when there are some, or when somebody wakes all who wait. While it waits
    /// it holds nothing. The caller bounds the wait.
    pub async fn more_withdrawals(&self, cursor: Cursor) -> Result<Bulletin, Failure> {
        let listener = self.revocations.log.more();
        let bulletin = self.withdrawals(Some(cursor))?;
        if !bulletin.items.is_empty() {
            return Ok(bulletin);
        }
        listener.await;
        self.withdrawals(Some(cursor))
    }
}
