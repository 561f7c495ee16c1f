//! Roles that somebody has: to change them is to give and to take.

use std::sync::Arc;

use portcullis_domain::access::{DefineRole, GrantError, RoleError};
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::administration::Impersonate;
use portcullis_domain::audit::{Action, Outcome, Refusal};
use portcullis_domain::caller::{Caller, Forbidden};
use portcullis_domain::event::Event;
use portcullis_domain::sessions::RevocationReason;

use crate::access_scene::{admin, define, defined, grant, granted, permissions, role, set_status, somebody, withdrawn};
use crate::faulty::faulty_world;
use crate::world::{World, origin};

fn needs_grant<T: std::fmt::Debug>(outcome: &Result<T, RoleError>) {
    let lacking = |why: &Forbidden| why.0.to_string() == "roles:grant";
    assert!(matches!(outcome, Err(RoleError::Forbidden(why)) if lacking(why)), "{outcome:?}");
}

fn is_held<T: std::fmt::Debug>(outcome: &Result<T, RoleError>) {
    assert!(matches!(outcome, Err(RoleError::Held)), "{outcome:?}");
}

#[tokio::test]
async fn a104_whoever_defines_roles_changes_for_nobody_what_they_may_unless_they_may_give_it() {
    let world = World::new().await;
    let (_, _, writer) = somebody(&world, "ann", &["roles:write", "roles:read", "orders:*"]).await;
    let (ben, _, _) = somebody(&world, "ben", &["orders:read"]).await;
    // Also of an account that may not be used at the moment.
    set_status(&world, ben.id, UserStatus::Disabled).await;
    let access = &world.app.access;
    needs_grant(&access.update_role(define(&writer, "role-of-ben", &["orders:read", "orders:write"])).await);
    needs_grant(&access.update_role(define(&writer, "role-of-ben", &[])).await);
    needs_grant(&access.delete_role(&writer, &role("role-of-ben"), &origin()).await);
    needs_grant(&access.update_role(define(&writer, "user", &["orders:read"])).await);
    let acts = world.acts().await;
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::NotPermitted)) && acts.len() == 4);
    assert_eq!(world.events().await, []);
    let standing = access.standing(ben.id).await.expect("a look").expect("the account");
    assert_eq!(standing.permissions, permissions(&["orders:read"]));

    let described = DefineRole {
        description: Some("Reads orders.".to_owned()),
        permissions: None,
        ..define(&writer, "role-of-ben", &[])
    };
    access.update_role(described).await.expect("what a role is for changes nothing for anybody");
    access.create_role(define(&writer, "clerk", &["orders:read"])).await.expect("a role that nobody has");
    access.update_role(define(&writer, "clerk", &["orders:write"])).await.expect("a change");
    access.delete_role(&writer, &role("clerk"), &origin()).await.expect("an end");
}

#[tokio::test]
async fn a104_only_whoever_may_everything_takes_something_from_all_who_have_a_role() {
    let world = World::new().await;
    let (_, boss) = admin(&world, "boss").await;
    let (_, _, giver) = somebody(&world, "ann", &["roles:*", "orders:*"]).await;
    let (ben, _, _) = somebody(&world, "ben", &["orders:read"]).await;
    let access = &world.app.access;
    // To widen it is to give.
    access.update_role(define(&giver, "role-of-ben", &["orders:read", "orders:write"])).await.expect("a change");
    access.update_role(define(&giver, "role-of-ben", &["orders:*"])).await.expect("which covers what it held");
    access.update_role(define(&giver, "user", &["orders:read"])).await.expect("a change");
    world.acts().await;
    is_held(&access.update_role(define(&giver, "role-of-ben", &["orders:read"])).await);
    is_held(&access.delete_role(&giver, &role("role-of-ben"), &origin()).await);
    is_held(&access.update_role(define(&giver, "user", &[])).await);
    let acts = world.acts().await;
    let refused = Outcome::Refused(Refusal::NotPermitted);
    assert!(acts.iter().all(|act| act.outcome == refused) && acts.len() == 3, "{acts:?}");

    // Once it was taken from everybody, one by one, it is nobody's.
    access.withdraw(grant(&giver, ben.id, "role-of-ben")).await.expect("a withdrawal");
    access.delete_role(&giver, &role("role-of-ben"), &origin()).await.expect("an end");
    access.update_role(define(&boss, "user", &[])).await.expect("whoever may everything does it at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a104_nobody_is_given_what_a_role_gets_at_that_moment() {
    let world = Arc::new(faulty_world().await.0);
    let (_, _, writer) = somebody(&world, "ann", &["roles:write", "roles:read", "orders:*"]).await;
    let (_, _, giver) = somebody(&world, "ben", &["roles:grant", "roles:read", "orders:read"]).await;
    for round in 0..20 {
        let name = format!("clerk-{round}");
        defined(&world, &name, &["orders:read"]).await;
        let eve = world.register(&format!("eve-{round}")).await;
        let giver = Caller { roles: vec![role(&name)], ..giver.clone() };
        let (change, give) = (define(&writer, &name, &["orders:read", "orders:write"]), grant(&giver, eve.id, &name));
        let changing = tokio::spawn({
            let world = world.clone();
            async move { world.app.access.update_role(change).await.map(drop) }
        });
        let giving = tokio::spawn({
            let world = world.clone();
            async move { world.app.access.grant(give).await.map(drop) }
        });
        match (changing.await.expect("a task"), giving.await.expect("a task")) {
            (Ok(()), Err(GrantError::Forbidden(_))) => {}
            (Err(RoleError::Forbidden(_)), Ok(())) => {}
            both => panic!("{both:?}"),
        }
    }
}

#[tokio::test]
async fn a104_whoever_loses_a_role_acts_as_nobody_any_more() {
    let world = World::new().await;
    defined(&world, "other", &[]).await;
    let (sue, _, support) = somebody(&world, "sue", &["users:impersonate"]).await;
    granted(&world, sue.id, "other").await;
    let ann = world.register("ann").await;
    let cmd = || Impersonate {
        caller: support.clone(),
        user: ann.id,
        reason: "ticket 7".to_owned(),
        write: false,
        origin: origin(),
    };
    for lost in ["other", "role-of-sue"] {
        let acting = world.app.administration.impersonate(cmd()).await.expect("a session");
        let token = acting.access_token.expose();
        world.app.tokens.identify(token).expect("a good token");
        world.events().await;
        world.acts().await;
        withdrawn(&world, sue.id, lost).await;
        assert!(world.app.tokens.identify(token).is_err(), "at once");
        let (user_id, session_id, reason) = (ann.id, acting.session.id, RevocationReason::ImpersonationEnded);
        let events = world.events().await;
        let [Event::UserRolesChanged { .. }, Event::SessionRevoked { .. }] = &events[..] else { panic!("{events:?}") };
        let told = matches!(&events[1], Event::SessionRevoked { user_id: user, session_id: session, reason: why, .. }
            if (*user, *session, *why) == (user_id, session_id, reason));
        assert!(told, "{events:?}");
        let acts = world.acts().await;
        let ended = acts.iter().find(|act| act.action == Action::Revoke).expect("the end is on record");
        assert_eq!((ended.subject, ended.session), (Some(ann.id), Some(session_id)));
    }
}
