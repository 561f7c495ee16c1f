//! Disabling, enabling and deleting accounts, ending their sessions, and asking for a new password.

use crate::Failure;
use crate::access::{Asked, RoleName};
use crate::accounts::{CredentialState, Removal, UserStatus, hold};
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::ids::{SessionId, UserId};
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError};
use crate::sessions::{EndAll, EndOne, RevocationReason, Revoked};

use super::managed::{NotManaged, is_active_admin, managed, of_another};
use super::one_time::void_links;
use super::reason::reason;
use super::{Administration, UserView};

/// How often an act is tried again that somebody else got in the way of.
const RETRIES: u32 = 4;

/// An act on the account of somebody else.
#[derive(Clone, Debug)]
pub struct Manage {
    /// Who asks.
    pub caller: Caller,
    /// Whose account.
    pub user: UserId,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why an account stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// The caller lacks a permission: for the act, or one that the account has.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such account, or no such session of it.
    #[error("there is no such account")]
    NotFound,
    /// It is the caller's own account, and this is for the accounts of others.
    #[error("one's own account is changed by the operations under /me")]
    OwnAccount,
    /// The caller acts as somebody else.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// It is the last active account with the role `admin`.
    #[error("this is the last administrator")]
    LastHolder,
    /// The reason is too long or holds control characters.
    #[error("a reason is 1 to 200 characters without control characters")]
    Reason,
    /// The account was changed by somebody else at the same time.
    #[error("the account was changed at the same time")]
    Conflict,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// What an account becomes.
enum Change<'a> {
    Disabled(&'a str),
    Enabled,
    Expired,
}

impl Change<'_> {
    const fn action(&self) -> Action {
        match self {
            Self::Disabled(_) => Action::DisableUser,
            Self::Enabled => Action::EnableUser,
            Self::Expired => Action::ExpirePassword,
        }
    }

    const fn event(&self, user_id: UserId) -> Event {
        match self {
            Self::Disabled(_) => Event::UserDisabled { user_id },
            Self::Enabled => Event::UserEnabled { user_id },
            Self::Expired => Event::UserPasswordExpired { user_id },
        }
    }

    /// Why the sessions of the account end, if they do.
    const fn ends(&self) -> Option<RevocationReason> {
        match self {
            Self::Disabled(_) => Some(RevocationReason::AccountDisabled),
            Self::Enabled => None,
            Self::Expired => Some(RevocationReason::PasswordExpired),
        }
    }
}

impl Administration {
    /// Disables an account: nobody can log in, its sessions end, its API keys stop working. A disabled one takes the new
    /// reason. Not for one's own account. Needs `users:write`.
    pub async fn disable(&self, cmd: Manage, why: String) -> Result<UserView, AdministrationError> {
        let reason = reason(&why).ok_or(AdministrationError::Reason)?;
        self.change(&cmd, &Change::Disabled(reason)).await
    }

    /// Enables an account. Enabling one that is active changes nothing. Needs `users:write`.
    pub async fn enable(&self, cmd: Manage) -> Result<UserView, AdministrationError> {
        self.change(&cmd, &Change::Enabled).await
    }

    /// Ends all sessions of an account, and lets nobody log in before the password was changed: at the next login, or by
    /// a link. Not for one's own account. Needs `users:write`.
    pub async fn expire_password(&self, cmd: Manage) -> Result<UserView, AdministrationError> {
        self.change(&cmd, &Change::Expired).await
    }

    /// Deletes an account with all that belongs to it. Not for one's own account. Needs `users:delete`.
    pub async fn delete(&self, cmd: Manage) -> Result<(), AdministrationError> {
        let mut done = self.delete_once(&cmd).await;
        for _ in 0..RETRIES {
            if !matches!(done, Err(AdministrationError::Conflict)) {
                break;
            }
            done = self.delete_once(&cmd).await;
        }
        self.settle(&cmd, Action::DeleteAccount, done).await
    }

    /// Ends all sessions of an account, or one; how many ended. A session that is not there, or over, is
    /// [`AdministrationError::NotFound`] when it was asked for. Needs `users:write`.
    pub async fn revoke_sessions(&self, cmd: Manage, one: Option<SessionId>) -> Result<u64, AdministrationError> {
        let (action, ended) = match one {
            Some(session) => (Action::Revoke, self.revoke_one(&cmd, session).await),
            None => (Action::RevokeAll, self.revoke_all(&cmd).await),
        };
        self.settle(&cmd, action, ended).await
    }

    /// Changes an account; again, when somebody else changed it at the same time.
    async fn change(&self, cmd: &Manage, change: &Change<'_>) -> Result<UserView, AdministrationError> {
        let mut done = self.change_once(cmd, change).await;
        for _ in 0..RETRIES {
            if !matches!(done, Err(AdministrationError::Conflict)) {
                break;
            }
            done = self.change_once(cmd, change).await;
        }
        self.settle(cmd, change.action(), done).await
    }

    async fn change_once(&self, cmd: &Manage, change: &Change<'_>) -> Result<UserView, AdministrationError> {
        cmd.caller.require(Asked::UsersWrite)?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let others = match change {
            Change::Disabled(_) => tx.roles().held_without(&RoleName::admin(), cmd.user).await?,
            Change::Enabled | Change::Expired => true,
        };
        let (before, standing) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        if !others && is_active_admin(&before, &standing.roles) {
            return Err(AdministrationError::LastHolder);
        }
        if !matches!(change, Change::Enabled) {
            of_another(&cmd.caller, before.id)?;
        }
        let mut user = before.clone();
        match change {
            Change::Disabled(reason) => {
                user.status = UserStatus::Disabled;
                user.status_reason = Some((*reason).to_owned());
            }
            Change::Enabled if before.status == UserStatus::Active => {}
            Change::Enabled => {
                user.status = UserStatus::Active;
                user.status_reason = None;
            }
            Change::Expired => user.must_change_password = true,
        }
        let changed = user != before;
        if !changed && change.ends().is_none() {
            return Ok(UserView { user, roles: standing.roles });
        }

        // Logins of this account that are under way wait for the end of this unit, or were before it: none slips through.
        if !hold(&mut *tx, user.id).await? {
            return Err(AdministrationError::Conflict);
        }
        if changed {
            user.updated_at = now;
            tx.users().update(&user).await?;
            user.version += 1;
            tx.credentials().set_state(user.id, CredentialState::of(&user)).await?;
        } else if let Change::Expired = change {
            // Expired once more: the account is as it was, the links of before work no more.
            void_links(&mut *tx, user.id, now, &*self.random).await?;
        }
        let actor = cmd.caller.actor();
        let (mut effects, mut ended) = (Vec::new(), Vec::new());
        if user.status != before.status || user.must_change_password != before.must_change_password {
            effects.push(Effect::publish(change.event(user.id), &cmd.origin));
        }
        if let Some(reason) = change.ends() {
            let revoked = Revoked { at: now, reason };
            let all = EndAll { user: user.id, keep: None, revoked, actor: &actor, origin: &cmd.origin };
            let all = all.run(&mut *tx, &self.sessions, &*self.random).await?;
            effects.extend(all.effects);
            ended = all.revocations;
        }
        let mut act = AuditEntry::new(now, &*self.random, actor, change.action(), &cmd.origin).on(user.id);
        if let Change::Disabled(reason) = change {
            act = act.with(*reason);
        }
        tx.audit().append(act).await?;
        tx.commit(now, effects).await?;
        self.known.forget();
        self.revocations.remember(&ended, now);
        Ok(UserView { user, roles: standing.roles })
    }

    async fn delete_once(&self, cmd: &Manage) -> Result<(), AdministrationError> {
        cmd.caller.require(Asked::UsersDelete)?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let others = tx.roles().held_without(&RoleName::admin(), cmd.user).await?;
        let (user, standing) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        if !others && is_active_admin(&user, &standing.roles) {
            return Err(AdministrationError::LastHolder);
        }
        of_another(&cmd.caller, user.id)?;
        let actor = cmd.caller.actor();
        let act = AuditEntry::new(now, &*self.random, actor, Action::DeleteAccount, &cmd.origin).on(user.id);
        let removal = Removal { act, proof: None, origin: &cmd.origin };
        let ended = removal.run(&mut *tx, user.id, &self.sessions, &*self.random).await?;
        let ended = ended.ok_or(AdministrationError::Conflict)?;
        tx.commit(now, ended.effects).await?;
        self.known.forget();
        self.revocations.remember(&ended.revocations, now);
        Ok(())
    }

    async fn revoke_one(&self, cmd: &Manage, session: SessionId) -> Result<u64, AdministrationError> {
        cmd.caller.require(Asked::UsersWrite)?;
        let now = self.clock.now();
        let reason = RevocationReason::RevokedByAdmin;
        let mut tx = self.store.begin().await?;
        let (user, _) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        let found = tx.sessions().by_id(session).await?.filter(|session| session.user == user.id);
        let found = found.filter(|session| session.is_live(now)).ok_or(AdministrationError::NotFound)?;
        let actor = cmd.caller.actor();
        let act = AuditEntry::new(now, &*self.random, actor.clone(), Action::Revoke, &cmd.origin);
        let revoked = Revoked { at: now, reason };
        let end = EndOne { session: &found, revoked, actor: &actor, origin: &cmd.origin };
        let ended = end.run(&mut *tx, &self.sessions, &*self.random).await?.ok_or(AdministrationError::NotFound)?;
        tx.audit().append(act.on(user.id).in_session(session).with(reason.as_str())).await?;
        tx.commit(now, ended.effects).await?;
        self.revocations.remember(&ended.revocations, now);
        Ok(1)
    }

    async fn revoke_all(&self, cmd: &Manage) -> Result<u64, AdministrationError> {
        cmd.caller.require(Asked::UsersWrite)?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let (user, _) = managed(&mut *tx, &cmd.caller, cmd.user).await?;
        let actor = cmd.caller.actor();
        let revoked = Revoked { at: now, reason: RevocationReason::RevokedByAdmin };
        let all = EndAll { user: user.id, keep: None, revoked, actor: &actor, origin: &cmd.origin };
        let ended = all.run(&mut *tx, &self.sessions, &*self.random).await?;
        let act = AuditEntry::new(now, &*self.random, actor, Action::RevokeAll, &cmd.origin);
        tx.audit().append(act.on(user.id).with(revoked.reason.as_str())).await?;
        tx.commit(now, ended.effects).await?;
        self.revocations.remember(&ended.revocations, now);
        Ok(u64::try_from(ended.own).unwrap_or(u64::MAX))
    }

    /// Records a refusal, and hands on what came of an act.
    pub(super) async fn settle<T>(
        &self,
        cmd: &Manage,
        action: Action,
        done: Result<T, AdministrationError>,
    ) -> Result<T, AdministrationError> {
        let why = match &done {
            Err(
                AdministrationError::Forbidden(_) | AdministrationError::OwnAccount | AdministrationError::Impersonated,
            ) => Refusal::NotPermitted,
            Err(AdministrationError::LastHolder) => Refusal::LastHolder,
            _ => return done,
        };
        self.note_refused(&cmd.caller, action, Some(cmd.user), why, &cmd.origin).await?;
        done
    }
}

impl From<StoreError> for AdministrationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict,
            other => Self::Failure(other.into()),
        }
    }
}

impl From<NotManaged> for AdministrationError {
    fn from(why: NotManaged) -> Self {
        match why {
            NotManaged::Forbidden(forbidden) => Self::Forbidden(forbidden),
            NotManaged::NotFound => Self::NotFound,
            NotManaged::OwnAccount => Self::OwnAccount,
            NotManaged::Impersonated => Self::Impersonated,
            NotManaged::Store(error) => error.into(),
        }
    }
}
