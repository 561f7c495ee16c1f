//! Giving roles and taking them away.

use std::sync::Arc;

use portcullis_domain::access::GrantError;
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::audit::{Action, Actor, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Forbidden};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{EventId, UserId};

use crate::access_roles::entry;
use crate::access_scene::{
    admin, define, defined, grant, granted, permissions, resolved, role, set_status, somebody, withdrawn,
};
use crate::faulty::faulty_world;
use crate::world::{SECOND, World};

fn forbidden(refused: &Result<bool, GrantError>, permission: &str) {
    let expected = Forbidden(permission.parse().expect("a permission"));
    assert!(matches!(refused, Err(GrantError::Forbidden(forbidden)) if *forbidden == expected), "{refused:?}");
}

#[tokio::test]
async fn a_role_is_given_and_taken_and_bites_at_once_a104() {
    let world = World::new().await;
    let (boss, caller) = admin(&world, "boss").await;
    let (ann, pair, _) = somebody(&world, "ann", &[]).await;
    defined(&world, "clerk", &["orders:read"]).await;
    world.events().await;
    world.acts().await;
    world.clock.advance(SECOND);

    assert!(world.app.access.grant(grant(&caller, ann.id, "clerk")).await.expect("a grant"));
    assert!(!world.app.access.grant(grant(&caller, ann.id, "clerk")).await.expect("an answer"), "she has it already");
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&["orders:read"]));
    let profile = world.app.accounts.profile(ann.id).await.expect("a look").expect("the account");
    assert_eq!((profile.version, profile.updated_at), (ann.version + 1, world.now()), "her account has changed");

    world.clock.advance(SECOND);
    assert!(world.app.access.withdraw(grant(&caller, ann.id, "clerk")).await.expect("a withdrawal"));
    assert!(!world.app.access.withdraw(grant(&caller, ann.id, "clerk")).await.expect("an answer"), "it is gone");
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&[]));

    let told =
        |roles: &[&str]| Event::UserRolesChanged { user_id: ann.id, roles: roles.iter().map(|n| role(n)).collect() };
    assert_eq!(world.events().await, [told(&["clerk", "user"]), told(&["user"])], "each change is told once");
    let acts = world.acts().await;
    let done = |action| (Actor::User(boss.id), action, Outcome::Success, Some("clerk"));
    assert_eq!(acts.iter().map(entry).collect::<Vec<_>>(), [done(Action::GrantRole), done(Action::WithdrawRole)]);
    assert!(acts.iter().all(|act| act.subject == Some(ann.id)));
}

#[tokio::test]
async fn a104_nobody_grants_a_role_that_may_do_what_they_may_not() {
    let world = World::new().await;
    let (ann, pair, manager) = somebody(&world, "ann", &["roles:*", "orders:read"]).await;
    let (bob, _, _) = somebody(&world, "bob", &[]).await;
    defined(&world, "boss", &["orders:*"]).await;
    defined(&world, "reader", &["orders:read"]).await;
    world.events().await;
    world.acts().await;
    // To others, and to herself.
    for user in [bob.id, ann.id] {
        forbidden(&world.app.access.grant(grant(&manager, user, "admin")).await, "*:*");
        forbidden(&world.app.access.grant(grant(&manager, user, "boss")).await, "orders:*");
    }
    assert_eq!(resolved(&world, &pair).await.permissions, manager.permissions);
    let acts = world.acts().await;
    assert_eq!(acts.len(), 4, "each refusal is on record");
    let refused = Outcome::Refused(Refusal::NotPermitted);
    assert_eq!(entry(&acts[0]), (Actor::User(ann.id), Action::GrantRole, refused, Some("admin")));
    assert_eq!(acts[0].subject, Some(bob.id));
    assert_eq!(world.events().await, []);
    assert!(world.app.access.grant(grant(&manager, bob.id, "reader")).await.expect("what she may do she gives"));
}

#[tokio::test]
async fn a104_nobody_disarms_somebody_mightier() {
    let world = World::new().await;
    let (boss, _) = admin(&world, "boss").await;
    admin(&world, "other-boss").await;
    let (_, _, manager) = somebody(&world, "ann", &["roles:*", "orders:read"]).await;
    defined(&world, "reader", &["orders:read"]).await;
    granted(&world, boss.id, "reader").await;
    forbidden(&world.app.access.withdraw(grant(&manager, boss.id, "admin")).await, "*:*");
    forbidden(&world.app.access.withdraw(grant(&manager, boss.id, "reader")).await, "*:*");
    let standing = world.app.access.standing(boss.id).await.expect("a look").expect("the account");
    assert_eq!(standing.roles, [role("admin"), role("reader"), role("user")]);
}

#[tokio::test]
async fn a104_the_last_administrator_stays_one() {
    let world = World::new().await;
    let (boss, caller) = admin(&world, "boss").await;
    for asks in [&caller, &Caller::operator()] {
        let refused = world.app.access.withdraw(grant(asks, boss.id, "admin")).await;
        assert!(matches!(refused, Err(GrantError::LastHolder)), "{refused:?}");
        world.clock.advance(SECOND);
    }
    let acts = world.acts().await;
    let refused = Outcome::Refused(Refusal::LastHolder);
    assert_eq!(entry(&acts[0]), (Actor::User(boss.id), Action::WithdrawRole, refused, Some("admin")));
    assert_eq!(entry(&acts[1]).0, Actor::Operator);

    // A second one who may not be used does not count.
    let (second, _) = admin(&world, "second").await;
    set_status(&world, second.id, UserStatus::Disabled).await;
    let refused = world.app.access.withdraw(grant(&caller, boss.id, "admin")).await;
    assert!(matches!(refused, Err(GrantError::LastHolder)), "{refused:?}");
    set_status(&world, second.id, UserStatus::Active).await;
    assert!(world.app.access.withdraw(grant(&caller, boss.id, "admin")).await.expect("a withdrawal"));
    // What the first may do is over at once.
    let late = world.app.access.standing(boss.id).await.expect("a look").expect("the account");
    assert_eq!((late.roles, late.permissions), (vec![role("user")], permissions(&[])));
}

#[tokio::test]
async fn an_administrator_who_may_not_be_used_can_be_demoted_and_is_not_the_last() {
    let world = World::new().await;
    let (gone, _) = admin(&world, "gone").await;
    set_status(&world, gone.id, UserStatus::Disabled).await;
    let ben = world.register("ben").await;
    assert!(!world.app.access.withdraw(grant(&Caller::operator(), ben.id, "admin")).await.expect("an answer"));
    withdrawn(&world, gone.id, "admin").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a104_of_racing_demotions_the_last_is_refused() {
    for _ in 0..20 {
        let world = Arc::new(faulty_world().await.0);
        let mut admins = Vec::new();
        for name in ["ann", "bob", "cat", "dan"] {
            admins.push(admin(&world, name).await);
        }
        // Everybody takes the role from the next one, at the same time.
        let tasks: Vec<_> = (0..admins.len())
            .map(|number| {
                let (world, caller) = (world.clone(), admins[number].1.clone());
                let victim = admins[(number + 1) % admins.len()].0.id;
                tokio::spawn(async move { world.app.access.withdraw(grant(&caller, victim, "admin")).await })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            match task.await.expect("a task") {
                Ok(true) => {}
                Err(GrantError::LastHolder) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, 1);
        let mut left = 0;
        for (user, _) in &admins {
            let standing = world.app.access.standing(user.id).await.expect("a look").expect("the account");
            left += usize::from(standing.roles.contains(&role("admin")));
        }
        assert_eq!(left, 1, "one administrator is left");
    }
}

#[tokio::test]
async fn the_role_of_everybody_is_neither_given_nor_taken() {
    let world = World::new().await;
    let (ann, _, caller) = somebody(&world, "ann", &["roles:grant"]).await;
    let given = world.app.access.grant(grant(&caller, ann.id, "user")).await;
    let taken = world.app.access.withdraw(grant(&caller, ann.id, "user")).await;
    for refused in [given, taken] {
        assert!(matches!(refused, Err(GrantError::Implicit)), "{refused:?}");
    }
}

#[tokio::test]
async fn there_is_nothing_to_give_to_nobody_and_nothing_that_is_no_role() {
    let world = World::new().await;
    let (_, caller) = admin(&world, "boss").await;
    let ann = world.register("ann").await;
    defined(&world, "clerk", &[]).await;
    let nobody = UserId::from_uuid(uuid::Uuid::from_u128(9));
    for (user, name) in [(nobody, "clerk"), (nobody, "no-role"), (nobody, "admin"), (ann.id, "no-role")] {
        let given = world.app.access.grant(grant(&caller, user, name)).await;
        let taken = world.app.access.withdraw(grant(&caller, user, name)).await;
        for refused in [given, taken] {
            match refused {
                Err(GrantError::NotFound) => assert_eq!(user, nobody),
                Err(GrantError::UnknownRole) => assert_eq!(name, "no-role"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn what_was_not_committed_has_not_happened_to_a_grant() {
    let (world, fault) = faulty_world().await;
    let (ann, pair, before) = somebody(&world, "ann", &["orders:read"]).await;
    defined(&world, "clerk", &["users:read"]).await;
    world.events().await;
    world.acts().await;
    fault.set(true);
    assert!(world.app.access.grant(grant(&Caller::operator(), ann.id, "clerk")).await.is_err());
    assert!(world.app.access.withdraw(grant(&Caller::operator(), ann.id, "role-of-ann")).await.is_err());
    fault.set(false);
    assert_eq!(resolved(&world, &pair).await, before);
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_grants_and_withdrawals_all_take_effect() {
    let world = Arc::new(faulty_world().await.0);
    let ann = world.register("ann").await;
    for number in 0..24 {
        let name = format!("role-{number}");
        world.app.access.create_role(define(&Caller::operator(), &name, &[])).await.expect("a role");
        if number % 2 == 0 {
            granted(&world, ann.id, &name).await;
        }
    }
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let world = world.clone();
            let cmd = grant(&Caller::operator(), ann.id, &format!("role-{number}"));
            tokio::spawn(async move {
                let access = &world.app.access;
                if number % 2 == 0 { access.withdraw(cmd).await } else { access.grant(cmd).await }
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.expect("a task").expect("a change"));
    }
    let standing = world.app.access.standing(ann.id).await.expect("a look").expect("the account");
    assert_eq!(standing.roles.len(), 12 + 1);
    let (id, hers) = (EventId::new(world.now(), &*world.ports.random), format!("users/{}", ann.id));
    let mut about_her = world.events().await.into_iter().filter(|event| event.subject(id) == hers);
    assert_eq!(
        about_her.next_back(),
        Some(Event::UserRolesChanged { user_id: ann.id, roles: standing.roles }),
        "the last word is true"
    );
}
