//! Opening and closing accounts.

use std::sync::Arc;

use portcullis_domain::Failure;
use portcullis_domain::accounts::{DeleteAccountError, Password, PasswordHash, Register, RegisterError, UserStatus};
use portcullis_domain::event::Event;
use portcullis_domain::ports::delivery::Outbox;
use portcullis_domain::ports::security::{HashError, Match, PasswordHasher};
use portcullis_domain::sessions::RevocationReason;

use crate::world::{MINUTE, PASSWORD, TRACE, World, deletion, email, password, policy, registration, username};

#[tokio::test]
async fn a_registration_opens_an_account_and_announces_it() {
    let world = World::new().await;
    let cmd = Register { email: email("Ann@Example.com"), username: Some(username("Ann.B")), ..registration("ann") };
    let user = world.app.accounts.register(cmd).await.expect("a new account");

    assert_eq!((user.email.as_str(), user.username.as_ref().map(|n| n.as_str())), ("Ann@example.com", Some("Ann.B")));
    assert_eq!((user.status, user.email_verified, user.version), (UserStatus::Active, false, 1));
    assert_eq!((user.created_at, user.updated_at), (world.now(), world.now()));
    assert_eq!(world.app.accounts.profile(user.id).await.expect("a profile"), Some(user.clone()));

    let expected = Event::UserRegistered {
        user_id: user.id,
        username: Some("Ann.B".to_owned()),
        email: "Ann@example.com".to_owned(),
    };
    assert_eq!(world.events().await, [expected]);
    let published = world.publisher.published();
    assert_eq!(published[0].delivery.traceparent.as_deref(), Some(TRACE), "an event carries the trace of its cause");
    assert_eq!(published[0].delivery.occurred_at, world.now(), "an event happens when its cause is committed");
    assert!(!published[0].body.contains(PASSWORD), "an event never carries a secret");
}

#[tokio::test]
async fn a_registration_needs_no_username() {
    let world = World::new().await;
    for name in ["ann", "ben"] {
        let user = world.app.accounts.register(Register { username: None, ..registration(name) }).await;
        assert_eq!(user.expect("a new account").username, None);
    }
}

#[tokio::test]
async fn an_address_has_one_account_however_it_is_spelled_a014() {
    let world = World::new().await;
    world.register("ann").await;
    world.events().await;
    for spelling in [
        "ann@example.com",
        "ANN@EXAMPLE.COM",
        " ann@example.com\u{3000}",
        "\u{FF41}\u{FF4E}\u{FF4E}@example.com",
        "ann\u{FF20}example.com",
        "ann@\u{FF25}xample.com",
    ] {
        let cmd = Register { username: None, email: email(spelling), ..registration("ben") };
        let refused = world.app.accounts.register(cmd).await;
        assert!(matches!(refused, Err(RegisterError::EmailTaken)), "{spelling:?}: {refused:?}");
        world.try_log_in(spelling, PASSWORD).await.expect("every spelling logs in to the one account");
    }
    assert_eq!(started(&world.events().await), 6, "a refused registration announces nothing");
}

fn started(events: &[Event]) -> usize {
    assert!(events.iter().all(|event| matches!(event, Event::SessionStarted { .. })), "{events:?}");
    events.len()
}

#[tokio::test]
async fn a_username_has_one_account_however_it_is_spelled_a014() {
    let world = World::new().await;
    world.register("ann").await;
    for spelling in ["ann", "ANN", " Ann ", "\u{FF21}\u{FF2E}\u{FF2E}"] {
        let cmd = Register { username: Some(username(spelling)), ..registration("ben") };
        let refused = world.app.accounts.register(cmd).await;
        assert!(matches!(refused, Err(RegisterError::UsernameTaken)), "{spelling:?}: {refused:?}");
        world.try_log_in(spelling, PASSWORD).await.expect("every spelling logs in to the one account");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_registrations_of_an_address_one_succeeds() {
    let world = Arc::new(World::new().await);
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.app.accounts.register(registration("ann")).await })
        })
        .collect();
    let mut opened = 0;
    for task in tasks {
        match task.await.expect("a task") {
            Ok(_) => opened += 1,
            Err(RegisterError::EmailTaken | RegisterError::UsernameTaken) => {}
            Err(error) => panic!("the others learn that the name is taken, not {error:?}"),
        }
    }
    assert_eq!(opened, 1, "one account is opened");
    assert_eq!(world.events().await.len(), 1, "and announced once");
}

#[tokio::test]
async fn a_weak_password_is_refused_before_it_is_hashed_a006() {
    let world = World::new().await;
    for weak in ["password", "12345678", "ann@example.com", "ann"] {
        let cmd = Register { password: password(weak), ..registration("ann") };
        let refused = world.app.accounts.register(cmd).await;
        let Err(RegisterError::WeakPassword(why)) = refused else { panic!("{weak:?} is refused, not {refused:?}") };
        assert!(why.len() > 10, "the refusal says why: {why:?}");
    }
    assert_eq!(world.hasher.hashed(), 0, "a refused password costs no hash");
    assert_eq!(world.events().await, [], "a refused registration announces nothing");
    world.register("ann").await;
}

struct Busy;

#[async_trait::async_trait]
impl PasswordHasher for Busy {
    async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Err(HashError::Overloaded)
    }

    async fn verify(&self, _: &Password, _: Option<&PasswordHash>) -> Result<Match, HashError> {
        Err(HashError::Overloaded)
    }
}

#[tokio::test]
async fn an_overloaded_hasher_is_said_and_changes_nothing() {
    let world = World::with(policy(), |ports| ports.hasher = Arc::new(Busy)).await;
    let refused = world.app.accounts.register(registration("ann")).await;
    assert!(matches!(refused, Err(RegisterError::Failure(Failure::Overloaded))), "{refused:?}");
    let refused = world.try_log_in("ann", PASSWORD).await.expect_err("no session without a check");
    let overloaded = matches!(refused, portcullis_domain::sessions::LogInError::Failure(Failure::Overloaded));
    assert!(overloaded, "overload is not a wrong password: {refused:?}");
    assert_eq!(world.events().await, [], "overload announces nothing");
}

#[tokio::test]
async fn a_deleted_account_is_gone_with_its_sessions_and_announced() {
    let world = World::new().await;
    let (user, web) = world.signed_in("ann").await;
    let phone = world.log_in("ann").await;
    world.events().await;
    world.clock.advance(MINUTE);

    world.app.accounts.delete(deletion(user.id)).await.expect("a deletion");
    assert_eq!(world.app.accounts.profile(user.id).await.expect("a look"), None);
    for pair in [&web, &phone] {
        assert_eq!(world.caller(pair), None, "the access token of a deleted account is refused at once");
        assert!(world.refresh(pair).await.is_err(), "the refresh token of a deleted account is refused");
        assert_eq!(world.session(pair.session.id).await, None);
    }
    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "nobody logs in to a deleted account");

    let events = world.events().await;
    let mut revoked: Vec<_> = events[..2]
        .iter()
        .map(|event| match event {
            Event::SessionRevoked { session_id, reason: RevocationReason::AccountDeleted, .. } => *session_id,
            other => panic!("first the sessions end, not {other:?}"),
        })
        .collect();
    revoked.sort();
    let mut expected = [web.session.id, phone.session.id];
    expected.sort();
    assert_eq!(revoked, expected);
    assert_eq!(events[2], Event::UserDeleted { user_id: user.id }, "then the account");
    assert!(matches!(events[3], Event::LoginFailed { user_id: None, .. }), "then the login of nobody");
    assert_eq!(world.publisher.published()[3].delivery.subject, format!("users/{}", user.id));

    let again = world.app.accounts.delete(deletion(user.id)).await;
    assert!(matches!(again, Err(DeleteAccountError::NotFound)), "a second deletion finds nobody: {again:?}");
    assert_eq!(world.events().await, [], "and announces nothing");
    assert_eq!(world.store.backlog().await.expect("the backlog").waiting, 0);
    let next = world.register("ann").await;
    assert_ne!(next.id, user.id, "the name is free for somebody else");
}
