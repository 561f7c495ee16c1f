//! A login that changes the password, because it has to or because somebody wants to.

use std::sync::Arc;

use portcullis_domain::accounts::{CredentialState, Password, User};
use portcullis_domain::administration::{Manage, SetPassword, SetPasswordError};
use portcullis_domain::audit::{Action, Actor, Outcome, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::security::{PasswordPolicy, PolicyError};
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{LogIn, LogInError, RevocationReason, SignedIn};

use crate::faulty::faulty_world;
use crate::world::{HOUR, PASSWORD, World, login, origin, password, policy};

const NEW: &str = "a rather different phrase";

/// Asks for a new password, as an administrator does.
async fn expire(world: &World, user: UserId) {
    let mut tx = world.store.begin().await.expect("a unit of work");
    let found = tx.users().by_id(user).await.expect("a look").expect("the account");
    let changed = User { must_change_password: true, ..found };
    tx.users().update(&changed).await.expect("an update");
    tx.credentials().set_state(user, CredentialState::of(&changed)).await.expect("a change");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
}

fn changing(name: &str, old: &str, new: &str) -> LogIn {
    LogIn { new_password: Some(password(new)), ..login(name, old) }
}

async fn change(world: &World, old: &str, new: &str) -> Result<SignedIn, LogInError> {
    world.app.sessions.log_in(changing("ann", old, new)).await
}

fn has_to(outcome: &Result<impl Sized, LogInError>) -> bool {
    matches!(outcome, Err(LogInError::PasswordChangeRequired))
}

#[tokio::test]
async fn an_expired_password_starts_no_session_and_is_no_failure() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    expire(&world, ann.id).await;
    for _ in 0..30 {
        assert!(has_to(&world.try_log_in("ann", PASSWORD).await), "as often as one likes");
    }
    assert_eq!(world.events().await, [], "nobody has failed to prove who they are");
    let acts = world.acts().await;
    assert_eq!(acts.len(), 30);
    let refused = Outcome::Refused(Refusal::PasswordExpired);
    assert_eq!((&acts[0].actor, acts[0].action, acts[0].outcome), (&Actor::User(ann.id), Action::LogIn, refused));
    assert_eq!(acts[0].subject, Some(ann.id));
}

#[tokio::test]
async fn only_the_right_password_learns_that_it_has_to_be_changed_a010() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    expire(&world, ann.id).await;
    for (name, old) in [("ann", "wrong"), ("nobody", PASSWORD), ("nobody", "wrong")] {
        for cmd in [login(name, old), changing(name, old, NEW), changing(name, old, "short")] {
            let (verified, hashed) = (world.hasher.verified(), world.hasher.hashed());
            let refused = world.app.sessions.log_in(cmd).await;
            assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "{name} {old}: {refused:?}");
            assert_eq!((world.hasher.verified(), world.hasher.hashed()), (verified + 1, hashed), "at the same cost");
        }
    }
    assert_eq!(world.events().await.len(), 9, "each is a failed login");
}

#[tokio::test]
async fn the_new_password_is_chosen_at_the_same_login_and_ends_all_other_sessions_a020() {
    let world = World::new().await;
    let (ann, other) = world.signed_in("ann").await;
    // Somebody whose session is left over, however it came to be.
    expire(&world, ann.id).await;
    world.clock.advance(HOUR);
    let done = change(&world, PASSWORD, NEW).await.expect("a session");
    assert!(!done.user.must_change_password);
    assert_eq!(world.app.accounts.profile(ann.id).await.expect("a look").as_ref(), Some(&done.user));
    assert!(world.caller(&other).is_none(), "the other session has ended");
    assert_eq!(world.calls(&done.pair).user, ann.id);
    let until = world.now().plus(policy().access_ttl).plus(std::time::Duration::from_secs(60));
    let events = world.events().await;
    let revoked = Event::SessionRevoked {
        user_id: ann.id,
        session_id: other.session.id,
        reason: RevocationReason::PasswordChanged,
        until,
    };
    assert_eq!(events[..2], [Event::UserPasswordChanged { user_id: ann.id }, revoked]);
    assert!(matches!(events[2..], [Event::SessionStarted { .. }]), "{events:?}");
    let acts: Vec<_> = world.acts().await.iter().map(|act| (act.action, act.session)).collect();
    let session = Some(done.pair.session.id);
    assert_eq!(acts, [(Action::ChangePassword, session), (Action::LogIn, session)]);

    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "the old one is over");
    world.try_log_in("ann", NEW).await.expect("the new one logs in, and nothing more is asked");
    let device = world.try_from_device("ann", NEW, Some(done.device_token.expose())).await;
    device.expect("the device is known by the new password");
}

#[tokio::test]
async fn a_link_to_choose_a_password_dies_with_the_password_a017() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let manage = Manage { caller: Caller::operator(), user: ann.id, origin: origin() };
    let link = world.app.administration.password_link(manage).await.expect("a link");
    change(&world, PASSWORD, NEW).await.expect("a session");
    let cmd = SetPassword { token: link.token, password: password("a third phrase entirely"), origin: origin() };
    let refused = world.app.administration.set_password(cmd).await;
    assert!(matches!(refused, Err(SetPasswordError::Invalid)), "{refused:?}");
    world.try_log_in("ann", NEW).await.expect("a session");
}

#[tokio::test]
async fn who_wants_to_changes_the_password_at_a_login_too() {
    let world = World::new().await;
    let (_, other) = world.signed_in("ann").await;
    change(&world, PASSWORD, NEW).await.expect("a session");
    assert!(world.caller(&other).is_none());
    assert!(world.try_log_in("ann", PASSWORD).await.is_err());
    world.try_log_in("ann", NEW).await.expect("a session");
}

#[tokio::test]
async fn a_hash_that_is_stale_is_replaced_once_not_twice_a008() {
    let world = World::new().await;
    world.signed_in("ann").await;
    world.hasher.raise_cost();
    let hashed = world.hasher.hashed();
    change(&world, PASSWORD, NEW).await.expect("a session");
    assert_eq!(world.hasher.hashed(), hashed + 1, "only the new password is hashed");
    assert!(world.acts().await.iter().all(|act| act.action != Action::UpgradePassword));
}

/// Finds words in passwords that it does not like.
struct Picky;

#[async_trait::async_trait]
impl PasswordPolicy for Picky {
    fn min_chars(&self) -> usize {
        8
    }

    async fn check(&self, password: &Password, context: &[&str]) -> Result<(), PolicyError> {
        let text = password.expose();
        if text.contains("overloaded") {
            return Err(PolicyError::Overloaded);
        }
        let weak = text.contains("password") || context.iter().any(|word| text.contains(word));
        if weak { Err(PolicyError::Weak("it is easy to guess".to_owned())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_new_password_is_screened_and_not_the_old_one_a006() {
    let world = World::with(policy(), |ports| ports.policy = Arc::new(Picky)).await;
    let (ann, other) = world.signed_in("ann").await;
    expire(&world, ann.id).await;
    let hashed = world.hasher.hashed();
    for weak in [PASSWORD, "password password", "ann@example.com!", "I am ann, really"] {
        let refused = change(&world, PASSWORD, weak).await;
        assert!(matches!(refused, Err(LogInError::WeakPassword(_))), "{weak}: {refused:?}");
    }
    let refused = change(&world, PASSWORD, "overloaded today").await;
    assert!(matches!(refused, Err(LogInError::Failure(portcullis_domain::Failure::Overloaded))), "{refused:?}");
    assert_eq!(world.hasher.hashed(), hashed, "what is refused is not hashed");
    assert!(has_to(&world.try_log_in("ann", PASSWORD).await), "nothing has changed");
    assert!(world.caller(&other).is_some());
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn after_the_wait_of_guesses_its_owner_is_asked_and_need_not_wait_again_a013() {
    let world = World::with(policy(), |ports| ports.policy = Arc::new(Picky)).await;
    let (ann, _) = world.signed_in("ann").await;
    expire(&world, ann.id).await;
    for _ in 0..25 {
        world.try_log_in("ann", "wrong").await.expect_err("a guess");
        world.clock.advance(HOUR);
    }
    let weak = change(&world, PASSWORD, "password password").await;
    assert!(matches!(weak, Err(LogInError::WeakPassword(_))), "{weak:?}");
    assert!(has_to(&world.try_log_in("ann", PASSWORD).await), "a weak one has not used up the attempt");
    change(&world, PASSWORD, NEW).await.expect("nor has being asked");
    world.try_log_in("ann", "wrong").await.expect_err("a guess");
    world.try_log_in("ann", NEW).await.expect("what was counted before is forgotten");
}

#[tokio::test]
async fn an_expiry_that_comes_while_the_password_is_compared_is_seen() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    // The account says nothing yet, the place where sessions start does.
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.credentials().set_state(ann.id, CredentialState::MustChange).await.expect("a change");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    let refused = world.try_log_in("ann", PASSWORD).await;
    assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "{refused:?}");
    expire(&world, ann.id).await;
    assert!(has_to(&world.try_log_in("ann", PASSWORD).await));
}

#[tokio::test]
async fn a_disabled_account_changes_no_password() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.credentials().set_state(ann.id, CredentialState::Suspended).await.expect("a change");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    let refused = change(&world, PASSWORD, NEW).await;
    assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "{refused:?}");
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.credentials().set_state(ann.id, CredentialState::Usable).await.expect("a change");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    world.try_log_in("ann", PASSWORD).await.expect("the old one still holds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_changes_at_a_login_one_wins() {
    let world = Arc::new(faulty_world().await.0);
    let (ann, _) = world.signed_in("ann").await;
    expire(&world, ann.id).await;
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let world = world.clone();
            let new = format!("a rather different phrase {number}");
            tokio::spawn(async move { change(&world, PASSWORD, &new).await.map(|_| new) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        match task.await.expect("a task") {
            Ok(new) => won.push(new),
            Err(LogInError::InvalidCredentials | LogInError::TooManyAttempts(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    world.clock.advance(24 * HOUR);
    world.try_log_in("ann", &won[0]).await.expect("the password of the one that won");
}

#[tokio::test]
async fn what_was_not_committed_has_not_changed_the_password() {
    let (world, fault) = faulty_world().await;
    let (ann, other) = world.signed_in("ann").await;
    expire(&world, ann.id).await;
    fault.set(true);
    assert!(matches!(change(&world, PASSWORD, NEW).await, Err(LogInError::Failure(_))));
    fault.set(false);
    assert!(world.caller(&other).is_some());
    assert!(has_to(&world.try_log_in("ann", PASSWORD).await));
    assert_eq!(world.events().await, []);
}
