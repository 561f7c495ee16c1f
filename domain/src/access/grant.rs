//! Giving roles and taking them away.

use crate::Failure;
use crate::accounts::UserStatus;
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden};
use crate::event::Event;
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError, Tx};
use crate::sessions::EndActing;

use super::{Access, Asked, Purpose, Role, RoleName, for_caller, may_give, standing_in, with_user};

/// A role that is given or taken.
#[derive(Clone, Debug)]
pub struct GrantRole {
    /// Who asks.
    pub caller: Caller,
    /// To whom, or from whom.
    pub user: UserId,
    /// Which role.
    pub role: RoleName,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why roles stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The caller lacks a permission: `roles:grant`, one that the role holds or, when a role is taken, that the account
    /// has; or has neither the role nor `roles:write`. Whoever may not look at roles gets the same for one that is not
    /// there.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such account.
    #[error("there is no such account")]
    NotFound,
    /// There is no such role.
    #[error("there is no such role")]
    UnknownRole,
    /// Every account has the role `user`: it is neither given nor taken.
    #[error("every account has the role user")]
    Implicit,
    /// The account has to change its password first: somebody else chose it, or knows it, and would be given the role too.
    #[error("the account has to change its password first")]
    PasswordPending,
    /// The account has as many roles as an account can have.
    #[error("too many: an account has at most 100 roles")]
    TooMany,
    /// It is the last active account with the role `admin`.
    #[error("this is the last administrator")]
    LastHolder,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Access {
    /// Gives a role to an account; whether it had not got it before. Links to choose a password stop working. Needs
    /// `roles:grant`, whatever the role holds, and the role itself or `roles:write`: others decide by its name alone.
    pub async fn grant(&self, cmd: GrantRole) -> Result<bool, GrantError> {
        let act = self.grant_act(&cmd, Action::GrantRole);
        let granted = self.try_grant(&cmd, act.clone()).await;
        self.noted_grant(granted, act).await
    }

    async fn try_grant(&self, cmd: &GrantRole, act: AuditEntry) -> Result<bool, GrantError> {
        let now = act.at;
        let mut tx = self.begin_grant(cmd).await?;
        // Whoever changes the role at this moment comes before, and then it is judged as it is from now on; or sees that it
        // is held. So whoever sets the service up comes before, or finds the door closed.
        tx.roles().held_without(&cmd.role, cmd.user).await?;
        if tx.users().by_id(cmd.user).await?.is_none() {
            return Err(GrantError::NotFound);
        }
        let role = tx.roles().by_name(&cmd.role).await?;
        for_caller(&cmd.caller, role, may_give)?.ok_or(GrantError::UnknownRole)?;
        if !tx.roles().grant(cmd.user, &cmd.role, now).await? {
            return Ok(false);
        }
        // Read after the account has changed: no expiry that is under way is overlooked.
        if tx.users().by_id(cmd.user).await?.ok_or(GrantError::NotFound)?.must_change_password {
            return Err(GrantError::PasswordPending);
        }
        if tx.roles().of(cmd.user).await?.len() > Role::PER_ACCOUNT_MAX {
            return Err(GrantError::TooMany);
        }
        if cmd.role.as_str() == RoleName::ADMIN {
            tx.one_time_tokens().clear(Purpose::Setup).await?;
        }
        self.commit_roles(tx, cmd, act, Vec::new()).await?;
        Ok(true)
    }

    /// Takes a role from an account; whether it had it. Wherever the account acts as somebody else, that ends. Needs what
    /// [`Access::grant`] needs, and whatever the account may do: nobody disarms somebody mightier.
    pub async fn withdraw(&self, cmd: GrantRole) -> Result<bool, GrantError> {
        let act = self.grant_act(&cmd, Action::WithdrawRole);
        let withdrawn = self.try_withdraw(&cmd, act.clone()).await;
        self.noted_grant(withdrawn, act).await
    }

    async fn try_withdraw(&self, cmd: &GrantRole, act: AuditEntry) -> Result<bool, GrantError> {
        let now = act.at;
        let mut tx = self.begin_grant(cmd).await?;
        let is_admin = cmd.role.as_str() == RoleName::ADMIN;
        // Asked before anything else: of two who take the role from each other, the second sees what the first did.
        let is_last = is_admin && !tx.roles().held_without(&cmd.role, cmd.user).await?;
        let standing = standing_in(&mut *tx, cmd.user).await?.ok_or(GrantError::NotFound)?;
        let role = tx.roles().by_name(&cmd.role).await?;
        for_caller(&cmd.caller, role, may_give)?.ok_or(GrantError::UnknownRole)?;
        cmd.caller.require_all(&standing.permissions)?;
        if is_last && standing.status == UserStatus::Active && standing.roles.contains(&cmd.role) {
            return Err(GrantError::LastHolder);
        }
        if !tx.roles().withdraw(cmd.user, &cmd.role, now).await? {
            return Ok(false);
        }
        let acting = EndActing { user: cmd.user, at: now, actor: &cmd.caller.actor(), origin: &cmd.origin };
        let ended = acting.run(&mut *tx, &self.sessions, &*self.random).await?;
        self.commit_roles(tx, cmd, act, ended.effects).await?;
        self.revocations.remember(&ended.revocations, now);
        Ok(true)
    }

    fn grant_act(&self, cmd: &GrantRole, action: Action) -> AuditEntry {
        self.act(self.clock.now(), &cmd.caller, action, &cmd.origin).on(cmd.user).with(cmd.role.as_str())
    }

    async fn begin_grant(&self, cmd: &GrantRole) -> Result<Box<dyn Tx>, GrantError> {
        cmd.caller.require(Asked::RolesGrant)?;
        if cmd.role.as_str() == RoleName::USER {
            return Err(GrantError::Implicit);
        }
        Ok(self.store.begin().await?)
    }

    /// Makes it true and tells which roles the account has from now on, and then of `more`.
    async fn commit_roles(
        &self,
        mut tx: Box<dyn Tx>,
        cmd: &GrantRole,
        act: AuditEntry,
        more: Vec<Effect>,
    ) -> Result<(), StoreError> {
        let (now, user_id) = (act.at, cmd.user);
        let roles = with_user(tx.roles().of(user_id).await?);
        tx.audit().append(act).await?;
        let mut effects = vec![Effect::publish(Event::UserRolesChanged { user_id, roles }, &cmd.origin)];
        effects.extend(more);
        tx.commit(now, effects).await?;
        self.known.forget();
        Ok(())
    }

    /// Records a refusal for lack of permission, or to save the last administrator.
    async fn noted_grant(&self, outcome: Result<bool, GrantError>, act: AuditEntry) -> Result<bool, GrantError> {
        match outcome {
            Err(GrantError::Forbidden(_)) => self.note(act, Refusal::NotPermitted).await?,
            Err(GrantError::LastHolder) => self.note(act, Refusal::LastHolder).await?,
            _ => {}
        }
        outcome
    }
}

impl From<StoreError> for GrantError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}
