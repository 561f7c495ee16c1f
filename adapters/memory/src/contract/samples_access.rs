//! Roles, API keys and one-time tokens for the suites, and short ways to put them there.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyUsage, OneTimeToken, Permission, Permissions, Purpose, Role, RoleName};
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::audit::Actor;
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::store::Store;
use portcullis_domain::secret::SecretDigest;

use super::samples::{RANDOM, at, begin, commit, digest, kept, stored_user, user_in};

pub(super) fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).unwrap_or_else(|error| panic!("the suite's role {text:?} is not one: {error}"))
}

/// The permissions in a text, one after a blank.
pub(super) fn permissions(text: &str) -> Permissions {
    let one = |text| {
        Permission::parse(text).unwrap_or_else(|error| panic!("the suite's permission {text:?} is not one: {error}"))
    };
    text.split_whitespace().map(one).collect()
}

/// A new role called `name`.
pub(super) fn role(name: &str) -> Role {
    Role {
        name: role_name(name),
        description: format!("The role {name}"),
        permissions: permissions("orders:read orders:write"),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

/// Stores a role.
pub(super) async fn stored_role(store: &Arc<dyn Store>, name: &str) -> Role {
    let role = role(name);
    let mut tx = begin(store).await;
    kept(tx.roles().insert(&role, usize::MAX).await, "a role whose name is free is added");
    commit(tx).await;
    role
}

/// The role as it is stored.
pub(super) async fn role_in(store: &Arc<dyn Store>, name: &RoleName) -> Option<Role> {
    kept(begin(store).await.roles().by_name(name).await, "a role is looked up")
}

/// Gives a role to an account, and says that it is new.
pub(super) async fn granted(store: &Arc<dyn Store>, user: UserId, role: &Role, now: Timestamp) {
    let mut tx = begin(store).await;
    let new = kept(tx.roles().grant(user, &role.name, now).await, "a role is granted");
    assert!(new, "a role that the account has not got is new to it");
    commit(tx).await;
}

/// The roles that were granted to an account, as they are stored.
pub(super) async fn roles_of(store: &Arc<dyn Store>, user: UserId) -> Vec<RoleName> {
    kept(begin(store).await.roles().of(user).await, "the roles of an account are read")
}

/// Stores an account that has a role.
pub(super) async fn stored_holder(store: &Arc<dyn Store>, name: &str, role: &Role) -> User {
    let user = stored_user(store, name).await;
    granted(store, user.id, role, at(0)).await;
    kept(user_in(store, user.id).await.ok_or("nobody"), "the account is there")
}

/// Disables an account, whatever it was.
pub(super) async fn disabled(store: &Arc<dyn Store>, user: UserId) {
    let user = kept(user_in(store, user).await.ok_or("nobody"), "the account is there");
    let mut tx = begin(store).await;
    let update = User { status: UserStatus::Disabled, ..user };
    kept(tx.users().update(&update).await, "the newest version is updated");
    commit(tx).await;
}

pub(super) fn secret() -> SecretDigest {
    SecretDigest(digest().0)
}

/// A new API key of an account, without limits, made at `created`.
pub(super) fn api_key(owner: UserId, created: Timestamp) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(created, &RANDOM),
        owner,
        name: "deploy".to_owned(),
        secret: secret(),
        previous: None,
        permissions: permissions("orders:read"),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        created_at: created,
        updated_at: created,
        expires_at: None,
        revoked_at: None,
        version: 1,
    }
}

/// Stores an API key.
pub(super) async fn stored_key(store: &Arc<dyn Store>, key: &ApiKey) {
    let mut tx = begin(store).await;
    kept(tx.api_keys().insert(key, u32::MAX).await, "an API key of an existing account is added");
    commit(tx).await;
}

/// The API key as it is stored, and how it was used.
pub(super) async fn key_in(store: &Arc<dyn Store>, id: ApiKeyId) -> Option<(ApiKey, KeyUsage)> {
    kept(begin(store).await.api_keys().by_id(id).await, "an API key is looked up")
}

/// A new token that works for an hour.
pub(super) fn one_time(purpose: Purpose, user: Option<UserId>, created: Timestamp) -> OneTimeToken {
    let expires_at = created.plus(Duration::from_secs(3_600));
    let (digest, version, maker) = (secret(), user.map(|_| 1), Actor::Operator);
    OneTimeToken { digest, purpose, user, version, maker, created_at: created, expires_at }
}

/// Stores a one-time token.
pub(super) async fn stored_one_time(store: &Arc<dyn Store>, token: &OneTimeToken) {
    let mut tx = begin(store).await;
    kept(tx.one_time_tokens().put(token).await, "a one-time token is added");
    commit(tx).await;
}

/// The token of this digest and purpose as it is stored, if it works at `now`.
pub(super) async fn one_time_in(store: &Arc<dyn Store>, token: &OneTimeToken, now: Timestamp) -> Option<OneTimeToken> {
    let peeked = begin(store).await.one_time_tokens().peek(&token.digest, token.purpose, now).await;
    kept(peeked, "a one-time token is looked up")
}
