//! Reading and changing one's own account.

use portcullis_domain::accounts::{UpdateProfile, UpdateProfileError, User};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::store::Store;

use crate::world::{MINUTE, PASSWORD, World, email, origin, password, username};

fn nothing(user: &User) -> UpdateProfile {
    let session = SessionId::from_uuid(*user.id.as_uuid());
    UpdateProfile { user: user.id, session, username: None, email: None, current_password: None, origin: origin() }
}

fn updated(user: &User, fields: &[&str]) -> Event {
    Event::UserUpdated { user_id: user.id, changed: fields.iter().map(|field| (*field).to_owned()).collect() }
}

#[tokio::test]
async fn a_new_username_is_announced_and_logs_in() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    world.clock.advance(MINUTE);
    let cmd = UpdateProfile { username: Some(Some(username("Annabel"))), ..nothing(&ann) };
    let changed = world.app.accounts.update_profile(cmd).await.expect("a new username");
    assert_eq!((changed.version, changed.updated_at, changed.created_at), (2, world.now(), ann.created_at));
    assert_eq!(
        world.app.accounts.profile(ann.id).await.expect("a look"),
        Some(changed),
        "the answer is what is stored"
    );
    assert_eq!(world.events().await, [updated(&ann, &["username"])]);
    world.log_in("annabel").await;
    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "the old username is over");

    let cmd = UpdateProfile { username: Some(None), ..nothing(&ann) };
    let changed = world.app.accounts.update_profile(cmd).await.expect("no username");
    assert_eq!((changed.username, changed.version), (None, 3));
    world.log_in("ann@example.com").await;
}

#[tokio::test]
async fn another_spelling_of_ones_own_name_is_a_change() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let cmd = UpdateProfile { username: Some(Some(username("ANN"))), ..nothing(&ann) };
    let changed = world.app.accounts.update_profile(cmd).await.expect("one's own name is free for oneself");
    assert_eq!(changed.username.as_ref().map(|name| name.as_str()), Some("ANN"));
}

#[tokio::test]
async fn changing_nothing_announces_nothing() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let same = UpdateProfile { username: Some(ann.username.clone()), email: Some(ann.email.clone()), ..nothing(&ann) };
    for cmd in [nothing(&ann), same] {
        assert_eq!(world.app.accounts.update_profile(cmd).await.expect("the account"), ann);
    }
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn a_new_address_needs_the_password_and_is_not_verified_a022() {
    let world = World::new().await;
    let (mut ann, _) = world.signed_in("ann").await;
    ann.email_verified = true;
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.users().update(&ann).await.expect("an update");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");

    let moving = UpdateProfile { email: Some(email("new@example.com")), ..nothing(&ann) };
    let refused = world.app.accounts.update_profile(moving.clone()).await;
    assert!(matches!(refused, Err(UpdateProfileError::PasswordNeeded)), "{refused:?}");
    let wrong = UpdateProfile { current_password: Some(password("wrong")), ..moving.clone() };
    let refused = world.app.accounts.update_profile(wrong).await;
    assert!(matches!(refused, Err(UpdateProfileError::WrongPassword)), "{refused:?}");
    assert_eq!(world.events().await, [], "a refused change announces nothing");

    let right = UpdateProfile { current_password: Some(password(PASSWORD)), ..moving };
    let changed = world.app.accounts.update_profile(right).await.expect("a new address");
    assert_eq!((changed.email.as_str(), changed.email_verified), ("new@example.com", false));
    assert_eq!(world.events().await, [updated(&ann, &["email"])]);
    world.log_in("new@example.com").await;
    assert!(world.try_log_in("ann@example.com", PASSWORD).await.is_err(), "the old address is over");
}

#[tokio::test]
async fn both_names_change_at_once_or_not_at_all() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    world.register("ben").await;
    world.events().await;
    let cmd = |name: &str, address: &str| UpdateProfile {
        username: Some(Some(username(name))),
        email: Some(email(address)),
        current_password: Some(password(PASSWORD)),
        ..nothing(&ann)
    };
    let refused = world.app.accounts.update_profile(cmd("annabel", "BEN@example.com")).await;
    assert!(matches!(refused, Err(UpdateProfileError::EmailTaken)), "{refused:?}");
    let refused = world.app.accounts.update_profile(cmd("Ben", "new@example.com")).await;
    assert!(matches!(refused, Err(UpdateProfileError::UsernameTaken)), "{refused:?}");
    assert_eq!(world.app.accounts.profile(ann.id).await.expect("a look"), Some(ann.clone()), "nothing has changed");
    assert_eq!(world.events().await, []);
    world.app.accounts.update_profile(cmd("annabel", "new@example.com")).await.expect("both change");
    assert_eq!(world.events().await, [updated(&ann, &["username", "email"])]);
}

#[tokio::test]
async fn a_stranger_has_no_profile() {
    let world = World::new().await;
    let mut ghost = world.register("ann").await;
    ghost.id = UserId::new(world.now(), &*world.ports.random);
    assert_eq!(world.app.accounts.profile(ghost.id).await.expect("a look"), None);
    let refused = world.app.accounts.update_profile(nothing(&ghost)).await;
    assert!(matches!(refused, Err(UpdateProfileError::NotFound)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_updates_never_mix() {
    let world = std::sync::Arc::new(World::new().await);
    let (ann, _) = world.signed_in("ann").await;
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let world = world.clone();
            let cmd = UpdateProfile { username: Some(Some(username(&format!("ann{number}")))), ..nothing(&ann) };
            tokio::spawn(async move { world.app.accounts.update_profile(cmd).await })
        })
        .collect();
    let mut changes = 0;
    for task in tasks {
        match task.await.expect("a task") {
            Ok(_) => changes += 1,
            Err(UpdateProfileError::Conflict) => {}
            Err(error) => panic!("who loses gets a conflict, not {error:?}"),
        }
    }
    assert!(changes >= 1, "somebody wins");
    assert_eq!(world.events().await.len(), changes, "each change is announced once");
    let version = world.app.accounts.profile(ann.id).await.expect("a look").map(|user| user.version);
    assert_eq!(version, Some(1 + u32::try_from(changes).expect("few")), "each change counts once");
}
