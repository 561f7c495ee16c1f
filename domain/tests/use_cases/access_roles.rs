//! Defining roles.

use portcullis_domain::access::{Asked, DefineRole, Permission, Role, RoleError, RoleName};
use portcullis_domain::audit::{Action, Actor, AuditEntry, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Forbidden};
use portcullis_domain::event::Event;

use crate::access_scene::{admin, define, defined, granted, permissions, resolved, role, somebody};
use crate::faulty::faulty_world;
use crate::world::{SECOND, World, origin};

pub(crate) fn entry(entry: &AuditEntry) -> (Actor, Action, Outcome, Option<&str>) {
    (entry.actor.clone(), entry.action, entry.outcome, entry.detail.as_deref())
}

fn forbidden<T: std::fmt::Debug>(refused: &Result<T, RoleError>, permission: &str) {
    let expected = Forbidden(permission.parse().expect("a permission"));
    assert!(matches!(refused, Err(RoleError::Forbidden(forbidden)) if *forbidden == expected), "{refused:?}");
}

fn named(permissions: &[&str]) -> Vec<Permission> {
    permissions.iter().map(|text| text.parse().expect("a permission")).collect()
}

#[tokio::test]
async fn two_roles_are_always_there() {
    let world = World::new().await;
    let roles = world.app.access.roles(&Caller::operator()).await.expect("the roles");
    let told: Vec<_> = roles.iter().map(|role| (role.name.as_str(), role.permissions.clone())).collect();
    assert_eq!(told, [("admin", permissions(&["*:*"])), ("user", permissions(&[]))]);
}

#[tokio::test]
async fn a_new_role_is_stored_announced_and_recorded() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["roles:*", "orders:*", "audit:read"]).await;
    let cmd = DefineRole {
        description: Some("Looks after orders.".to_owned()),
        ..define(&caller, "clerk", &["orders:read", "orders:write"])
    };
    let made = world.app.access.create_role(cmd).await.expect("a role");
    let now = world.now();
    let expected = Role {
        name: role("clerk"),
        description: "Looks after orders.".to_owned(),
        permissions: permissions(&["orders:read", "orders:write"]),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    assert_eq!(made, expected);
    assert_eq!(world.app.access.role(&caller, &role("clerk")).await.expect("the role"), expected);
    let permissions = named(&["orders:read", "orders:write"]);
    assert_eq!(world.events().await, [Event::RoleCreated { role: role("clerk"), permissions }]);
    let acts = world.acts().await;
    let created = (Actor::User(ann.id), Action::CreateRole, Outcome::Success, Some("clerk"));
    assert_eq!(acts.iter().map(entry).collect::<Vec<_>>(), [created]);
}

#[tokio::test]
async fn a104_nobody_defines_a_role_that_may_do_what_they_may_not() {
    let world = World::new().await;
    let (ann, pair, caller) = somebody(&world, "ann", &["roles:write", "roles:read", "orders:read"]).await;
    forbidden(
        &world.app.access.create_role(define(&caller, "clerk", &["orders:read", "users:read"])).await,
        "users:read",
    );
    forbidden(&world.app.access.create_role(define(&caller, "clerk", &["orders:*"])).await, "orders:*");
    forbidden(&world.app.access.create_role(define(&caller, "clerk", &["*:*"])).await, "*:*");
    let refused = (Actor::User(ann.id), Action::CreateRole, Outcome::Refused(Refusal::NotPermitted), Some("clerk"));
    let acts = world.acts().await;
    assert_eq!(acts.iter().map(entry).collect::<Vec<_>>(), [refused.clone(), refused.clone(), refused]);

    // Nor does anybody raise a role: not their own either.
    forbidden(&world.app.access.update_role(define(&caller, "role-of-ann", &["roles:write", "*:*"])).await, "*:*");
    let raised = define(&caller, "role-of-ann", &["roles:write", "roles:read", "orders:read", "roles:grant"]);
    forbidden(&world.app.access.update_role(raised).await, "roles:grant");
    forbidden(&world.app.access.update_role(define(&caller, "user", &["users:read"])).await, "users:read");
    assert_eq!(resolved(&world, &pair).await.permissions, caller.permissions);
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn a104_nobody_weakens_or_deletes_a_role_mightier_than_themselves() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &["roles:read", "roles:write", "orders:read"]).await;
    defined(&world, "boss", &["orders:read", "users:delete"]).await;
    world.events().await;
    world.acts().await;
    forbidden(&world.app.access.update_role(define(&caller, "boss", &["orders:read"])).await, "users:delete");
    forbidden(&world.app.access.update_role(define(&caller, "admin", &[])).await, "*:*");
    forbidden(&world.app.access.delete_role(&caller, &role("boss"), &origin()).await, "users:delete");
    forbidden(&world.app.access.delete_role(&caller, &role("admin"), &origin()).await, "*:*");
    let acts = world.acts().await;
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::NotPermitted)), "{acts:?}");
    for (action, name) in [(Action::UpdateRole, "boss"), (Action::DeleteRole, "boss"), (Action::DeleteRole, "admin")] {
        assert!(acts.iter().any(|act| (act.action, act.detail.as_deref()) == (action, Some(name))), "{acts:?}");
    }
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn the_built_in_roles_stay() {
    let world = World::new().await;
    let (_, caller) = admin(&world, "ann").await;
    for may in [&["*:*"][..], &[], &["users:read"]] {
        let refused = world.app.access.update_role(define(&caller, "admin", may)).await;
        assert!(matches!(refused, Err(RoleError::BuiltIn)), "{refused:?}");
    }
    for name in [RoleName::ADMIN, RoleName::USER] {
        let refused = world.app.access.delete_role(&caller, &role(name), &origin()).await;
        assert!(matches!(refused, Err(RoleError::BuiltIn)), "{refused:?}");
        let refused = world.app.access.create_role(define(&caller, name, &[])).await;
        assert!(matches!(refused, Err(RoleError::Taken)), "{refused:?}");
    }
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn a104_a_changed_role_bites_at_once_and_what_everybody_may_is_a_role_too() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    let (_, pair, before) = somebody(&world, "ann", &["orders:read"]).await;
    assert_eq!(before.roles, [role("role-of-ann"), role("user")]);
    world.clock.advance(SECOND);
    let changed =
        world.app.access.update_role(define(&boss, "role-of-ann", &["orders:write"])).await.expect("a change");
    assert_eq!((changed.version, changed.updated_at, changed.created_at), (2, world.now(), changed.created_at));
    assert!(changed.created_at < changed.updated_at);
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&["orders:write"]));
    world.app.access.update_role(define(&boss, "user", &["news:read"])).await.expect("a change");
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&["news:read", "orders:write"]));
    let updated = |name: &str, may: &[&str]| Event::RoleUpdated { role: role(name), permissions: named(may) };
    assert_eq!(world.events().await, [updated("role-of-ann", &["orders:write"]), updated("user", &["news:read"])]);
}

#[tokio::test]
async fn changing_nothing_announces_nothing() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    let before = defined(&world, "clerk", &["orders:read"]).await;
    world.events().await;
    world.acts().await;
    let same = world.app.access.update_role(define(&boss, "clerk", &["orders:read"])).await.expect("the role");
    let left = DefineRole { permissions: None, ..define(&boss, "clerk", &[]) };
    assert_eq!((same, world.app.access.update_role(left).await.expect("the role")), (before.clone(), before));
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_change_of_another_version_is_refused() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    defined(&world, "clerk", &["orders:read"]).await;
    let of = |version, may: &[&str]| DefineRole { version: Some(version), ..define(&boss, "clerk", may) };
    for wrong in [0, 2, u32::MAX] {
        let refused = world.app.access.update_role(of(wrong, &["orders:write"])).await;
        assert!(matches!(refused, Err(RoleError::Conflict)), "{refused:?}");
    }
    assert_eq!(world.app.access.update_role(of(1, &["orders:write"])).await.expect("a change").version, 2);
    let refused = world.app.access.update_role(of(1, &["orders:*"])).await;
    assert!(matches!(refused, Err(RoleError::Conflict)), "{refused:?}");
}

#[tokio::test]
async fn a_deleted_role_is_taken_from_everybody() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    let (_, pair, _) = somebody(&world, "ann", &["orders:read"]).await;
    world.app.access.delete_role(&boss, &role("role-of-ann"), &origin()).await.expect("a deletion");
    let ann = resolved(&world, &pair).await;
    assert_eq!((ann.roles, ann.permissions), (vec![role("user")], permissions(&[])));
    assert_eq!(world.events().await, [Event::RoleDeleted { role: role("role-of-ann") }]);
    let again = world.app.access.delete_role(&boss, &role("role-of-ann"), &origin()).await;
    assert!(matches!(again, Err(RoleError::NotFound)), "{again:?}");
    // A later role of that name is nobody's.
    defined(&world, "role-of-ann", &["users:delete"]).await;
    assert_eq!(resolved(&world, &pair).await.roles, [role("user")]);
}

#[tokio::test]
async fn what_cannot_be_a_role_is_refused() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    defined(&world, "clerk", &[]).await;
    let taken = world.app.access.create_role(define(&boss, "clerk", &[])).await;
    assert!(matches!(taken, Err(RoleError::Taken)), "{taken:?}");
    for wrong in ["a\nb", "\u{7}", "a\u{202e}b", "\u{2029}", &"x".repeat(201)] {
        let described = |name: &str| DefineRole { description: Some(wrong.to_owned()), ..define(&boss, name, &[]) };
        let refused = world.app.access.create_role(described("other")).await;
        assert!(matches!(refused, Err(RoleError::Description)), "{refused:?}");
        let refused = world.app.access.update_role(described("clerk")).await;
        assert!(matches!(refused, Err(RoleError::Description)), "{refused:?}");
    }
    let many: Vec<String> = (0..201).map(|number| format!("thing-{number}:read")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = world.app.access.create_role(define(&boss, "other", &many)).await;
    assert!(matches!(refused, Err(RoleError::TooMany)), "{refused:?}");
    world.app.access.create_role(define(&boss, "other", &many[..200])).await.expect("a large role");
    let nobody = world.app.access.role(&boss, &role("nobody")).await;
    assert!(matches!(nobody, Err(RoleError::NotFound)), "{nobody:?}");
}

#[tokio::test]
async fn there_are_so_many_roles_and_no_more() {
    let world = World::new().await;
    for number in 2..Role::ROLES_MAX {
        defined(&world, &format!("role-{number}"), &[]).await;
    }
    let refused = world.app.access.create_role(define(&Caller::operator(), "one-more", &[])).await;
    assert!(matches!(refused, Err(RoleError::TooMany)), "{refused:?}");
}

#[tokio::test]
async fn every_permission_says_what_it_is_for_and_which_roles_hold_it() {
    let world = World::new().await;
    defined(&world, "clerk", &["orders:read", "users:read"]).await;
    defined(&world, "boss", &["orders:read"]).await;
    let views = world.app.access.permissions(&Caller::operator()).await.expect("the permissions");
    let told: Vec<_> = views.iter().map(|view| view.permission.to_string()).collect();
    assert!(told.is_sorted(), "{told:?}");
    assert_eq!(views.len(), Asked::ALL.len() + 2, "what is asked for, `*:*`, and one of others");
    let of = |text: &str| views.iter().find(|view| view.permission.to_string() == text).expect("a permission");
    assert_eq!((of("orders:read").about, &of("orders:read").roles[..]), (None, &[role("boss"), role("clerk")][..]));
    assert_eq!((of("users:read").about.is_some(), &of("users:read").roles[..]), (true, &[role("clerk")][..]));
    assert_eq!(of("*:*").roles, [role("admin")]);
    assert_eq!(of("stats:read").roles, []);
}

#[tokio::test]
async fn what_was_not_committed_has_not_happened_to_a_role() {
    let (world, fault) = faulty_world().await;
    let (ann, pair, _) = somebody(&world, "ann", &["orders:read"]).await;
    let operator = Caller::operator();
    fault.set(true);
    let created = world.app.access.create_role(define(&operator, "clerk", &[])).await;
    assert!(matches!(created, Err(RoleError::Failure(_))), "{created:?}");
    assert!(world.app.access.update_role(define(&operator, "role-of-ann", &[])).await.is_err());
    assert!(world.app.access.delete_role(&operator, &role("role-of-ann"), &origin()).await.is_err());
    fault.set(false);
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&["orders:read"]));
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
    defined(&world, "clerk", &[]).await;
    granted(&world, ann.id, "clerk").await;
}
