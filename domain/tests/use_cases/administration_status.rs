//! Disabling, enabling, deleting; ending sessions; asking for a new password.

use std::sync::Arc;

use portcullis_domain::accounts::{CredentialState, UserStatus};
use portcullis_domain::administration::AdministrationError;
use portcullis_domain::audit::{Action, Actor, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{LogInError, RevocationReason};

use crate::administration_scene::{calling, employee, grant, manage, one_refusal, program};
use crate::faulty::faulty_world;
use crate::world::{PASSWORD, World, origin, some_session};

fn support() -> Caller {
    program(&["users:write", "users:delete"])
}

async fn is_active(world: &World, id: UserId) -> bool {
    let user = world.app.accounts.profile(id).await.expect("a look");
    user.is_some_and(|user| user.status == UserStatus::Active)
}

#[tokio::test]
async fn a_disabled_account_is_out_everywhere_and_at_once_a043_a112() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    let (_, bystander) = world.signed_in("ben").await;
    assert!(calling(&world, &pair).await.is_some());

    let view = world.app.administration.disable(manage(&support(), &ann), " left ".to_owned()).await;
    let view = view.expect("a disabled account");
    assert_eq!((view.user.status, view.user.status_reason.as_deref()), (UserStatus::Disabled, Some("left")));
    assert_eq!(view.user, world.find("ann").await, "what is answered is what is stored");
    assert_eq!(world.caller(&pair), None, "its access tokens are refused");
    assert!(calling(&world, &pair).await.is_none());
    assert!(world.refresh(&pair).await.is_err());
    let refused = world.try_log_in("ann", PASSWORD).await;
    assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "nobody is told that it is disabled: {refused:?}");
    world.calls(&bystander);

    let events = world.events().await;
    assert_eq!(events[0], Event::UserDisabled { user_id: ann.id });
    let ended =
        |event: &Event| matches!(event, Event::SessionRevoked { reason: RevocationReason::AccountDisabled, .. });
    assert!(ended(&events[1]), "{events:?}");
    let act = world.acts().await.into_iter().find(|act| act.action == Action::DisableUser).expect("an entry");
    assert_eq!(act.actor, Actor::Client("office".to_owned()));
    assert_eq!((act.subject, act.detail.as_deref(), act.ip), (Some(ann.id), Some("left"), origin().ip));

    let again = world.app.administration.disable(manage(&support(), &ann), "stole".to_owned()).await;
    assert_eq!(again.expect("a new reason").user.status_reason.as_deref(), Some("stole"));
    assert_eq!(world.events().await, [], "it was disabled before");

    let view = world.app.administration.enable(manage(&support(), &ann)).await.expect("an active account");
    assert_eq!((view.user.status, view.user.status_reason), (UserStatus::Active, None));
    assert_eq!(world.events().await, [Event::UserEnabled { user_id: ann.id }]);
    assert_eq!(world.caller(&pair), None, "sessions that ended do not come back");
    world.log_in("ann").await;
    let view = world.app.administration.enable(manage(&support(), &ann)).await.expect("an active account");
    assert_eq!(view.user, world.find("ann").await, "enabling an active account changes nothing");
}

#[tokio::test]
async fn a_reason_is_given_and_stays_on_its_line_a112_b51() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    for wrong in ["", " ", "a\nb", "\u{1b}[31m", "a\u{2028}b", "\u{202e}tfel", &"x".repeat(201)] {
        let refused = world.app.administration.disable(manage(&support(), &ann), wrong.to_owned()).await;
        assert!(matches!(refused, Err(AdministrationError::Reason)), "{wrong:?}: {refused:?}");
    }
    assert!(is_active(&world, ann.id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_login_slips_through_while_an_account_is_disabled_or_its_password_expires_a043() {
    for round in 0..10 {
        let (world, _) = faulty_world().await;
        let world = Arc::new(world);
        let (ann, _) = world.signed_in("ann").await;
        let logins: Vec<_> = (0..20)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.try_log_in("ann", PASSWORD).await.ok() })
            })
            .collect();
        let cmd = manage(&support(), &ann);
        if round % 2 == 0 {
            world.app.administration.disable(cmd, "left".to_owned()).await.expect("disabled");
        } else {
            world.app.administration.expire_password(cmd).await.expect("expired");
        }
        for login in logins {
            let Some(pair) = login.await.expect("a task") else { continue };
            let session = world.session(pair.session.id).await.expect("a session");
            assert!(session.revoked.is_some(), "a login that raced the end left a live session");
            assert_eq!(world.caller(&pair), None);
        }
    }
}

#[tokio::test]
async fn an_expired_password_ends_the_sessions_and_starts_none_a020() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    let view = world.app.administration.expire_password(manage(&support(), &ann)).await.expect("expired");
    assert!(view.user.must_change_password);
    assert_eq!(CredentialState::of(&view.user), CredentialState::MustChange);
    assert_eq!(world.caller(&pair), None);
    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "not with the password alone");
    let events = world.events().await;
    assert_eq!(events[0], Event::UserPasswordExpired { user_id: ann.id });
    world.acts().await;
    let again = world.app.administration.expire_password(manage(&support(), &ann)).await.expect("expired");
    assert_eq!(again.user, world.find("ann").await);
    let told = world.events().await;
    assert!(!told.contains(&Event::UserPasswordExpired { user_id: ann.id }), "announced once: {told:?}");
}

#[tokio::test]
async fn sessions_of_others_are_ended_one_by_one_or_all_at_once_a044() {
    let world = World::new().await;
    let (ann, first) = world.signed_in("ann").await;
    let (second, third) = (world.log_in("ann").await, world.log_in("ann").await);
    let (_, bens) = world.signed_in("ben").await;
    let admin = &world.app.administration;
    let one = |id| admin.revoke_sessions(manage(&support(), &ann), Some(id));

    assert_eq!(one(first.session.id).await.expect("an end"), 1);
    assert_eq!(world.caller(&first), None);
    for over in [first.session.id, bens.session.id, some_session()] {
        let refused = one(over).await;
        assert!(matches!(refused, Err(AdministrationError::NotFound)), "{refused:?}");
    }
    world.calls(&bens);
    assert_eq!(admin.revoke_sessions(manage(&support(), &ann), None).await.expect("an end"), 2);
    assert!(world.caller(&second).is_none() && world.caller(&third).is_none());
    world.log_in("ann").await;
    assert_eq!(admin.revoke_sessions(manage(&support(), &ann), None).await.expect("an end"), 1, "in the same second");
    assert_eq!(admin.revoke_sessions(manage(&support(), &ann), None).await.expect("no end"), 0);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_a102() {
    let world = World::new().await;
    let mut nobody = world.register("ann").await;
    world.app.administration.delete(manage(&support(), &nobody)).await.expect("a deletion");
    nobody.id = UserId::new(world.now(), &*world.ports.random);
    let admin = &world.app.administration;
    let cmd = || manage(&support(), &nobody);
    let answers = [
        admin.disable(cmd(), "left".to_owned()).await.err(),
        admin.enable(cmd()).await.err(),
        admin.delete(cmd()).await.err(),
        admin.expire_password(cmd()).await.err(),
        admin.revoke_sessions(cmd(), None).await.err(),
        admin.password_link(cmd()).await.err(),
        admin.user(&program(&["users:read"]), nobody.id).await.err(),
        admin.sessions(&program(&["users:read"]), nobody.id, None, 5).await.err(),
    ];
    for answer in answers {
        assert!(matches!(answer, Some(AdministrationError::NotFound)), "{answer:?}");
    }
}

#[tokio::test]
async fn the_last_administrator_is_neither_disabled_nor_deleted_a104() {
    let world = World::new().await;
    let (root, _, caller) = employee(&world, "rita", "admin").await;
    let admin = &world.app.administration;
    for operator in [&caller, &Caller::operator()] {
        let refused = admin.disable(manage(operator, &root), "left".to_owned()).await;
        assert!(matches!(refused, Err(AdministrationError::LastHolder)), "{refused:?}");
        one_refusal(&world, Action::DisableUser, Some(root.id), Refusal::LastHolder).await;
        let refused = admin.delete(manage(operator, &root)).await;
        assert!(matches!(refused, Err(AdministrationError::LastHolder)), "{refused:?}");
        one_refusal(&world, Action::DeleteAccount, Some(root.id), Refusal::LastHolder).await;
    }
    // A disabled administrator holds nobody else's place.
    let (second, ..) = employee(&world, "second", "admin").await;
    admin.disable(manage(&caller, &second), "on leave".to_owned()).await.expect("one is left");
    let refused = admin.delete(manage(&caller, &root)).await;
    assert!(matches!(refused, Err(AdministrationError::LastHolder)), "{refused:?}");
    admin.delete(manage(&caller, &second)).await.expect("a disabled one goes");
    assert!(is_active(&world, root.id).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_administrators_who_disable_or_delete_each_other_one_stays_a104() {
    for round in 0..20 {
        let (world, _) = faulty_world().await;
        let world = Arc::new(world);
        let (one, _, first) = employee(&world, "one", "admin").await;
        let (two, _, second) = employee(&world, "two", "admin").await;
        let tasks = [(first, two.clone(), round % 2 == 0), (second, one.clone(), round % 3 == 0)].map(
            |(caller, other, deletes)| {
                let world = world.clone();
                tokio::spawn(async move {
                    let cmd = manage(&caller, &other);
                    match deletes {
                        true => world.app.administration.delete(cmd).await.is_ok(),
                        false => world.app.administration.disable(cmd, "left".to_owned()).await.is_ok(),
                    }
                })
            },
        );
        let mut done = 0;
        for task in tasks {
            done += u32::from(task.await.expect("a task"));
        }
        assert_eq!(done, 1, "one of the two acts succeeds");
        let left = [is_active(&world, one.id).await, is_active(&world, two.id).await];
        assert_eq!(left.iter().filter(|active| **active).count(), 1, "one administrator is left: {left:?}");
    }
}

#[tokio::test]
async fn a_role_that_is_given_meanwhile_is_seen_a104() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let cmd = manage(&support(), &ann);
    grant(&world, ann.id, "admin").await;
    let refused = world.app.administration.disable(cmd, "left".to_owned()).await;
    assert!(matches!(refused, Err(AdministrationError::Forbidden(_))), "what is stored now decides: {refused:?}");
    let mut tx = world.store.begin().await.expect("a unit of work");
    assert!(tx.users().by_id(ann.id).await.expect("a look").is_some_and(|user| user.status == UserStatus::Active));
}
