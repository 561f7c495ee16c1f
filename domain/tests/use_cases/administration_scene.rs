//! Who is in the office: administrators, the support, and those whose accounts they look after.

use portcullis_domain::access::{DefineRole, GrantRole, Permission, Permissions, RoleName};
use portcullis_domain::accounts::User;
use portcullis_domain::administration::{Manage, SetPassword};
use portcullis_domain::audit::{Action, AuditEntry, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::ids::UserId;
use portcullis_domain::origin::Origin;
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::TokenPair;

use crate::world::{World, origin, password};

/// What the support of these tests may do.
pub(crate) const SUPPORT: [&str; 5] =
    ["users:read", "users:write", "users:delete", "users:export", "users:impersonate"];

pub(crate) fn permissions(texts: &[&str]) -> Permissions {
    texts.iter().map(|text| Permission::parse(text).expect("a permission")).collect()
}

pub(crate) fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).expect("the name of a role")
}

/// A program with these permissions.
pub(crate) fn program(texts: &[&str]) -> Caller {
    Caller {
        identity: Identity::Client { id: "office".to_owned() },
        permissions: permissions(texts),
        roles: Vec::new(),
    }
}

pub(crate) async fn define(world: &World, name: &str, texts: &[&str]) {
    let cmd = DefineRole {
        caller: Caller::operator(),
        name: role_name(name),
        description: None,
        permissions: Some(permissions(texts)),
        version: None,
        origin: Origin::default(),
    };
    world.app.access.create_role(cmd).await.expect("a role");
}

pub(crate) async fn grant(world: &World, user: UserId, role: &str) {
    let (caller, role) = (Caller::operator(), role_name(role));
    world.app.access.grant(GrantRole { caller, user, role, origin: Origin::default() }).await.expect("a role is given");
}

/// An account with a role, in a session, and who calls with it; its events and entries have been seen.
pub(crate) async fn employee(world: &World, name: &str, role: &str) -> (User, TokenPair, Caller) {
    let user = world.register(name).await;
    grant(world, user.id, role).await;
    let pair = world.log_in(name).await;
    let caller = calling(world, &pair).await.expect("a caller");
    world.events().await;
    world.acts().await;
    (user, pair, caller)
}

/// Who calls with the access token of a pair; `None` when nobody does.
pub(crate) async fn calling(world: &World, pair: &TokenPair) -> Option<Caller> {
    calling_with(world, &pair.access_token).await
}

/// Who calls with an access token; `None` when nobody does.
pub(crate) async fn calling_with(world: &World, token: &SecretString) -> Option<Caller> {
    let claims = world.app.tokens.identify(token.expose()).ok()?;
    world.app.access.resolve_token(&claims).await.ok()
}

pub(crate) fn manage(caller: &Caller, user: &User) -> Manage {
    Manage { caller: caller.clone(), user: user.id, origin: origin() }
}

pub(crate) fn set_password(token: &SecretString, text: &str) -> SetPassword {
    SetPassword { token: token.clone(), password: password(text), origin: origin() }
}

/// What one entry says: action, subject, how it ended.
pub(crate) fn told(entry: &AuditEntry) -> (Action, Option<UserId>, Outcome) {
    (entry.action, entry.subject, entry.outcome)
}

/// That the entries since the last look are this one refusal.
pub(crate) async fn one_refusal(world: &World, action: Action, subject: Option<UserId>, why: Refusal) {
    let acts = world.acts().await;
    let told: Vec<_> = acts.iter().map(told).collect();
    assert_eq!(told, [(action, subject, Outcome::Refused(why))], "the refusal, and nothing else, is on record");
}
