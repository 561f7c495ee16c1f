//! Roles as a file says they are to be.

use std::sync::Arc;

use portcullis_domain::access::{Change, ReconcileError, Reconciled, Role, RoleDraft, RoleName};
use portcullis_domain::audit::{Action, Actor, Outcome};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;

use crate::access_roles::entry;
use crate::access_scene::{define, defined, granted, permissions, resolved, role, somebody, withdrawn};
use crate::clients::replica;
use crate::faulty::faulty_world;
use crate::world::{SECOND, World, origin};

fn draft(name: &str, may: &[&str]) -> RoleDraft {
    RoleDraft { name: role(name), description: format!("The role {name}."), permissions: permissions(may) }
}

async fn names(world: &World) -> Vec<String> {
    let roles = world.app.access.roles(&Caller::operator()).await.expect("the roles");
    roles.into_iter().map(|role| role.name.to_string()).collect()
}

/// A world in which nobody has seeded anything.
async fn unseeded() -> World {
    let world = World::new().await;
    let mut tx = portcullis_domain::ports::store::Store::begin(&*world.store).await.expect("a unit of work");
    for name in [RoleName::admin(), RoleName::user()] {
        assert!(tx.roles().delete(&name, world.now()).await.expect("a deletion"));
    }
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    world.acts().await;
    world
}

async fn reconcile(world: &World, drafts: &[RoleDraft], prune: bool, dry: bool) -> Result<Reconciled, ReconcileError> {
    world.app.access.reconcile(&Caller::operator(), drafts, prune, dry, &origin()).await
}

#[tokio::test]
async fn the_first_start_makes_the_roles_of_the_file_and_later_ones_change_nothing() {
    let world = unseeded().await;
    let drafts = [draft("clerk", &["orders:read"]), draft("user", &["news:read"])];
    world.app.access.seed(&drafts).await.expect("the roles");
    assert_eq!(names(&world).await, ["admin", "clerk", "user"]);
    let user = world.app.access.role(&Caller::operator(), &RoleName::user()).await.expect("the role");
    assert_eq!(user.permissions, permissions(&["news:read"]), "what everybody may is the file's to say");
    let created = |name: &str, may: &str| Event::RoleCreated {
        role: role(name),
        permissions: vec![may.parse().expect("a permission")],
    };
    assert_eq!(world.events().await, [created("clerk", "orders:read"), created("user", "news:read")]);
    let mut acts = world.acts().await;
    acts.sort_by(|a, b| a.detail.cmp(&b.detail));
    let made = |name| (Actor::Service, Action::CreateRole, Outcome::Success, Some(name));
    assert_eq!(acts.iter().map(entry).collect::<Vec<_>>(), [made("clerk"), made("user")]);

    // What was changed since stays changed.
    world.app.access.delete_role(&Caller::operator(), &role("clerk"), &origin()).await.expect("a deletion");
    world.events().await;
    world.acts().await;
    for drafts in [&drafts[..], &[]] {
        world.app.access.seed(drafts).await.expect("nothing to do");
    }
    assert_eq!(names(&world).await, ["admin", "user"]);
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_start_at_once_seed_once() {
    let world = Arc::new(faulty_world().await.0);
    let mut tx = world.ports.store.begin().await.expect("a unit of work");
    for name in [RoleName::admin(), RoleName::user()] {
        tx.roles().delete(&name, world.now()).await.expect("a deletion");
    }
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let app = replica(&world, None);
            tokio::spawn(async move { app.access.seed(&[draft("clerk", &["orders:read"])]).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("it makes no difference who was first");
    }
    assert_eq!(names(&world).await, ["admin", "clerk", "user"]);
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn the_difference_is_told_and_made_in_one_unit() {
    let world = World::new().await;
    let (_, pair, _) = somebody(&world, "ann", &["orders:read"]).await;
    let kept = defined(&world, "kept", &[]).await;
    defined(&world, "doomed", &["x:y"]).await;
    world.events().await;
    world.acts().await;
    world.clock.advance(SECOND);
    let same = RoleDraft { name: kept.name, description: kept.description, permissions: kept.permissions };
    let drafts = [draft("role-of-ann", &["orders:write"]), draft("clerk", &["orders:read"]), same];

    let told = reconcile(&world, &drafts, true, true).await.expect("a difference");
    assert!(!told.applied);
    let from = RoleDraft { description: String::new(), ..draft("role-of-ann", &["orders:read"]) };
    let doomed = RoleDraft { description: String::new(), ..draft("doomed", &["x:y"]) };
    let expected = [
        Change::Create(draft("clerk", &["orders:read"])),
        Change::Delete(doomed),
        Change::Update { from, to: draft("role-of-ann", &["orders:write"]) },
    ];
    assert_eq!(told.changes, expected, "by name");
    assert_eq!(names(&world).await, ["admin", "doomed", "kept", "role-of-ann", "user"], "telling changes nothing");
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));

    let made = reconcile(&world, &drafts, true, false).await.expect("the change");
    assert_eq!((made.changes, made.applied), (told.changes, true));
    assert_eq!(names(&world).await, ["admin", "clerk", "kept", "role-of-ann", "user"]);
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&["orders:write"]), "it bites at once");
    let changed = world.app.access.role(&Caller::operator(), &role("role-of-ann")).await.expect("the role");
    assert_eq!((changed.version, changed.updated_at, changed.created_at < changed.updated_at), (2, world.now(), true));
    let events = world.events().await;
    assert!(
        matches!(&events[..], [Event::RoleDeleted { .. }, Event::RoleCreated { .. }, Event::RoleUpdated { .. }]),
        "{events:?}"
    );
    let mut acts: Vec<_> = world.acts().await.iter().map(|act| (act.action.as_str(), act.actor.clone())).collect();
    acts.sort_by_key(|(action, _)| *action);
    assert_eq!(acts, ["role.create", "role.delete", "role.update"].map(|action| (action, Actor::Operator)));

    let again = reconcile(&world, &drafts, true, false).await.expect("an answer");
    assert_eq!(again.changes, [], "doing it again changes nothing");
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn where_there_is_no_room_for_more_one_role_makes_room_for_another() {
    let world = World::new().await;
    let drafts: Vec<_> = (2..Role::ROLES_MAX).map(|number| draft(&format!("role-{number}"), &[])).collect();
    reconcile(&world, &drafts, true, false).await.expect("as many as there may be");
    let mut others = drafts.clone();
    others[0] = draft("another", &[]);
    reconcile(&world, &others, true, false).await.expect("one goes and one comes");
    assert_eq!(names(&world).await.len(), Role::ROLES_MAX);
    others.push(draft("one-more", &[]));
    let refused = reconcile(&world, &others, true, false).await;
    assert!(matches!(refused, Err(ReconcileError::Draft(_))), "{refused:?}");
}

#[tokio::test]
async fn without_pruning_what_no_draft_names_stays_and_built_in_roles_always_do() {
    let world = World::new().await;
    defined(&world, "other", &[]).await;
    let kept = reconcile(&world, &[], false, false).await.expect("an answer");
    assert_eq!(kept.changes, [Change::Keep(role("other"))]);
    reconcile(&world, &[], true, false).await.expect("a change");
    assert_eq!(names(&world).await, ["admin", "user"]);
}

#[tokio::test]
async fn what_roles_cannot_be_is_refused_as_a_whole() {
    let world = World::new().await;
    let many: Vec<_> = (0..501).map(|number| draft(&format!("role-{number}"), &[])).collect();
    let long = RoleDraft { description: "x".repeat(201), ..draft("clerk", &[]) };
    let cases = [
        ("twice", vec![draft("clerk", &[]), draft("clerk", &["a:b"])]),
        ("admin", vec![draft("clerk", &[]), draft("admin", &["users:read"])]),
        ("admin", vec![draft("admin", &[])]),
        ("at most 500", many.clone()),
        ("at most 500", many[..499].to_vec()),
        ("clerk", vec![long]),
    ];
    for (word, drafts) in cases {
        for dry in [true, false] {
            match reconcile(&world, &drafts, false, dry).await {
                Err(ReconcileError::Draft(why)) => assert!(why.contains(word), "{why}"),
                other => panic!("{word}: {other:?}"),
            }
        }
        if drafts.len() != 499 {
            let seeded = world.app.access.seed(&drafts).await;
            assert!(matches!(seeded, Err(ReconcileError::Draft(_))), "also when there are roles already: {seeded:?}");
        }
    }
    assert_eq!(names(&world).await, ["admin", "user"]);
    reconcile(&world, &many[..498], false, false).await.expect("as many as there can be");
    reconcile(&world, &many[100..501], true, false).await.expect("what is deleted makes room");
}

#[tokio::test]
async fn a104_only_who_may_everything_reconciles() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &["roles:*", "users:*", "*:read"]).await;
    for dry in [true, false] {
        let refused = world.app.access.reconcile(&caller, &[draft("clerk", &[])], false, dry, &origin()).await;
        assert!(matches!(refused, Err(ReconcileError::Forbidden(_))), "{refused:?}");
    }
    assert_eq!(names(&world).await, ["admin", "role-of-ann", "user"]);
}

#[tokio::test]
async fn what_was_not_committed_has_not_been_reconciled() {
    let (world, fault) = faulty_world().await;
    let (ann, pair, before) = somebody(&world, "ann", &["orders:read"]).await;
    fault.set(true);
    let drafts = [draft("role-of-ann", &[]), draft("clerk", &[])];
    assert!(matches!(reconcile(&world, &drafts, false, false).await, Err(ReconcileError::Failure(_))));
    fault.set(false);
    assert_eq!(resolved(&world, &pair).await, before);
    assert_eq!(world.events().await, []);
    granted(&world, ann.id, "admin").await;
    world.app.access.create_role(define(&Caller::operator(), "clerk", &[])).await.expect("there is none yet");
    withdrawn(&world, ann.id, "role-of-ann").await;
}
