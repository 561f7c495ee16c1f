//! Who is given roles: nobody whose password somebody else knows, and no administrator behind an open door.

use std::sync::Arc;

use portcullis_domain::access::{GrantError, GrantRole, Purpose};
use portcullis_domain::administration::{CreateUser, SetUp, SetUpError};
use portcullis_domain::audit::Action;
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::store::Store;
use portcullis_domain::secret::{SecretDigest, SecretString};
use portcullis_domain::sessions::LogIn;

use crate::administration_scene::{define, grant, manage, program, role_name};
use crate::faulty::faulty_world;
use crate::world::{PASSWORD, World, email, login, origin, password, username};

const NEW: &str = "a rather different phrase";

fn opened_by(caller: Caller, name: &str, roles: &[&str]) -> CreateUser {
    CreateUser {
        caller,
        username: Some(username(name)),
        email: email(&format!("{name}@example.com")),
        email_verified: false,
        password: Some(password(PASSWORD)),
        roles: roles.iter().map(|role| role_name(role)).collect(),
        origin: origin(),
    }
}

async fn promote(world: &World, user: UserId, role: &str) -> Result<bool, GrantError> {
    let cmd = GrantRole { caller: Caller::operator(), user, role: role_name(role), origin: origin() };
    world.app.access.grant(cmd).await
}

async fn change_at_login(world: &World, name: &str) {
    let cmd = LogIn { new_password: Some(password(NEW)), ..login(name, PASSWORD) };
    world.app.sessions.log_in(cmd).await.expect("a session");
}

#[tokio::test]
async fn an_account_whose_password_somebody_else_chose_is_promoted_by_nobody_a016_a104() {
    let world = World::new().await;
    define(&world, "reader", &["users:read"]).await;
    let cmd = opened_by(program(&["users:write"]), "ann", &[]);
    let ann = world.app.administration.create_user(cmd).await.expect("an account").view.user;
    world.events().await;
    world.acts().await;
    for role in ["reader", "admin"] {
        let refused = promote(&world, ann.id, role).await;
        assert!(matches!(refused, Err(GrantError::PasswordPending)), "{role}: {refused:?}");
    }
    assert_eq!(world.find("ann").await, ann, "the account is as it was");
    assert_eq!((world.events().await, world.acts().await.len()), (Vec::new(), 0), "and nothing is announced");

    change_at_login(&world, "ann").await;
    assert!(promote(&world, ann.id, "admin").await.expect("a grant"), "now the password is the owner's");
}

#[tokio::test]
async fn an_account_that_has_to_change_its_password_keeps_its_roles_and_gets_none_a104() {
    let world = World::new().await;
    define(&world, "reader", &["users:read"]).await;
    let (ann, _) = world.signed_in("ann").await;
    grant(&world, ann.id, "reader").await;
    world.app.administration.expire_password(manage(&Caller::operator(), &ann)).await.expect("expired");
    assert!(!promote(&world, ann.id, "reader").await.expect("an answer"), "she has it");
    let refused = promote(&world, ann.id, "admin").await;
    assert!(matches!(refused, Err(GrantError::PasswordPending)), "{refused:?}");
    change_at_login(&world, "ann").await;
    assert!(promote(&world, ann.id, "admin").await.expect("a grant"));
}

#[tokio::test]
async fn whoever_has_a_role_opens_an_account_that_has_it_too_a104() {
    let world = World::new().await;
    define(&world, "reader", &["users:read"]).await;
    let cmd = opened_by(program(&["users:write", "users:read", "roles:grant", "roles:write"]), "ann", &["reader"]);
    let created = world.app.administration.create_user(cmd).await.expect("an account");
    assert!(created.view.user.must_change_password);
    assert_eq!(created.view.roles, [role_name("reader"), role_name("user")]);
}

async fn setup_link(world: &World) -> SecretString {
    world.app.administration.setup_link(&Caller::operator()).await.expect("a link").token
}

async fn is_stored(world: &World, token: &SecretString) -> bool {
    let digest = SecretDigest(world.ports.mac.tag("one-time token v1", token.expose().as_bytes()));
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.one_time_tokens().peek(&digest, Purpose::Setup, world.now()).await.expect("a look").is_some()
}

#[tokio::test]
async fn the_first_administrator_takes_the_setup_link_away_however_they_came_a009() {
    for created in [true, false] {
        let world = World::new().await;
        let token = setup_link(&world).await;
        let ben = world.register("ben").await;
        define(&world, "reader", &[]).await;
        grant(&world, ben.id, "reader").await;
        assert!(is_stored(&world, &token).await, "other roles leave it");
        if created {
            let cmd = opened_by(Caller::operator(), "rita", &["admin"]);
            world.app.administration.create_user(cmd).await.expect("an administrator");
        } else {
            grant(&world, ben.id, "admin").await;
        }
        assert!(!is_stored(&world, &token).await, "nothing is left that could be used");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_sets_up_a_service_that_gets_an_administrator_at_this_moment_a009_m5() {
    for round in 0..20 {
        let (world, _) = faulty_world().await;
        let world = Arc::new(world);
        let token = setup_link(&world).await;
        let ben = world.register("ben").await;
        world.acts().await;
        world.events().await;
        let setting_up = {
            let world = world.clone();
            let cmd = SetUp {
                token,
                username: Some(username("mallory")),
                email: email("mallory@example.com"),
                password: password(PASSWORD),
                origin: origin(),
            };
            tokio::spawn(async move { world.app.administration.set_up(cmd).await })
        };
        if round % 2 == 0 {
            let cmd = opened_by(Caller::operator(), "rita", &["admin"]);
            world.app.administration.create_user(cmd).await.expect("an administrator");
        } else {
            grant(&world, ben.id, "admin").await;
        }
        let roles = |event: &Event| match event {
            Event::UserRolesChanged { user_id, .. } => Some(*user_id),
            _ => None,
        };
        match setting_up.await.expect("a task") {
            Ok(first) => {
                let made: Vec<_> = world.events().await.iter().filter_map(roles).collect();
                assert_eq!(made.first(), Some(&first.user.id), "whoever sets up came before anybody else");
            }
            Err(SetUpError::Closed | SetUpError::Invalid) => {
                let acts = world.acts().await;
                assert!(acts.iter().all(|act| act.action != Action::SetUp), "{acts:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}
