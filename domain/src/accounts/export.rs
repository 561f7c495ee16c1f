//! Writing accounts out.

use crate::Failure;
use crate::ids::UserId;

use super::{Accounts, PasswordHash, User};

impl Accounts {
    /// The accounts after `after` in the order of their ids, at most `limit`, with their passwords' hashes.
    pub async fn export(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<(User, Option<PasswordHash>)>, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(tx.users().page(after, limit).await?)
    }
}
