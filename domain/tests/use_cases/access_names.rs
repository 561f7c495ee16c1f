//! The names of roles: others decide by them, whatever a role holds here.

use portcullis_domain::access::{
    ApiKeyError, ApiKeyScope, CreateApiKey, GrantError, NewApiKey, Role, RotateApiKey, UpdateApiKey,
};
use portcullis_domain::audit::{Action, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Forbidden};

use crate::access_keys::{rotate, update, uses};
use crate::access_scene::{
    admin, defined, grant, granted, own_key, permissions, role, somebody, wanted_key, withdrawn,
};
use crate::world::{HOUR, World, origin};

fn with_roles(wanted: CreateApiKey, names: &[&str]) -> CreateApiKey {
    CreateApiKey { roles: names.iter().map(|name| role(name)).collect(), ..wanted }
}

fn not_held<T>(outcome: &Result<T, ApiKeyError>, name: &str) -> bool {
    matches!(outcome, Err(ApiKeyError::RoleNotHeld(not)) if *not == role(name))
}

fn lacks<T>(outcome: &Result<T, GrantError>, permission: &str) -> bool {
    matches!(outcome, Err(GrantError::Forbidden(Forbidden(lacking))) if lacking.to_string() == permission)
}

async fn roles_of(world: &World, key: &NewApiKey) -> Vec<String> {
    let roles = uses(world, key).await.expect("a caller").roles;
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}

#[tokio::test]
async fn a105_a_key_goes_by_no_role_that_its_owner_has_not_though_it_holds_nothing_a104() {
    let world = World::new().await;
    defined(&world, "approver", &[]).await;
    let (ann, _, caller) = somebody(&world, "ann", &["orders:read"]).await;
    let (access, wanted) = (&world.app.access, || wanted_key(&caller, ann.id, &[]));
    assert!(not_held(&access.create_key(with_roles(wanted(), &["approver"])).await, "approver"));
    let key = access.create_key(with_roles(wanted(), &["role-of-ann", "user"])).await.expect("of her own roles");
    let more = UpdateApiKey { roles: Some(vec![role("approver")]), ..update(&caller, key.key.id) };
    assert!(not_held(&access.update_key(more).await, "approver"));
    assert_eq!(roles_of(&world, &key).await, ["role-of-ann", "user"]);
    let acts = world.acts().await;
    let refused = acts.iter().filter(|act| act.outcome == Outcome::Refused(Refusal::NotPermitted));
    assert_eq!(refused.count(), 2, "on record: {acts:?}");
}

#[tokio::test]
async fn a105_a_key_loses_the_role_that_its_owner_loses_and_gets_it_back_with_the_owner() {
    let world = World::new().await;
    defined(&world, "approver", &["orders:read"]).await;
    let (ann, _, _) = somebody(&world, "ann", &["orders:*"]).await;
    granted(&world, ann.id, "approver").await;
    let caller = world.log_in("ann").await;
    let caller = crate::access_scene::resolved(&world, &caller).await;
    let wanted = with_roles(wanted_key(&caller, ann.id, &[]), &["approver"]);
    let key = world.app.access.create_key(wanted).await.expect("a key");
    assert_eq!(roles_of(&world, &key).await, ["approver"]);
    withdrawn(&world, ann.id, "approver").await;
    assert_eq!(roles_of(&world, &key).await, [""; 0], "at once");
    let acting = uses(&world, &key).await.expect("a caller");
    assert_eq!(acting.permissions, permissions(&[]), "nor what it holds, which its owner still may");
    granted(&world, ann.id, "approver").await;
    assert_eq!(roles_of(&world, &key).await, ["approver"]);
}

#[tokio::test]
async fn a104_nobody_makes_a_key_for_others_with_a_role_that_they_have_not_themselves() {
    let world = World::new().await;
    defined(&world, "approver", &[]).await;
    let (ann, _, _) = somebody(&world, "ann", &["orders:read"]).await;
    granted(&world, ann.id, "approver").await;
    let (_, _, desk) = somebody(&world, "desk", &["api-keys:*", "orders:*"]).await;
    let (_, boss) = admin(&world, "boss").await;
    let wanted = |caller: &Caller| with_roles(wanted_key(caller, ann.id, &[]), &["approver"]);
    let access = &world.app.access;
    let outcome = access.create_key(wanted(&desk)).await;
    assert!(matches!(&outcome, Err(ApiKeyError::Forbidden(why)) if why.0.to_string() == "*:*"), "{outcome:?}");
    let key = access.create_key(wanted(&boss)).await.expect("whoever may everything makes it");

    // Nor do they get at one: a new secret is as good as a new key.
    let rotated = RotateApiKey { scope: ApiKeyScope::All, ..rotate(&desk, key.key.id, HOUR) };
    assert!(matches!(access.rotate_key(rotated).await, Err(ApiKeyError::Forbidden(_))));
    access.revoke_key(&desk, ApiKeyScope::All, key.key.id, &origin()).await.expect("to end it they need not have it");
}

#[tokio::test]
async fn a104_whoever_goes_on_with_a_key_of_others_needs_all_that_it_holds_whatever_its_owner_lost() {
    let world = World::new().await;
    let (ann, _, hers) = somebody(&world, "ann", &["orders:read", "users:delete"]).await;
    let direct = own_key(&world, &hers, &["users:delete"]).await.key.id;
    let by_role = with_roles(wanted_key(&hers, ann.id, &[]), &["role-of-ann"]);
    let by_role = world.app.access.create_key(by_role).await.expect("a key").key.id;
    withdrawn(&world, ann.id, "role-of-ann").await;
    let (_, _, desk) = somebody(&world, "desk", &["api-keys:*", "orders:read"]).await;
    let access = &world.app.access;
    world.acts().await;
    for id in [direct, by_role] {
        let renamed = UpdateApiKey { scope: ApiKeyScope::All, name: Some("x".to_owned()), ..update(&desk, id) };
        let opened = UpdateApiKey { name: None, networks: Some(Vec::new()), expires_at: Some(None), ..renamed.clone() };
        let rotated = RotateApiKey { scope: ApiKeyScope::All, ..rotate(&desk, id, HOUR) };
        assert!(matches!(access.update_key(renamed).await, Err(ApiKeyError::Forbidden(_))));
        assert!(matches!(access.update_key(opened).await, Err(ApiKeyError::Forbidden(_))));
        assert!(matches!(access.rotate_key(rotated).await, Err(ApiKeyError::Forbidden(_))));
    }
    let acts = world.acts().await;
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::NotPermitted)) && acts.len() == 6);
    access.rotate_key(rotate(&hers, direct, HOUR)).await.expect("its owner may");
    access.revoke_key(&desk, ApiKeyScope::All, by_role, &origin()).await.expect("its end is nobody's gain");
}

#[tokio::test]
async fn a104_nobody_gives_or_takes_a_role_that_they_have_not_though_it_holds_nothing() {
    let world = World::new().await;
    defined(&world, "approver", &[]).await;
    let (ann, _, desk) = somebody(&world, "ann", &["roles:grant", "roles:read"]).await;
    let ben = world.register("ben").await;
    granted(&world, ben.id, "approver").await;
    world.acts().await;
    let access = &world.app.access;
    for user in [ann.id, world.register("cat").await.id] {
        assert!(lacks(&access.grant(grant(&desk, user, "approver")).await, "roles:write"));
    }
    assert!(lacks(&access.withdraw(grant(&desk, ben.id, "approver")).await, "roles:write"));
    let acts = world.acts().await;
    let refused = |action| {
        let why = Some(Refusal::NotPermitted);
        acts.iter().filter(|act| (act.action, act.outcome.refusal()) == (action, why)).count()
    };
    assert_eq!((refused(Action::GrantRole), refused(Action::WithdrawRole)), (2, 1), "on record: {acts:?}");

    // What they have they give, and whoever defines roles gives those that hold no more than they may.
    let holder = Caller { roles: vec![role("approver")], ..desk.clone() };
    assert!(access.grant(grant(&holder, ann.id, "approver")).await.expect("a grant"));
    let definer = Caller { permissions: permissions(&["roles:grant", "roles:write"]), ..desk };
    assert!(access.withdraw(grant(&definer, ben.id, "approver")).await.expect("a withdrawal"));
}

#[tokio::test]
async fn a104_whoever_may_not_look_at_roles_learns_nothing_of_those_that_are_not_theirs_a102() {
    let world = World::new().await;
    defined(&world, "auditor", &["orders:read", "users:delete"]).await;
    defined(&world, "approver", &[]).await;
    let (ann, _, blind) = somebody(&world, "ann", &["roles:grant", "roles:write", "orders:read"]).await;
    let (_, _, seeing) = somebody(&world, "ben", &["roles:*", "orders:read"]).await;
    let access = &world.app.access;
    for name in ["auditor", "admin", "no-role"] {
        assert!(lacks(&access.grant(grant(&blind, ann.id, name)).await, "*:*"), "{name}");
        assert!(lacks(&access.withdraw(grant(&blind, ann.id, name)).await, "*:*"), "{name}");
        let deleted = access.delete_role(&blind, &role(name), &origin()).await;
        assert_eq!(deleted.expect_err("a refusal").to_string(), "this needs the permission *:*", "{name}");
        let key = access.create_key(with_roles(wanted_key(&blind, ann.id, &[]), &[name])).await;
        assert!(not_held(&key, name), "{key:?}");
    }
    assert!(lacks(&access.grant(grant(&seeing, ann.id, "auditor")).await, "users:delete"));
    assert!(matches!(access.grant(grant(&seeing, ann.id, "no-role")).await, Err(GrantError::UnknownRole)));
    let ben = seeing.user().expect("a user");
    let key = access.create_key(with_roles(wanted_key(&seeing, ben, &[]), &["no-role"])).await;
    assert!(matches!(key, Err(ApiKeyError::UnknownRole(_))), "{key:?}");
}

#[tokio::test]
async fn a109_an_account_has_so_many_roles_and_no_more() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    for number in 0..=Role::PER_ACCOUNT_MAX {
        defined(&world, &format!("role-{number}"), &[]).await;
    }
    for number in 1..=Role::PER_ACCOUNT_MAX {
        granted(&world, ann.id, &format!("role-{number}")).await;
    }
    let before = world.app.accounts.profile(ann.id).await.expect("a look");
    let outcome = world.app.access.grant(grant(&Caller::operator(), ann.id, "role-0")).await;
    assert!(matches!(outcome, Err(GrantError::TooMany)), "{outcome:?}");
    assert_eq!(world.app.accounts.profile(ann.id).await.expect("a look"), before, "nothing has happened");
    let same = world.app.access.grant(grant(&Caller::operator(), ann.id, "role-1")).await;
    assert!(!same.expect("an answer"), "which they have is none more");
    withdrawn(&world, ann.id, "role-1").await;
    granted(&world, ann.id, "role-0").await;
}
