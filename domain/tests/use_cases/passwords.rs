//! Changing one's password.

use std::sync::Arc;

use portcullis_domain::accounts::{ChangePassword, ChangePasswordError};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{RefreshError, RevocationReason, TokenPair};

use crate::world::{ATTEMPTS, MINUTE, PASSWORD, World, origin, password};

const NEW: &str = "a rather different phrase";

fn change(pair: &TokenPair, current: &str, new: &str) -> ChangePassword {
    ChangePassword {
        user: pair.session.user,
        session: pair.session.id,
        current: password(current),
        new: password(new),
        origin: origin(),
    }
}

#[tokio::test]
async fn a_change_ends_the_other_sessions_and_keeps_the_one_that_asks_a020() {
    let world = World::new().await;
    let (user, mine) = world.signed_in("ann").await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(world.log_in("ann").await);
    }
    let (_, stranger) = world.signed_in("ben").await;
    world.events().await;
    world.clock.advance(MINUTE);

    world.app.accounts.change_password(change(&mine, PASSWORD, NEW)).await.expect("a new password");
    for pair in &others {
        assert_eq!(world.caller(pair), None, "the access tokens of the other sessions are refused at once");
        let refused = world.refresh(pair).await.expect_err("the refresh tokens of the other sessions are refused");
        assert!(matches!(refused, RefreshError::Invalid), "{refused:?}");
        let revoked = world.session(pair.session.id).await.and_then(|session| session.revoked).expect("it is revoked");
        assert_eq!((revoked.at, revoked.reason), (world.now(), RevocationReason::PasswordChanged));
    }
    world.calls(&mine);
    world.refreshed(&mine).await;
    world.calls(&stranger);
    world.refreshed(&stranger).await;

    let events = world.events().await;
    assert_eq!(events[0], Event::UserPasswordChanged { user_id: user.id });
    let mut ended: Vec<_> = events[1..]
        .iter()
        .map(|event| match event {
            Event::SessionRevoked { user_id, session_id, reason: RevocationReason::PasswordChanged, until } => {
                assert_eq!(*user_id, user.id);
                assert!(*until >= world.now().plus(15 * MINUTE), "until the last access token has expired");
                *session_id
            }
            other => panic!("each ended session is announced, and nothing else: {other:?}"),
        })
        .collect();
    ended.sort();
    let mut expected: Vec<_> = others.iter().map(|pair| pair.session.id).collect();
    expected.sort();
    assert_eq!(ended, expected, "each ended session is announced once, the one that asks is not");
}

#[tokio::test]
async fn after_a_change_only_the_new_password_logs_in() {
    let world = World::new().await;
    let (_, mine) = world.signed_in("ann").await;
    world.app.accounts.change_password(change(&mine, PASSWORD, NEW)).await.expect("a new password");
    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "the old password is over");
    world.try_log_in("ann", NEW).await.expect("the new one logs in");
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing_and_announces_nothing_a007_b36() {
    let world = World::new().await;
    let (_, mine) = world.signed_in("ann").await;
    let other = world.log_in("ann").await;
    world.events().await;
    for wrong in ["", "wrong", NEW, "Correct horse battery", "correct horse battery "] {
        let refused = world.app.accounts.change_password(change(&mine, wrong, NEW)).await;
        assert!(matches!(refused, Err(ChangePasswordError::WrongPassword)), "{wrong:?}: {refused:?}");
    }
    assert_eq!(world.events().await, [], "a refused change announces nothing");
    world.calls(&other);
    world.refreshed(&other).await;
    world.log_in("ann").await;
    assert!(world.try_log_in("ann", NEW).await.is_err(), "the password is the one it was");
}

#[tokio::test]
async fn a_weak_new_password_is_refused_a006() {
    let world = World::new().await;
    let (_, mine) = world.signed_in("ann").await;
    for weak in ["password", "ann@example.com", "ANN@example.com1"] {
        let refused = world.app.accounts.change_password(change(&mine, PASSWORD, weak)).await;
        assert!(matches!(refused, Err(ChangePasswordError::WeakPassword(_))), "{weak:?}: {refused:?}");
    }
    // Whoever does not know the current one learns nothing about the policy either.
    let refused = world.app.accounts.change_password(change(&mine, "wrong", "password")).await;
    assert!(matches!(refused, Err(ChangePasswordError::WrongPassword)), "{refused:?}");
    world.log_in("ann").await;
}

#[tokio::test]
async fn nobody_has_no_password_to_change() {
    let world = World::new().await;
    let (_, mine) = world.signed_in("ann").await;
    let cmd = ChangePassword { user: UserId::new(world.now(), &*world.ports.random), ..change(&mine, PASSWORD, NEW) };
    let refused = world.app.accounts.change_password(cmd).await;
    assert!(matches!(refused, Err(ChangePasswordError::NotFound)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_changes_one_succeeds() {
    let world = Arc::new(World::new().await);
    let (_, mine) = world.signed_in("ann").await;
    // As many as leave the last loser below the number of failures that costs a wait.
    let tasks: Vec<_> = (0..=ATTEMPTS.free)
        .map(|number| {
            let (world, new) = (world.clone(), format!("{NEW} number {number}"));
            let cmd = change(&mine, PASSWORD, &new);
            tokio::spawn(async move { (world.app.accounts.change_password(cmd).await, new) })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.expect("a task") {
            (Ok(()), new) => winners.push(new),
            (Err(ChangePasswordError::WrongPassword), _) => {}
            (Err(error), _) => panic!("the others learn that their current password is over, not {error:?}"),
        }
    }
    let [winner] = winners.as_slice() else { panic!("one change succeeds, not {}", winners.len()) };
    world.try_log_in("ann", winner).await.expect("the password is the winner's");
    let changed = |event: &&Event| matches!(event, Event::UserPasswordChanged { .. });
    assert_eq!(world.events().await.iter().filter(changed).count(), 1, "and announced once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_session_of_the_old_password_outlives_the_change_a020() {
    for _ in 0..10 {
        let world = Arc::new(World::new().await);
        let (_, mine) = world.signed_in("ann").await;
        let logins: Vec<_> = (0..24)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { world.try_log_in("ann", PASSWORD).await.ok() })
            })
            .collect();
        world.app.accounts.change_password(change(&mine, PASSWORD, NEW)).await.expect("a new password");
        for login in logins {
            let Some(pair) = login.await.expect("a task") else { continue };
            assert!(revoked(&world, pair.session.id).await, "a login that raced the change left a live session");
        }
    }
}

async fn revoked(world: &World, id: SessionId) -> bool {
    let stored = world.session(id).await.is_some_and(|session| session.revoked.is_some());
    assert_eq!(stored, world.revocations.is_revoked(id.into()), "store and list say the same");
    stored
}

#[tokio::test]
async fn a_change_that_meets_an_upgrade_of_the_hash_looks_again_a008() {
    let world = Arc::new(World::new().await);
    let (user, pair) = world.signed_in("ann").await;
    let mut tx = world.store.begin().await.expect("a unit of work");
    let stored = tx.credentials().of(user.id).await.expect("a look").expect("a password");
    assert!(tx.credentials().confirm(user.id, &stored).await.expect("an answer"), "this unit holds the change back");
    let changed = tokio::spawn({
        let (world, pair) = (world.clone(), pair.clone());
        async move { world.app.accounts.change_password(change(&pair, PASSWORD, NEW)).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let upgraded = world.ports.hasher.hash(&password(PASSWORD)).await.expect("another hash of the same password");
    assert_ne!(upgraded, stored);
    assert!(tx.credentials().replace(user.id, &stored, &upgraded).await.expect("an answer"));
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    changed.await.expect("a task").expect("the right password changes it, whoever upgrades its hash meanwhile");
    world.try_log_in("ann", NEW).await.expect("the new password logs in");
    world.try_log_in("ann", PASSWORD).await.expect_err("the old one does not");
    world.events().await;
}
