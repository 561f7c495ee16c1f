//! Roles, who has them, and API keys.

use portcullis_domain::access::{CreateApiKey, DefineRole, GrantRole, Permission, Permissions, RoleName};
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::UserId;
use portcullis_domain::origin::Origin;

use super::account::{Account, Login};
use super::service::TestService;

/// The username of the account that [`TestService::admin`] opens.
const ADMINISTRATOR: &str = "warden";

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// What its holder presents in `X-API-Key`: [`Call::api_key`](super::Call::api_key) does.
    pub key: String,
}

/// An account with roles, still to be opened.
pub struct NewAccount<'a> {
    service: &'a TestService,
    name: String,
    roles: Vec<String>,
}

impl NewAccount<'_> {
    /// With this role besides `user`, which everybody has.
    #[must_use]
    pub fn role(mut self, name: &str) -> Self {
        self.roles.push(name.to_owned());
        self
    }

    /// Opens it.
    ///
    /// # Panics
    /// When the service refuses: the name is taken, or no username, or there is no such role.
    pub async fn open(self) -> Account {
        let account = self.service.register(&self.name).await;
        for role in &self.roles {
            self.service.grant(&account, role).await;
        }
        account
    }

    /// Opens it and logs in.
    ///
    /// # Panics
    /// As [`NewAccount::open`] does.
    pub async fn log_in(self) -> (Account, Login) {
        let service = self.service;
        let account = self.open().await;
        let login = service.log_in(&account).await;
        (account, login)
    }
}

impl TestService {
    /// An account of this username with roles, still to be opened: `service.account("sam").role("support").open()`.
    pub fn account(&self, name: &str) -> NewAccount<'_> {
        NewAccount { service: self, name: name.to_owned(), roles: Vec::new() }
    }

    /// An administrator who has logged in: `warden`, who may do everything. Once for each service; log in again with
    /// [`TestService::log_in`].
    ///
    /// # Panics
    /// When there is one already.
    pub async fn admin(&self) -> (Account, Login) {
        self.account(ADMINISTRATOR).role(RoleName::ADMIN).log_in().await
    }

    /// Makes a role that allows this, for instance `users:read`; one of this name that is there already is changed.
    ///
    /// # Panics
    /// When there can be no such role or permission, or it is `admin`.
    pub async fn role(&self, name: &str, permissions: &[&str]) {
        let define = DefineRole {
            caller: Caller::operator(),
            name: role_name(name),
            description: None,
            permissions: Some(all_of(permissions)),
            version: None,
            origin: Origin::default(),
        };
        let access = &self.app().access;
        let is_there = access.role(&define.caller, &define.name).await.is_ok();
        let done = if is_there { access.update_role(define).await } else { access.create_role(define).await };
        done.unwrap_or_else(|error| panic!("there is no role {name}: {error}"));
    }

    /// Gives an account a role.
    ///
    /// # Panics
    /// When there is no such account or role, or it is `user`, which everybody has.
    pub async fn grant(&self, account: &Account, role: &str) {
        let done = self.app().access.grant(granting(account, role)).await;
        done.unwrap_or_else(|error| panic!("{} does not get the role {role}: {error}", account.username));
    }

    /// Takes a role from an account.
    ///
    /// # Panics
    /// When there is no such account or role, or it is `admin` of the last administrator.
    pub async fn withdraw(&self, account: &Account, role: &str) {
        let done = self.app().access.withdraw(granting(account, role)).await;
        done.unwrap_or_else(|error| panic!("{} keeps the role {role}: {error}", account.username));
    }

    /// A new API key of an account, for everything in the list: as far as the account itself may do it.
    ///
    /// # Panics
    /// When the service refuses: the account may not do it.
    pub async fn api_key(&self, account: &Account, permissions: &[&str]) -> ApiKey {
        let create = CreateApiKey {
            caller: Caller::operator(),
            owner: id_of(account),
            name: "test".to_owned(),
            permissions: all_of(permissions),
            roles: Vec::new(),
            networks: Vec::new(),
            quota: None,
            expires_at: None,
            origin: Origin::default(),
        };
        let made = self.app().access.create_key(create).await;
        let made = made.unwrap_or_else(|error| panic!("{} gets no API key: {error}", account.username));
        ApiKey { id: made.key.id.to_string(), key: made.secret.expose().to_owned() }
    }
}

fn granting(account: &Account, role: &str) -> GrantRole {
    GrantRole { caller: Caller::operator(), user: id_of(account), role: role_name(role), origin: Origin::default() }
}

fn id_of(account: &Account) -> UserId {
    account.id.parse().unwrap_or_else(|error| panic!("{:?}: {error}", account.id))
}

fn role_name(name: &str) -> RoleName {
    RoleName::parse(name).unwrap_or_else(|error| panic!("{name:?}: {error}"))
}

fn all_of(permissions: &[&str]) -> Permissions {
    let read = |text: &&str| Permission::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    permissions.iter().map(read).collect()
}
