//! Who may do what, in tests.

use portcullis_domain::access::{CreateApiKey, DefineRole, GrantRole, NewApiKey, Permissions, Role, RoleName};
use portcullis_domain::accounts::{User, UserStatus};
use portcullis_domain::caller::{Caller, Identity, Impersonation};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::TokenPair;
use portcullis_domain::tokens::Scope;

use crate::world::{World, origin};

pub(crate) fn permissions(texts: &[&str]) -> Permissions {
    texts.iter().map(|text| text.parse().expect("a permission")).collect()
}

pub(crate) fn role(name: &str) -> RoleName {
    name.parse().expect("the name of a role")
}

/// A role as `caller` wants it.
pub(crate) fn define(caller: &Caller, name: &str, may: &[&str]) -> DefineRole {
    DefineRole {
        caller: caller.clone(),
        name: role(name),
        description: None,
        permissions: Some(permissions(may)),
        version: None,
        origin: origin(),
    }
}

/// A role that the operator defines.
pub(crate) async fn defined(world: &World, name: &str, may: &[&str]) -> Role {
    world.app.access.create_role(define(&Caller::operator(), name, may)).await.expect("a new role")
}

/// A role that `caller` gives or takes.
pub(crate) fn grant(caller: &Caller, user: UserId, name: &str) -> GrantRole {
    GrantRole { caller: caller.clone(), user, role: role(name), origin: origin() }
}

/// A role that the operator gives.
pub(crate) async fn granted(world: &World, user: UserId, name: &str) {
    assert!(world.app.access.grant(grant(&Caller::operator(), user, name)).await.expect("a grant"));
}

/// A role that the operator takes.
pub(crate) async fn withdrawn(world: &World, user: UserId, name: &str) {
    assert!(world.app.access.withdraw(grant(&Caller::operator(), user, name)).await.expect("a withdrawal"));
}

/// Who is behind an access token now.
pub(crate) async fn resolved(world: &World, pair: &TokenPair) -> Caller {
    let claims = world.app.tokens.identify(pair.access_token.expose()).expect("a good token");
    world.app.access.resolve_token(&claims).await.expect("a caller")
}

/// Somebody who is signed in and may do this and no more; events and entries have been seen.
pub(crate) async fn somebody(world: &World, name: &str, may: &[&str]) -> (User, TokenPair, Caller) {
    let user = world.register(name).await;
    if !may.is_empty() {
        defined(world, &format!("role-of-{name}"), may).await;
        granted(world, user.id, &format!("role-of-{name}")).await;
    }
    let pair = world.log_in(name).await;
    let caller = resolved(world, &pair).await;
    world.events().await;
    world.acts().await;
    (user, pair, caller)
}

/// An administrator who is signed in.
pub(crate) async fn admin(world: &World, name: &str) -> (User, Caller) {
    let (user, pair, _) = somebody(world, name, &[]).await;
    granted(world, user.id, RoleName::ADMIN).await;
    world.events().await;
    world.acts().await;
    (user, resolved(world, &pair).await)
}

/// The same caller while `by` acts as them.
pub(crate) fn acted_by(caller: &Caller, by: UserId) -> Caller {
    let Identity::User(mut session) = caller.identity.clone() else { panic!("a user") };
    session.impersonation = Some(Impersonation { by, read_only: false });
    Caller { identity: Identity::User(session), ..caller.clone() }
}

/// The same caller with a token of another client.
pub(crate) fn through(caller: &Caller, client: &str) -> Caller {
    let Identity::User(mut session) = caller.identity.clone() else { panic!("a user") };
    session.client_id = client.to_owned();
    session.scope = Scope::default();
    Caller { identity: Identity::User(session), ..caller.clone() }
}

/// A key for `owner` as `caller` wants it.
pub(crate) fn wanted_key(caller: &Caller, owner: UserId, may: &[&str]) -> CreateApiKey {
    CreateApiKey {
        caller: caller.clone(),
        owner,
        name: "nightly build".to_owned(),
        permissions: permissions(may),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        expires_at: None,
        origin: origin(),
    }
}

/// A key of the caller's own.
pub(crate) async fn own_key(world: &World, caller: &Caller, may: &[&str]) -> NewApiKey {
    let owner = caller.user().expect("a user");
    world.app.access.create_key(wanted_key(caller, owner, may)).await.expect("a new key")
}

/// Disables or enables an account, as the store sees it.
pub(crate) async fn set_status(world: &World, user: UserId, status: UserStatus) {
    let mut tx = world.store.begin().await.expect("a unit of work");
    let found = tx.users().by_id(user).await.expect("a look").expect("the account");
    tx.users().update(&User { status, ..found }).await.expect("an update");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
}
