//! Everything that is kept of one account, for whom it is about.

use std::net::IpAddr;

use serde::Serialize;

use crate::access::{ApiKey, KeyUsage, Permission, Permissions, RoleName, keys_of, standing_in};
use crate::audit::{Action, AuditEntry, MayNotRead, Refusal, may_read_all};
use crate::caller::{Caller, Forbidden};
use crate::ids::{ApiKeyId, SessionId, UserId};
use crate::origin::Origin;
use crate::ports::store::{StoreError, Tx};
use crate::sessions::{RevocationReason, Session};
use crate::{Failure, Timestamp};

use super::{Accounts, User};

/// How many rows are read at once.
const PAGE: u32 = 500;

/// Somebody who wants to know everything that is kept of an account.
#[derive(Clone, Debug)]
pub struct ExportAccount {
    /// Who asks: the owner in a session, or somebody with `users:export` and every permission that the account has.
    pub caller: Caller,
    /// Of which account.
    pub user: UserId,
    /// Where the request came from.
    pub origin: Origin,
}

/// Everything that is kept of an account but the audit trail, which comes in pages from
/// [`Audit::about`](crate::audit::Audit::about). Secrets and their digests are no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountExport {
    /// The account.
    pub account: AccountRecord,
    /// Its roles, `user` among them, by name.
    pub roles: Vec<RoleName>,
    /// What they allow.
    pub permissions: Permissions,
    /// Its sessions, live ones and those that ended and are still kept, the newest first.
    pub sessions: Vec<SessionRecord>,
    /// Its API keys, live ones and others, the newest first.
    pub api_keys: Vec<ApiKeyRecord>,
}

/// An account as it is written out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is what it is of the account")]
pub struct AccountRecord {
    pub id: UserId,
    pub username: Option<String>,
    pub email: String,
    pub email_verified: bool,
    pub status: &'static str,
    pub status_reason: Option<String>,
    pub has_password: bool,
    pub must_change_password: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: u32,
}

/// A session as it is written out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is what it is of the session")]
pub struct SessionRecord {
    pub id: SessionId,
    pub client_id: String,
    pub scope: String,
    pub authenticated_at: Timestamp,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub revocation_reason: Option<RevocationReason>,
    pub ip: Option<IpAddr>,
    pub user_agent: Option<String>,
    /// Who acted as the user in it, when it was somebody else.
    pub impersonated_by: Option<UserId>,
    /// How often its refresh token was used.
    pub refreshes: u32,
}

/// An API key as it is written out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is what it is of the key")]
pub struct ApiKeyRecord {
    pub id: ApiKeyId,
    pub name: String,
    pub permissions: Vec<Permission>,
    pub roles: Vec<RoleName>,
    /// In CIDR notation.
    pub networks: Vec<String>,
    /// How often it may be used at once.
    pub quota_burst: Option<u32>,
    /// In how many milliseconds as many uses come back.
    pub quota_period_ms: Option<u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub uses: u64,
    pub last_used_at: Option<Timestamp>,
    pub version: u32,
}

/// Why nothing is written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportAccountError {
    /// The caller lacks a permission: `users:export`, or one that the account has.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// Somebody acts as the user: only the user gets everything.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Accounts {
    /// Everything that is kept of an account, but the audit trail. That it was read is recorded.
    pub async fn export_account(&self, cmd: ExportAccount) -> Result<AccountExport, ExportAccountError> {
        let acts_as = cmd.caller.session().is_some_and(|session| session.impersonation.is_some());
        if acts_as || cmd.origin.impersonator.is_some() {
            return Err(ExportAccountError::Impersonated);
        }
        let now = self.clock.now();
        let act = AuditEntry::new(now, &*self.random, cmd.caller.actor(), Action::ExportAccount, &cmd.origin);
        let mut act = act.on(cmd.user);
        act.session = cmd.caller.session().map(|session| session.session);
        let mut tx = self.store.begin().await?;
        if let Err(why) = may_read_all(&mut *tx, &cmd.caller, cmd.user).await {
            drop(tx);
            if let MayNotRead::Forbidden(_) = why {
                self.record(act.refused(Refusal::NotPermitted), now).await?;
            }
            return Err(why.into());
        }
        let user = tx.users().by_id(cmd.user).await?.ok_or(ExportAccountError::NotFound)?;
        let standing = standing_in(&mut *tx, user.id).await?.ok_or(ExportAccountError::NotFound)?;
        let has_password = tx.credentials().of(user.id).await?.is_some();
        let export = AccountExport {
            roles: standing.roles,
            permissions: standing.permissions,
            sessions: sessions_of(&mut *tx, user.id).await?,
            api_keys: keys_of(&mut *tx, user.id).await?.into_iter().map(ApiKeyRecord::of).collect(),
            account: AccountRecord::of(user, has_password),
        };
        tx.audit().append(act).await?;
        tx.commit(now, Vec::new()).await?;
        Ok(export)
    }
}

async fn sessions_of(tx: &mut dyn Tx, user: UserId) -> Result<Vec<SessionRecord>, StoreError> {
    let mut all: Vec<SessionRecord> = Vec::new();
    loop {
        let page = tx.sessions().all_of(user, all.last().map(|session| session.id), PAGE).await?;
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        all.extend(page.into_iter().map(SessionRecord::of));
        if last {
            return Ok(all);
        }
    }
}

impl AccountRecord {
    fn of(user: User, has_password: bool) -> Self {
        Self {
            id: user.id,
            username: user.username.map(|name| name.as_str().to_owned()),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified,
            status: user.status.as_str(),
            status_reason: user.status_reason,
            has_password,
            must_change_password: user.must_change_password,
            created_at: user.created_at,
            updated_at: user.updated_at,
            version: user.version,
        }
    }
}

impl SessionRecord {
    fn of(session: Session) -> Self {
        Self {
            id: session.id,
            client_id: session.client_id,
            scope: session.scope.to_string(),
            authenticated_at: session.authenticated_at,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            idle_expires_at: session.idle_expires_at,
            expires_at: session.expires_at,
            revoked_at: session.revoked.map(|revoked| revoked.at),
            revocation_reason: session.revoked.map(|revoked| revoked.reason),
            ip: session.ip,
            user_agent: session.user_agent,
            impersonated_by: session.impersonation.map(|impersonation| impersonation.by),
            refreshes: session.family.generation,
        }
    }
}

impl ApiKeyRecord {
    fn of((key, usage): (ApiKey, KeyUsage)) -> Self {
        Self {
            id: key.id,
            name: key.name,
            permissions: key.permissions.iter().cloned().collect(),
            roles: key.roles,
            networks: key.networks.iter().map(ToString::to_string).collect(),
            quota_burst: key.quota.map(|quota| quota.burst),
            quota_period_ms: key.quota.map(|quota| u64::try_from(quota.period.as_millis()).unwrap_or(u64::MAX)),
            created_at: key.created_at,
            updated_at: key.updated_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            uses: usage.uses,
            last_used_at: usage.last_used_at,
            version: key.version,
        }
    }
}

impl From<MayNotRead> for ExportAccountError {
    fn from(why: MayNotRead) -> Self {
        match why {
            MayNotRead::Forbidden(forbidden) => Self::Forbidden(forbidden),
            MayNotRead::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ExportAccountError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}
