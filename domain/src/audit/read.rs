//! Reading the audit trail.

use crate::access::{Asked, keys_of, standing_in};
use crate::caller::{Caller, Forbidden};
use crate::ids::{ApiKeyId, AuditId, UserId};
use crate::ports::store::{StoreError, Tx};
use crate::{Failure, Timestamp};

use super::{Actor, Audit, AuditEntry, AuditQuery};

/// The most of a page.
const PAGE: u32 = 1_000;

/// Why nothing is read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The caller lacks a permission: `audit:read`; or, for what is kept about somebody else, `users:export` or one that
    /// the account has.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Audit {
    /// The entries that match, the newest first, for the operator.
    pub async fn page(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(tx.audit().page(query).await?)
    }

    /// The entries that match, the newest first, at most 1,000 of them, and whether there are more. What is about an
    /// account is what its API keys did, too. Needs `audit:read`.
    pub async fn search(&self, caller: &Caller, query: &AuditQuery) -> Result<(Vec<AuditEntry>, bool), AuditError> {
        caller.require(Asked::AuditRead)?;
        let mut tx = self.store.begin().await?;
        let mut query = query.clone();
        if let Some(user) = query.about {
            query.keys = ids_of_keys(&mut *tx, user).await?;
        }
        Ok(some(&mut *tx, &query).await?)
    }

    /// The entries on or by an account or its API keys, the newest first, at most 1,000 of them, and whether there are more; `before` is the
    /// last entry of the page before. An account reads what is kept about itself; somebody else needs `users:export` and
    /// every permission that the account has. From where others acted is left out: that is about them.
    pub async fn about(
        &self,
        caller: &Caller,
        user: UserId,
        before: Option<(Timestamp, AuditId)>,
        limit: u32,
    ) -> Result<(Vec<AuditEntry>, bool), AuditError> {
        let mut tx = self.store.begin().await?;
        may_read_all(&mut *tx, caller, user).await?;
        let keys = ids_of_keys(&mut *tx, user).await?;
        let query = AuditQuery { about: Some(user), keys, before, limit, ..AuditQuery::default() };
        let (mut entries, more) = some(&mut *tx, &query).await?;
        for entry in &mut entries {
            let own = match &entry.actor {
                Actor::Anonymous => true,
                Actor::User(id) => *id == user,
                Actor::ApiKey(id) => query.keys.contains(id),
                Actor::Client(_) | Actor::Operator | Actor::Service => false,
            };
            if !own || entry.impersonator.is_some_and(|by| by != user) {
                (entry.ip, entry.user_agent) = (None, None);
            }
        }
        Ok((entries, more))
    }
}

/// Why somebody does not read all that is kept of an account.
pub(crate) enum MayNotRead {
    /// A permission is missing.
    Forbidden(Forbidden),
    /// The store could not tell.
    Store(StoreError),
}

impl From<StoreError> for MayNotRead {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Refuses whoever may not read all that is kept of an account: its owner in a session may, and somebody else with
/// `users:export` and every permission that the account has.
pub(crate) async fn may_read_all(tx: &mut dyn Tx, caller: &Caller, user: UserId) -> Result<(), MayNotRead> {
    if caller.session().is_some_and(|session| session.user == user && session.impersonation.is_none()) {
        return Ok(());
    }
    caller.require(Asked::UsersExport).map_err(MayNotRead::Forbidden)?;
    match standing_in(tx, user).await? {
        Some(standing) => caller.require_all(&standing.permissions).map_err(MayNotRead::Forbidden),
        None => Ok(()),
    }
}

/// The API keys that an account has, or had and that are still kept.
async fn ids_of_keys(tx: &mut dyn Tx, user: UserId) -> Result<Vec<ApiKeyId>, StoreError> {
    Ok(keys_of(tx, user).await?.into_iter().map(|(key, _)| key.id).collect())
}

/// A page, and whether there are more.
async fn some(tx: &mut dyn Tx, query: &AuditQuery) -> Result<(Vec<AuditEntry>, bool), StoreError> {
    let limit = query.limit.clamp(1, PAGE);
    let mut entries = tx.audit().page(&AuditQuery { limit: limit + 1, ..query.clone() }).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    Ok((entries, more))
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<MayNotRead> for AuditError {
    fn from(why: MayNotRead) -> Self {
        match why {
            MayNotRead::Forbidden(forbidden) => Self::Forbidden(forbidden),
            MayNotRead::Store(error) => error.into(),
        }
    }
}
