//! Accounts from elsewhere, passwords included.

use std::sync::Arc;

use portcullis_domain::accounts::{Import, Imported, NotImported, User, UserStatus};
use portcullis_domain::event::Event;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::security::{HashRefused, PasswordHasher};
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::LogInError;
use portcullis_domain::{Failure, Timestamp};
use portcullis_memory::{PlainHasher, SeededRandomness};

use crate::faulty::faulty_world;
use crate::world::{DAY, PASSWORD, World, email, password, username};

fn import(name: &str) -> Import {
    Import {
        id: None,
        username: Some(username(name)),
        email: email(&format!("{name}@example.com")),
        email_verified: true,
        status: UserStatus::Active,
        password_hash: None,
        created_at: None,
    }
}

/// The hash that another system has of the password.
async fn foreign() -> String {
    let elsewhere = PlainHasher::new(Arc::new(SeededRandomness::new(7)));
    elsewhere.hash(&password(PASSWORD)).await.expect("a hash").as_str().to_owned()
}

async fn stored(world: &World, user: UserId) -> String {
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.credentials().of(user).await.expect("a look").expect("a password").as_str().to_owned()
}

async fn everybody(world: &World) -> Vec<User> {
    let page = world.app.accounts.export(None, 1_000).await.expect("a page");
    page.into_iter().map(|(user, _)| user).collect()
}

#[tokio::test]
async fn an_account_is_added_as_it_was_and_announced() {
    let world = World::new().await;
    let id = UserId::new(Timestamp::from_unix_seconds(1_500_000_000), &*world.ports.random);
    let created_at = Some(world.now().minus(2_000 * DAY));
    let cmd = Import { id: Some(id), password_hash: Some(foreign().await), created_at, ..import("ann") };
    assert_eq!(world.app.accounts.import(cmd.clone(), false).await.expect("an import"), Imported::Added);
    let user = world.app.accounts.profile(id).await.expect("a look").expect("the account");
    assert_eq!((user.email.as_str(), user.username), ("ann@example.com", cmd.username));
    assert_eq!((user.email_verified, user.status, user.version), (true, UserStatus::Active, 1));
    assert_eq!((Some(user.created_at), user.updated_at), (created_at, world.now()));
    assert_eq!(Some(stored(&world, id).await), cmd.password_hash, "the hash as it was");
    let (username, email) = (Some("ann".to_owned()), "ann@example.com".to_owned());
    assert_eq!(world.events().await, [Event::UserRegistered { user_id: id, username, email }]);
}

#[tokio::test]
async fn an_import_that_says_less_gets_an_id_and_an_instant() {
    let world = World::new().await;
    let cmd = Import { username: None, email_verified: false, ..import("ann") };
    assert_eq!(world.app.accounts.import(cmd, false).await.expect("an import"), Imported::Added);
    let [user] = everybody(&world).await.try_into().expect("one account");
    assert_eq!((user.username, user.email_verified, user.created_at), (None, false, world.now()));
    let refused = world.try_log_in("ann@example.com", "").await;
    assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "without a password nobody logs in: {refused:?}");
}

#[tokio::test]
async fn doing_it_again_changes_nothing() {
    let world = World::new().await;
    let cmd = Import { password_hash: Some(foreign().await), ..import("ann") };
    world.app.accounts.import(cmd.clone(), false).await.expect("an import");
    let [user] = everybody(&world).await.try_into().expect("one account");
    world.events().await;
    world.hasher.raise_cost();
    world.log_in("ann").await;
    world.events().await;
    let hash = stored(&world, user.id).await;
    for again in
        [cmd.clone(), Import { id: Some(user.id), ..cmd.clone() }, Import { email: email("ANN@example.com"), ..cmd }]
    {
        for dry_run in [true, false] {
            assert_eq!(world.app.accounts.import(again.clone(), dry_run).await.expect("here"), Imported::Present);
        }
    }
    assert_eq!(stored(&world, user.id).await, hash, "the password that was upgraded meanwhile stays");
    assert_eq!(everybody(&world).await, [user]);
    assert_eq!(world.events().await, [], "nothing is announced again");
}

#[tokio::test]
async fn each_reason_not_to_import_is_told_and_changes_nothing() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    world.events().await;
    let other = UserId::new(world.now(), &*world.ports.random);
    let hash = |text: &str| Import { password_hash: Some(text.to_owned()), ..import("ben") };
    for dry_run in [true, false] {
        let no = async |cmd: Import| world.app.accounts.import(cmd, dry_run).await.expect_err("refused");
        let error = no(Import { username: None, ..import("ann") }).await;
        assert!(matches!(error, NotImported::EmailTaken), "the same address, another name: {error:?}");
        let error = no(Import { id: Some(other), ..import("ann") }).await;
        assert!(matches!(error, NotImported::EmailTaken), "the same address, another id: {error:?}");
        let error = no(Import { username: ann.username.clone(), ..import("ben") }).await;
        assert!(matches!(error, NotImported::UsernameTaken), "{error:?}");
        let error = no(Import { username: Some(username("ANN")), ..import("ben") }).await;
        assert!(matches!(error, NotImported::UsernameTaken), "in any spelling: {error:?}");
        let error = no(Import { id: Some(ann.id), ..import("ben") }).await;
        assert!(matches!(error, NotImported::IdTaken), "{error:?}");
        for (text, what) in [
            ("$plain$5000$x$x", "too costly: generation 5000 is above the limit of 1000"),
            ("$plain$x", "malformed plain hash: no generation"),
            ("$rot13$canary", "unknown hash scheme rot13"),
            ("canary password", "unknown hash scheme"),
        ] {
            let error = no(hash(text)).await;
            assert!(matches!(
                error,
                NotImported::Hash(HashRefused::Unknown(_) | HashRefused::Malformed { .. } | HashRefused::TooCostly(_))
            ));
            assert_eq!(error.to_string(), format!("password_hash: {what}"));
            assert!(!format!("{error:?}").contains("canary"), "the hash is never repeated: {error:?}");
        }
    }
    assert_eq!(everybody(&world).await, [ann]);
    assert_eq!(world.events().await, [], "a refused import announces nothing");
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let world = World::new().await;
    world.acts().await;
    let cmd = Import { password_hash: Some(foreign().await), ..import("ann") };
    for _ in 0..2 {
        assert_eq!(world.app.accounts.import(cmd.clone(), true).await.expect("an answer"), Imported::Added);
    }
    assert_eq!(everybody(&world).await, []);
    assert_eq!((world.events().await, world.acts().await), (Vec::new(), Vec::new()));
    assert!(world.try_log_in("ann", PASSWORD).await.is_err());
}

#[tokio::test]
async fn the_first_login_upgrades_an_imported_hash_and_announces_once() {
    let world = World::new().await;
    world.hasher.raise_cost();
    let cmd = Import { password_hash: Some(foreign().await), ..import("ann") };
    world.app.accounts.import(cmd.clone(), false).await.expect("an import");
    let [user] = everybody(&world).await.try_into().expect("one account");
    assert!(world.try_log_in("ann", "wrong").await.is_err());
    assert_eq!(Some(stored(&world, user.id).await), cmd.password_hash, "a wrong password upgrades nothing");
    world.events().await;

    let hashed = world.hasher.hashed();
    let pair = world.log_in("ann").await;
    world.calls(&pair);
    let upgraded = stored(&world, user.id).await;
    assert!(upgraded.starts_with("$plain$2$"), "in the current form: {upgraded}");
    let events = world.events().await;
    assert!(matches!(events.as_slice(), [Event::SessionStarted { .. }]), "only the login is announced: {events:?}");
    world.log_in("ann@example.com").await;
    assert_eq!(stored(&world, user.id).await, upgraded, "the second login upgrades nothing");
    assert_eq!(world.hasher.hashed(), hashed + 1);
}

#[tokio::test]
async fn a_disabled_account_is_imported_and_cannot_log_in_a010() {
    let world = World::new().await;
    let cmd = Import { status: UserStatus::Disabled, password_hash: Some(foreign().await), ..import("ann") };
    assert_eq!(world.app.accounts.import(cmd, false).await.expect("an import"), Imported::Added);
    let refused = world.try_log_in("ann", PASSWORD).await;
    assert!(matches!(refused, Err(LogInError::InvalidCredentials)), "{refused:?}");
    world.events().await;
}

#[tokio::test]
async fn racing_imports_of_one_account_add_one() {
    let world = Arc::new(faulty_world().await.0);
    let cmd = Import { password_hash: Some(foreign().await), ..import("ann") };
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let (world, cmd) = (world.clone(), cmd.clone());
            tokio::spawn(async move { world.app.accounts.import(cmd, false).await.expect("it is here afterwards") })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += usize::from(task.await.expect("a task") == Imported::Added);
    }
    assert_eq!((added, everybody(&world).await.len()), (1, 1), "the others find it present");
    assert_eq!(world.events().await.len(), 1, "it is announced once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_imports_of_different_people_with_one_address_one_is_added() {
    let world = Arc::new(faulty_world().await.0);
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let world = world.clone();
            let cmd = Import { username: Some(username(&format!("ann{number}"))), ..import("ann") };
            tokio::spawn(async move { world.app.accounts.import(cmd, false).await })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        match task.await.expect("a task") {
            Ok(Imported::Added) => added += 1,
            Err(NotImported::EmailTaken) => {}
            other => panic!("the others learn that the address is taken, not {other:?}"),
        }
    }
    assert_eq!((added, everybody(&world).await.len()), (1, 1));
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn an_import_that_cannot_be_committed_leaves_nothing() {
    let (world, fault) = faulty_world().await;
    fault.set(true);
    let broken = world.app.accounts.import(import("ann"), false).await;
    assert!(matches!(broken, Err(NotImported::Failure(Failure::Unavailable(_)))), "{broken:?}");
    assert_eq!(everybody(&world).await, []);
    fault.set(false);
    assert_eq!(world.app.accounts.import(import("ann"), false).await.expect("an import"), Imported::Added);
    assert_eq!(world.events().await.len(), 1);
}

#[tokio::test]
async fn what_was_imported_is_exported_again_page_by_page() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let hash = (number % 2 == 0).then_some(format!("$plain$1${number}$x"));
        let cmd = Import { password_hash: hash.clone(), ..import(&format!("user{number}")) };
        world.app.accounts.import(cmd, false).await.expect("an import");
        expected.push((format!("user{number}@example.com"), hash));
        world.clock.advance(DAY);
    }
    let (mut after, mut seen) = (None, Vec::new());
    for size in [3, 3, 1, 0] {
        let page = world.app.accounts.export(after, 3).await.expect("a page");
        assert_eq!(page.len(), size);
        after = page.last().map(|(user, _)| user.id).or(after);
        let texts = page.iter().map(|(user, hash)| {
            let hash = hash.as_ref().map(|hash| hash.as_str().to_owned());
            (user.email.as_str().to_owned(), hash)
        });
        seen.extend(texts);
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn b20_an_account_that_somebody_registered_here_does_not_pass_for_the_imported_one() {
    let world = World::new().await;
    let squatter = world.register("ann").await;
    let cmd = Import { password_hash: Some(foreign().await), ..import("ann") };
    for dry_run in [true, false] {
        let refused = world.app.accounts.import(cmd.clone(), dry_run).await;
        assert!(matches!(refused, Err(NotImported::EmailTaken)), "the row is told, not counted as done: {refused:?}");
    }
    assert_eq!(everybody(&world).await, [squatter]);

    // One that was brought in stays the same account, whatever password its owner chose since.
    let ben = Import { password_hash: Some(foreign().await), ..import("ben") };
    assert_eq!(world.app.accounts.import(ben.clone(), false).await.expect("an import"), Imported::Added);
    world.log_in("ben").await;
    world.hasher.raise_cost();
    world.log_in("ben").await;
    assert_eq!(world.app.accounts.import(ben, false).await.expect("again"), Imported::Present);
}
