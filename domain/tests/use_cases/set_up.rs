//! The first administrator.

use std::sync::Arc;

use portcullis_domain::access::RoleName;
use portcullis_domain::administration::{SetUp, SetUpError};
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::secret::SecretString;

use crate::administration_scene::{employee, grant, manage};
use crate::faulty::faulty_world;
use crate::world::{DAY, PASSWORD, SECOND, World, email, origin, password, username};

fn set_up(token: &SecretString, name: &str) -> SetUp {
    SetUp {
        token: token.clone(),
        username: Some(username(name)),
        email: email(&format!("{name}@example.com")),
        password: password(PASSWORD),
        origin: origin(),
    }
}

async fn link(world: &World) -> SecretString {
    world.app.administration.setup_link(&Caller::operator()).await.expect("a link").token
}

async fn needs_set_up(world: &World) -> bool {
    world.app.administration.needs_set_up().await.expect("an answer")
}

#[tokio::test]
async fn the_link_makes_the_first_administrator_and_closes_the_door_for_good_a009() {
    let world = World::new().await;
    world.acts().await;
    assert!(needs_set_up(&world).await);
    let token = link(&world).await;
    assert!(token.expose().starts_with("psu_") && token.expose().len() == 4 + 64, "{}", token.expose().len());
    let [made] = world.acts().await.try_into().expect("one entry");
    assert_eq!((made.actor, made.action, made.detail.as_deref()), (Actor::Operator, Action::CreateLink, Some("setup")));

    let root = world.app.administration.set_up(set_up(&token, "rita")).await.expect("an administrator");
    assert_eq!(root.roles, [RoleName::admin(), RoleName::user()]);
    assert!(!needs_set_up(&world).await);
    world.log_in("rita").await;
    let events = world.events().await;
    assert!(matches!(&events[0], Event::UserRegistered { user_id, .. } if *user_id == root.user.id), "{events:?}");
    assert!(matches!(&events[1], Event::UserRolesChanged { roles, .. } if *roles == root.roles), "{events:?}");
    let acts: Vec<_> = world.acts().await.into_iter().map(|entry| (entry.actor, entry.action)).collect();
    assert!(acts.starts_with(&[(Actor::Anonymous, Action::SetUp), (Actor::Anonymous, Action::GrantRole)]), "{acts:?}");

    let again = world.app.administration.set_up(set_up(&token, "second")).await;
    assert!(matches!(again, Err(SetUpError::Closed)), "{again:?}");
    let another = world.app.administration.setup_link(&Caller::operator()).await;
    assert!(matches!(another, Err(SetUpError::Closed)), "{another:?}");
}

#[tokio::test]
async fn the_door_is_closed_by_whoever_became_an_administrator_another_way_and_by_a_disabled_one() {
    let world = World::new().await;
    let token = link(&world).await;
    let (root, ..) = employee(&world, "rita", RoleName::ADMIN).await;
    assert!(!needs_set_up(&world).await);
    let late = world.app.administration.set_up(set_up(&token, "mallory")).await;
    assert!(matches!(late, Err(SetUpError::Closed)), "{late:?}");

    // Another administrator makes it possible to disable the first; then the other one goes.
    let (other, ..) = employee(&world, "other", RoleName::ADMIN).await;
    let cmd = manage(&Caller::operator(), &root);
    world.app.administration.disable(cmd, "on leave".to_owned()).await.expect("a disabled account");
    let last = world.app.administration.delete(manage(&Caller::operator(), &other)).await;
    assert!(last.is_err(), "the last active one stays");
    let late = world.app.administration.set_up(set_up(&token, "mallory")).await;
    assert!(matches!(late, Err(SetUpError::Closed)), "{late:?}");
}

#[tokio::test]
async fn a_link_that_is_wrong_replaced_or_out_of_time_makes_nobody_an_administrator_a016() {
    let world = World::new().await;
    let replaced = link(&world).await;
    let token = link(&world).await;
    let flipped = format!("{}{}", &token.expose()[..67], if token.expose().ends_with('0') { '1' } else { '0' });
    let other_kind = token.expose().replace("psu_", "psl_");
    let shouted = format!("psu_{}", token.expose()[4..].to_uppercase());
    for wrong in ["", "psu_", &flipped, &other_kind, &shouted, &format!("{} ", token.expose()), replaced.expose()] {
        let refused = world.app.administration.set_up(set_up(&wrong.to_owned().into(), "mallory")).await;
        assert!(matches!(refused, Err(SetUpError::Invalid)), "{wrong:?}: {refused:?}");
    }
    world.clock.advance(DAY - SECOND);
    let weak = SetUp { password: password("password"), ..set_up(&token, "rita") };
    let refused = world.app.administration.set_up(weak).await;
    assert!(matches!(refused, Err(SetUpError::WeakPassword(_))), "{refused:?}");
    world.register("ann").await;
    let refused = world.app.administration.set_up(set_up(&token, "ann")).await;
    assert!(matches!(refused, Err(SetUpError::EmailTaken)), "{refused:?}");
    world.clock.advance(SECOND);
    let late = world.app.administration.set_up(set_up(&token, "rita")).await;
    assert!(matches!(late, Err(SetUpError::Invalid)), "{late:?}");
    assert!(needs_set_up(&world).await, "nobody has become an administrator");
}

#[tokio::test]
async fn what_was_refused_for_its_password_or_name_leaves_the_link_usable() {
    let world = World::new().await;
    let token = link(&world).await;
    world.register("ann").await;
    let weak = SetUp { password: password("password"), ..set_up(&token, "rita") };
    assert!(world.app.administration.set_up(weak).await.is_err());
    assert!(world.app.administration.set_up(set_up(&token, "ann")).await.is_err());
    world.app.administration.set_up(set_up(&token, "rita")).await.expect("the link still works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_who_race_for_the_link_one_becomes_administrator_a016_m5() {
    for _ in 0..5 {
        let (world, _) = faulty_world().await;
        let world = Arc::new(world);
        let token = link(&world).await;
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let (world, cmd) = (world.clone(), set_up(&token, &format!("rita{number}")));
                tokio::spawn(async move { world.app.administration.set_up(cmd).await })
            })
            .collect();
        let mut winners = 0;
        for task in tasks {
            match task.await.expect("a task") {
                Ok(_) => winners += 1,
                Err(SetUpError::Closed | SetUpError::Invalid | SetUpError::Failure(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners, 1, "one becomes administrator");
        let registered = |event: &&Event| matches!(event, Event::UserRegistered { .. });
        assert_eq!(world.events().await.iter().filter(registered).count(), 1, "the others have no account either");
    }
}

#[tokio::test]
async fn an_administrator_made_by_the_operator_needs_no_link() {
    let world = World::new().await;
    let user = world.register("rita").await;
    assert!(needs_set_up(&world).await, "a user is no administrator");
    grant(&world, user.id, RoleName::ADMIN).await;
    assert!(!needs_set_up(&world).await);
}
