//! The end of an account: proved by its password, followed by others, and without a trace of where its owner was.

use std::sync::Arc;

use portcullis_domain::accounts::{DeleteAccount, DeleteAccountError};
use portcullis_domain::audit::{Action, Actor, AuditEntry, AuditQuery, Outcome, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ids::UserId;

use crate::administration_scene::{employee, grant, manage};
use crate::world::{ATTEMPTS, MINUTE, PASSWORD, World, deletion, origin, password};

async fn about(world: &World, user: UserId) -> Vec<AuditEntry> {
    let query = AuditQuery { about: Some(user), limit: 5_000, ..AuditQuery::default() };
    world.app.audit.page(&query).await.expect("a page")
}

#[tokio::test]
async fn only_whoever_knows_the_password_deletes_the_account_a007_a038() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    for wrong in ["", "wrong", "Correct horse battery"] {
        let cmd = DeleteAccount { current_password: password(wrong), ..deletion(ann.id) };
        let refused = world.app.accounts.delete(cmd).await;
        assert!(matches!(refused, Err(DeleteAccountError::WrongPassword)), "{wrong:?}: {refused:?}");
    }
    let acts = world.acts().await;
    assert!(acts.iter().all(|act| act.outcome == Outcome::Refused(Refusal::WrongPassword)), "{acts:?}");
    assert_eq!((acts.len(), world.events().await), (3, Vec::new()));
    world.calls(&pair);

    for _ in 3..ATTEMPTS.free {
        let cmd = DeleteAccount { current_password: password("wrong"), ..deletion(ann.id) };
        assert!(world.app.accounts.delete(cmd).await.is_err());
    }
    let waits = world.app.accounts.delete(deletion(ann.id)).await;
    assert!(matches!(waits, Err(DeleteAccountError::TooManyAttempts(_))), "guesses cost a wait: {waits:?}");
    world.clock.advance(MINUTE);
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    assert!(world.events().await.contains(&Event::UserDeleted { user_id: ann.id }));
    assert_eq!(world.caller(&pair), None);
}

#[tokio::test]
async fn the_last_administrator_does_not_leave_a104() {
    let world = World::new().await;
    let (root, ..) = employee(&world, "rita", "admin").await;
    let refused = world.app.accounts.delete(deletion(root.id)).await;
    assert!(matches!(refused, Err(DeleteAccountError::LastHolder)), "{refused:?}");
    let [act] = world.acts().await.try_into().expect("one entry");
    assert_eq!((act.action, act.outcome), (Action::DeleteAccount, Outcome::Refused(Refusal::LastHolder)));
    let next = world.register("nora").await;
    grant(&world, next.id, "admin").await;
    world.app.accounts.delete(deletion(root.id)).await.expect("there is another one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_administrators_who_leave_at_once_one_stays_a104() {
    for _ in 0..10 {
        let (world, _) = crate::faulty::faulty_world().await;
        let world = Arc::new(world);
        let mut tasks = Vec::new();
        for name in ["one", "two"] {
            employee(&world, name, "admin").await;
        }
        for name in ["one", "two"] {
            let (world, id) = (world.clone(), world.find(name).await.id);
            tasks.push(tokio::spawn(async move { world.app.accounts.delete(deletion(id)).await.is_ok() }));
        }
        let mut left = 0;
        for task in tasks {
            left += u32::from(!task.await.expect("a task"));
        }
        assert_eq!(left, 1, "one stays");
    }
}

#[tokio::test]
async fn logins_that_upgrade_the_hash_meanwhile_leave_no_session_a043() {
    for _ in 0..5 {
        let (world, _) = crate::faulty::faulty_world().await;
        let world = Arc::new(world);
        let (ann, _) = world.signed_in("ann").await;
        world.hasher.raise_cost();
        let logins: Vec<_> = (0..4)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.try_log_in("ann", PASSWORD).await.ok() })
            })
            .collect();
        world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
        for login in logins {
            let Some(pair) = login.await.expect("a task") else { continue };
            assert_eq!(world.session(pair.session.id).await, None);
            assert_eq!(world.caller(&pair), None);
        }
    }
}

#[tokio::test]
async fn the_trail_keeps_what_happened_and_forgets_from_where_a116() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let (ben, _) = world.signed_in("ben").await;
    let _ = world.try_log_in("ann", "wrong").await;
    world.app.administration.revoke_sessions(manage(&Caller::operator(), &ann), None).await.expect("the end");
    assert_eq!(world.app.audit.erase().await.expect("an erasure"), 0, "nobody is gone");
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    let before = about(&world, ann.id).await;
    assert!(before.len() >= 5 && before.iter().any(|entry| entry.ip == origin().ip), "{before:?}");

    let erased = world.app.audit.erase().await.expect("an erasure");
    let after = about(&world, ann.id).await;
    assert_eq!(u64::try_from(before.len()).expect("a count"), erased, "every entry had an address");
    for (old, new) in before.iter().zip(&after) {
        let expected = AuditEntry { ip: None, user_agent: None, ..old.clone() };
        assert_eq!(*new, expected, "the rest is as it was, ids too");
    }
    assert!(after.iter().any(|entry| entry.actor == Actor::User(ann.id)));
    let others = about(&world, ben.id).await;
    assert!(others.iter().all(|entry| entry.ip == origin().ip), "what others did is as it was");
    assert_eq!(world.app.audit.erase().await.expect("an erasure"), 0, "done once");
}

#[tokio::test]
async fn erasure_works_off_any_number_of_entries_and_accounts_a116() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    for _ in 0..2_500 {
        world.app.audit.record(Actor::User(ann.id), Action::Refresh, "one of many", &origin()).await.expect("an entry");
    }
    let mut gone = vec![ann.id];
    for number in 0..120 {
        gone.push(world.register(&format!("user{number}")).await.id);
    }
    for id in &gone {
        let cmd = portcullis_domain::administration::Manage { caller: Caller::operator(), user: *id, origin: origin() };
        world.app.administration.delete(cmd).await.expect("a deletion");
    }
    let erased = world.app.audit.erase().await.expect("an erasure");
    // Registration, login and deletion of the first, and the many; registration and deletion of the others.
    assert_eq!(erased, 3 + 2_500 + 2 * 120);
    for id in gone {
        assert!(about(&world, id).await.iter().all(|entry| entry.ip.is_none() && entry.user_agent.is_none()));
    }
    assert!(world.try_log_in("ann", PASSWORD).await.is_err());
}
