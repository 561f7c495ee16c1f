//! Opening an account for somebody else.

use crate::access::{Asked, Purpose, Role, RoleName, for_caller, may_give};
use crate::accounts::{CredentialState, Email, Password, PasswordContext, PasswordHash, User, Username, screen};
use crate::audit::{Action, AuditEntry, Refusal};
use crate::caller::{Caller, Forbidden, Identity};
use crate::event::Event;
use crate::ids::UserId;
use crate::origin::Origin;
use crate::ports::security::{HashError, PolicyError};
use crate::ports::store::{Effect, StoreError, Tx, Unique};
use crate::{Failure, Timestamp};

use super::managed::acts_as_another;
use super::one_time::fresh;
use super::{Administration, Link, UserView};

/// Who gets an account.
#[derive(Clone, Debug)]
pub struct CreateUser {
    /// Who asks.
    pub caller: Caller,
    /// A second name to log in with.
    pub username: Option<Username>,
    /// The address.
    pub email: Email,
    /// Whether the owner has proved to read it.
    pub email_verified: bool,
    /// The password; without one there is a link to choose it.
    pub password: Option<Password>,
    /// The roles that it is given besides `user`, at most [`Role::PER_ACCOUNT_MAX`]; needs `roles:grant` and whatever they
    /// hold.
    pub roles: Vec<RoleName>,
    /// Where the request came from.
    pub origin: Origin,
}

/// A new account.
#[derive(Clone, Debug)]
pub struct CreatedUser {
    /// The account.
    pub view: UserView,
    /// By what its owner chooses a password, when none was given. It is told here and never again.
    pub link: Option<Link>,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// The caller lacks a permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The caller acts as somebody else.
    #[error("nobody does this in the name of somebody else")]
    Impersonated,
    /// The address belongs to an account already.
    #[error("this e-mail address already has an account")]
    EmailTaken,
    /// The username belongs to an account already.
    #[error("this username is taken")]
    UsernameTaken,
    /// The password is too easy to guess; the text says why.
    #[error("{0}")]
    WeakPassword(String),
    /// There is no such role.
    #[error("there is no role {0}")]
    UnknownRole(RoleName),
    /// Every account has the role `user`: it is not given.
    #[error("every account has the role user")]
    Implicit,
    /// These are more roles than an account can have.
    #[error("too many roles: an account has at most {}", Role::PER_ACCOUNT_MAX)]
    TooManyRoles,
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl Administration {
    /// Opens an account and announces it. A password that anybody but the operator chose has to be changed at the first
    /// login. Needs `users:write`.
    pub async fn create_user(&self, cmd: CreateUser) -> Result<CreatedUser, CreateUserError> {
        let done = self.create_once(&cmd).await;
        let why = match &done {
            Err(CreateUserError::Forbidden(_) | CreateUserError::Impersonated) => Refusal::NotPermitted,
            Err(CreateUserError::EmailTaken | CreateUserError::UsernameTaken) => Refusal::Taken,
            _ => return done,
        };
        self.note_refused(&cmd.caller, Action::CreateUser, None, why, &cmd.origin).await?;
        done
    }

    async fn create_once(&self, cmd: &CreateUser) -> Result<CreatedUser, CreateUserError> {
        let now = self.clock.now();
        cmd.caller.require(Asked::UsersWrite)?;
        if acts_as_another(&cmd.caller) {
            return Err(CreateUserError::Impersonated);
        }
        let mut roles = cmd.roles.clone();
        roles.sort();
        roles.dedup();
        if roles.len() > Role::PER_ACCOUNT_MAX {
            return Err(CreateUserError::TooManyRoles);
        }
        // Whoever may not give the roles costs no hash.
        may_give_all(&mut *self.store.begin().await?, &cmd.caller, &roles).await?;
        let hash = match &cmd.password {
            Some(password) => Some(self.hash_for(password, &cmd.email, cmd.username.as_ref()).await?),
            None => None,
        };

        let mut user = User::new(UserId::new(now, &*self.random), cmd.username.clone(), cmd.email.clone(), now);
        user.email_verified = cmd.email_verified;
        user.must_change_password = hash.is_some() && cmd.caller.identity != Identity::Operator;
        let mut tx = self.store.begin().await?;
        let makes_admin = roles.iter().any(|role| role.as_str() == RoleName::ADMIN);
        for role in &roles {
            // Whoever changes the role at this moment, or sets the service up, comes before, or sees that it is held.
            tx.roles().held_without(role, user.id).await?;
        }
        may_give_all(&mut *tx, &cmd.caller, &roles).await?;
        let view = open_account(&mut *tx, user, hash.as_ref(), &roles, now).await?;
        if makes_admin {
            tx.one_time_tokens().clear(Purpose::Setup).await?;
        }
        let act =
            |action| AuditEntry::new(now, &*self.random, cmd.caller.actor(), action, &cmd.origin).on(view.user.id);
        tx.audit().append(act(Action::CreateUser)).await?;
        for role in &roles {
            tx.audit().append(act(Action::GrantRole).with(role.as_str())).await?;
        }
        let mut link = None;
        if hash.is_none() {
            // Made for the account with its roles.
            let maker = cmd.caller.actor();
            let (made, token) = fresh(Purpose::SetPassword, Some(&view.user), maker, now, &*self.mac, &*self.random);
            tx.one_time_tokens().put(&token).await?;
            tx.audit().append(act(Action::CreateLink).with(Purpose::SetPassword.as_str())).await?;
            link = Some(made);
        }
        tx.commit(now, opened_events(&view, &cmd.origin)).await?;
        Ok(CreatedUser { view, link })
    }

    /// The hash of a password that is good enough for its owner.
    pub(super) async fn hash_for(
        &self,
        password: &Password,
        email: &Email,
        username: Option<&Username>,
    ) -> Result<PasswordHash, PasswordRefused> {
        self.hasher.admit()?;
        let owner = PasswordContext { email: Some(email), username };
        screen(&*self.policy, password, owner).await?;
        Ok(self.hasher.hash(password).await?)
    }
}

/// Refuses whoever may not give these roles, as they are stored now.
async fn may_give_all(tx: &mut dyn Tx, caller: &Caller, roles: &[RoleName]) -> Result<(), CreateUserError> {
    if !roles.is_empty() {
        caller.require(Asked::RolesGrant)?;
    }
    for name in roles {
        if *name == RoleName::user() {
            return Err(CreateUserError::Implicit);
        }
        let role = tx.roles().by_name(name).await?;
        for_caller(caller, role, may_give)?.ok_or_else(|| CreateUserError::UnknownRole(name.clone()))?;
    }
    Ok(())
}

/// Adds an account with its password and roles, within `tx`; the account as it is then.
pub(super) async fn open_account(
    tx: &mut dyn Tx,
    user: User,
    hash: Option<&PasswordHash>,
    roles: &[RoleName],
    now: Timestamp,
) -> Result<UserView, StoreError> {
    tx.users().insert(&user).await?;
    if let Some(hash) = hash {
        tx.credentials().insert(user.id, hash).await?;
        tx.credentials().set_state(user.id, CredentialState::of(&user)).await?;
    }
    for role in roles {
        tx.roles().grant(user.id, role, now).await?;
    }
    let user = tx.users().by_id(user.id).await?.unwrap_or(user);
    Ok(UserView::new(user, roles.to_vec()))
}

/// What is announced of a new account.
pub(super) fn opened_events(view: &UserView, origin: &Origin) -> Vec<Effect> {
    let user = &view.user;
    let registered = Event::UserRegistered {
        user_id: user.id,
        username: user.username.as_ref().map(|name| name.as_str().to_owned()),
        email: user.email.as_str().to_owned(),
    };
    let mut effects = vec![Effect::publish(registered, origin)];
    if view.roles.len() > 1 {
        let event = Event::UserRolesChanged { user_id: user.id, roles: view.roles.clone() };
        effects.push(Effect::publish(event, origin));
    }
    effects
}

/// Why a password is not taken.
pub(super) enum PasswordRefused {
    /// It is too easy to guess.
    Weak(String),
    /// The service could not do it.
    Failure(Failure),
}

impl From<PolicyError> for PasswordRefused {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Weak(why) => Self::Weak(why),
            PolicyError::Overloaded => Self::Failure(Failure::Overloaded),
        }
    }
}

impl From<HashError> for PasswordRefused {
    fn from(error: HashError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<PasswordRefused> for CreateUserError {
    fn from(why: PasswordRefused) -> Self {
        match why {
            PasswordRefused::Weak(why) => Self::WeakPassword(why),
            PasswordRefused::Failure(failure) => Self::Failure(failure),
        }
    }
}

impl From<StoreError> for CreateUserError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate(Unique::Email) => Self::EmailTaken,
            StoreError::Duplicate(Unique::Username) => Self::UsernameTaken,
            other => Self::Failure(other.into()),
        }
    }
}
