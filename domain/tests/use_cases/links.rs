//! Links by which the owner of an account chooses a password.

use std::sync::Arc;

use portcullis_domain::access::{ApiKeyScope, CreateApiKey, DefineRole, GrantRole, Purpose};
use portcullis_domain::accounts::{ChangePassword, UpdateProfile};
use portcullis_domain::administration::{CreateUser, Link, SetPasswordError, UpdateUser};
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::ports::store::Store;
use portcullis_domain::secret::SecretDigest;
use portcullis_domain::sessions::LogInError;

use crate::administration_scene::{define, employee, grant, manage, permissions, role_name, set_password};
use crate::faulty::faulty_world;
use crate::world::{ATTEMPTS, DAY, PASSWORD, SECOND, World, email, origin, password, some_session, username};

const NEW: &str = "a rather different phrase";

async fn link(world: &World, name: &str) -> Link {
    link_by(world, &Caller::operator(), name).await
}

async fn link_by(world: &World, caller: &Caller, name: &str) -> Link {
    let user = world.find(name).await;
    world.app.administration.password_link(manage(caller, &user)).await.expect("a link")
}

/// That a link sets no password, now.
async fn is_dead(world: &World, link: &Link) {
    let refused = world.app.administration.set_password(set_password(&link.token, NEW)).await;
    assert!(matches!(refused, Err(SetPasswordError::Invalid)), "{refused:?}");
}

#[tokio::test]
async fn a_link_sets_the_password_once_and_ends_all_sessions_a016_a017() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    let link = link(&world, "ann").await;
    assert_eq!(link.expires_at, world.now().plus(DAY));
    let [made] = world.acts().await.try_into().expect("one entry");
    assert_eq!(
        (made.action, made.subject, made.detail.as_deref()),
        (Action::CreateLink, Some(ann.id), Some("set_password"))
    );

    let done = world.app.administration.set_password(set_password(&link.token, NEW)).await.expect("a password");
    assert_eq!(done.id, ann.id);
    assert_eq!(world.caller(&pair), None, "the sessions of before are over");
    assert!(world.refresh(&pair).await.is_err());
    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "so is the password of before");
    let events = world.events().await;
    assert_eq!(events[0], Event::UserPasswordChanged { user_id: ann.id });
    assert!(
        matches!(events[1], Event::SessionRevoked { session_id, .. } if session_id == pair.session.id),
        "{events:?}"
    );
    let set = world.acts().await.into_iter().find(|entry| entry.action == Action::SetPassword).expect("an entry");
    assert_eq!((set.actor, set.subject, set.ip), (Actor::Anonymous, Some(ann.id), origin().ip));

    let again = world.app.administration.set_password(set_password(&link.token, PASSWORD)).await;
    assert!(matches!(again, Err(SetPasswordError::Invalid)), "{again:?}");
    world.try_log_in("ann", NEW).await.expect("the password is the one that was chosen first");
}

#[tokio::test]
async fn a_weak_password_leaves_the_link_usable_a006() {
    let world = World::new().await;
    world.signed_in("ann").await;
    let link = link(&world, "ann").await;
    for weak in ["password", "ann@example.com"] {
        let refused = world.app.administration.set_password(set_password(&link.token, weak)).await;
        assert!(matches!(refused, Err(SetPasswordError::WeakPassword(_))), "{weak}: {refused:?}");
    }
    world.app.administration.set_password(set_password(&link.token, NEW)).await.expect("the link still works");
}

#[tokio::test]
async fn a_link_that_is_wrong_replaced_or_out_of_time_sets_nothing_a017() {
    let world = World::new().await;
    world.signed_in("ann").await;
    let replaced = link(&world, "ann").await;
    let fresh = link(&world, "ann").await;
    world.clock.advance(DAY);
    let other_kind = fresh.token.expose().replace("psl_", "psu_");
    let unknown = format!("psl_{}", "0".repeat(64));
    for wrong in ["", "psl_", &other_kind, &unknown, replaced.token.expose(), fresh.token.expose()] {
        let refused = world.app.administration.set_password(set_password(&wrong.to_owned().into(), NEW)).await;
        assert!(matches!(refused, Err(SetPasswordError::Invalid)), "{refused:?}");
    }
    let in_time = link(&world, "ann").await;
    world.clock.advance(DAY - SECOND);
    world.app.administration.set_password(set_password(&in_time.token, NEW)).await.expect("a second before its end");
}

#[tokio::test]
async fn a_link_dies_with_a_new_password_or_address_a017() {
    let world = World::new().await;
    let (ann, pair) = world.signed_in("ann").await;
    let before = link(&world, "ann").await;
    let cmd = ChangePassword {
        user: ann.id,
        session: pair.session.id,
        current: password(PASSWORD),
        new: password(NEW),
        origin: origin(),
    };
    world.app.accounts.change_password(cmd).await.expect("a new password");
    let refused = world.app.administration.set_password(set_password(&before.token, PASSWORD)).await;
    assert!(matches!(refused, Err(SetPasswordError::Invalid)), "{refused:?}");

    let before = link(&world, "ann").await;
    let cmd = UpdateUser {
        caller: Caller::operator(),
        user: ann.id,
        version: None,
        username: None,
        email: Some(email("ann@example.org")),
        email_verified: None,
        origin: origin(),
    };
    world.app.administration.update_user(cmd).await.expect("a new address");
    let refused = world.app.administration.set_password(set_password(&before.token, PASSWORD)).await;
    assert!(matches!(refused, Err(SetPasswordError::Invalid)), "{refused:?}");
}

#[tokio::test]
async fn an_account_without_a_password_gets_its_first_one_by_the_link_a016_a019() {
    let world = World::new().await;
    let cmd = CreateUser {
        caller: Caller::operator(),
        username: Some(username("ann")),
        email: email("ann@example.com"),
        email_verified: false,
        password: None,
        roles: Vec::new(),
        origin: origin(),
    };
    let created = world.app.administration.create_user(cmd).await.expect("an account");
    assert!(world.try_log_in("ann", PASSWORD).await.is_err(), "nobody logs in without a password");
    let token = created.link.expect("a link").token;
    world.app.administration.set_password(set_password(&token, PASSWORD)).await.expect("a password");
    world.log_in("ann").await;
}

#[tokio::test]
async fn a_disabled_account_takes_no_password_by_a_link_of_before_or_after_a043() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let before = link(&world, "ann").await;
    world.app.administration.disable(manage(&Caller::operator(), &ann), "left".to_owned()).await.expect("disabled");
    is_dead(&world, &before).await;
    let meanwhile = link(&world, "ann").await;
    is_dead(&world, &meanwhile).await;
    world.app.administration.enable(manage(&Caller::operator(), &ann)).await.expect("enabled");
    is_dead(&world, &before).await;
    is_dead(&world, &meanwhile).await;
    world.try_log_in("ann", PASSWORD).await.expect("the password of before");
}

#[tokio::test]
async fn a_link_dies_with_every_change_of_the_account_a017_a104() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    define(&world, "reader", &[]).await;
    let admin = &world.app.administration;
    let cmd = || manage(&Caller::operator(), &ann);
    let role = || GrantRole { caller: Caller::operator(), user: ann.id, role: role_name("reader"), origin: origin() };
    let before = link(&world, "ann").await;
    world.app.access.grant(role()).await.expect("a role");
    is_dead(&world, &before).await;
    let before = link(&world, "ann").await;
    world.app.access.withdraw(role()).await.expect("no role");
    is_dead(&world, &before).await;
    let before = link(&world, "ann").await;
    let renamed = UpdateProfile {
        user: ann.id,
        session: some_session(),
        username: Some(Some(username("anne"))),
        email: None,
        current_password: None,
        origin: origin(),
    };
    world.app.accounts.update_profile(renamed).await.expect("a new name");
    let refused = admin.set_password(set_password(&before.token, NEW)).await;
    assert!(matches!(refused, Err(SetPasswordError::Invalid)), "{refused:?}");
    for _ in 0..2 {
        let before = link(&world, "anne").await;
        admin.expire_password(cmd()).await.expect("expired, and once more");
        is_dead(&world, &before).await;
    }
    let last = link(&world, "anne").await;
    admin.set_password(set_password(&last.token, NEW)).await.expect("a link works that nothing came after");
}

#[tokio::test]
async fn whoever_was_promoted_is_not_taken_over_by_a_link_of_before_a017_a104() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    let before = link(&world, "ann").await;
    grant(&world, ann.id, "admin").await;
    is_dead(&world, &before).await;
    world.try_log_in("ann", PASSWORD).await.expect("the password of before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_that_is_made_while_its_owner_is_promoted_is_dead_a104_m5() {
    for _ in 0..20 {
        let (world, _) = faulty_world().await;
        let world = Arc::new(world);
        let (ann, _) = world.signed_in("ann").await;
        define(&world, "helpdesk", &["users:write"]).await;
        let (_, _, helper) = employee(&world, "hal", "helpdesk").await;
        let making = {
            let (world, cmd) = (world.clone(), manage(&helper, &ann));
            tokio::spawn(async move { world.app.administration.password_link(cmd).await })
        };
        grant(&world, ann.id, "admin").await;
        if let Ok(made) = making.await.expect("a task") {
            is_dead(&world, &made).await;
        }
    }
}

#[tokio::test]
async fn a_link_is_good_for_no_more_than_its_maker_may_do_by_now_a043_a104() {
    let world = World::new().await;
    define(&world, "helpdesk", &["users:write", "api-keys:write"]).await;
    define(&world, "staff", &[]).await;
    let (hal, _, helper) = employee(&world, "hal", "helpdesk").await;
    let (ann, _) = world.signed_in("ann").await;
    grant(&world, ann.id, "staff").await;
    let made = link_by(&world, &helper, "ann").await;
    let all = |name: &str, held: &[&str], version: u32| DefineRole {
        caller: Caller::operator(),
        name: role_name(name),
        description: None,
        permissions: Some(permissions(held)),
        version: Some(version),
        origin: origin(),
    };
    // Ann becomes mightier without being touched: her role does.
    world.app.access.update_role(all("staff", &["orders:write"], 1)).await.expect("a change");
    is_dead(&world, &made).await;
    world.app.access.update_role(all("staff", &[], 2)).await.expect("a change");

    let key = CreateApiKey {
        caller: helper.clone(),
        owner: hal.id,
        name: "invitations".to_owned(),
        permissions: permissions(&["users:write"]),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        expires_at: None,
        origin: origin(),
    };
    let key = world.app.access.create_key(key).await.expect("a key");
    let program = world.app.access.resolve_key(key.secret.expose(), &origin()).await.expect("the key calls");
    world.register("ben").await;
    let by_key = link_by(&world, &program, "ben").await;
    let access = &world.app.access;
    access.revoke_key(&Caller::operator(), ApiKeyScope::All, key.key.id, &origin()).await.expect("the key is revoked");
    is_dead(&world, &by_key).await;

    world.app.administration.disable(manage(&Caller::operator(), &hal), "left".to_owned()).await.expect("disabled");
    is_dead(&world, &made).await;
    world.app.administration.enable(manage(&Caller::operator(), &hal)).await.expect("enabled");
    world.app.access.update_role(all("helpdesk", &["users:read"], 1)).await.expect("a change");
    is_dead(&world, &made).await;
    world.app.access.update_role(all("helpdesk", &["users:write"], 2)).await.expect("a change");
    let ann = world.app.administration.set_password(set_password(&made.token, NEW)).await.expect("a password");
    assert_eq!(ann.username, Some(username("ann")), "whoever has their rights back has made good links");
}

#[tokio::test]
async fn the_link_of_an_account_that_is_opened_with_roles_works_a016() {
    let world = World::new().await;
    define(&world, "reader", &["users:read"]).await;
    let cmd = CreateUser {
        caller: Caller::operator(),
        username: Some(username("ann")),
        email: email("ann@example.com"),
        email_verified: false,
        password: None,
        roles: vec![role_name("reader"), role_name("admin")],
        origin: origin(),
    };
    let created = world.app.administration.create_user(cmd).await.expect("an account");
    assert_eq!(created.view.user, world.find("ann").await, "what was answered is what is stored");
    let token = created.link.expect("a link").token;
    let ann = world.app.administration.set_password(set_password(&token, PASSWORD)).await.expect("a password");
    assert_eq!(ann, world.find("ann").await);
    world.log_in("ann").await;
}

#[tokio::test]
async fn a_link_satisfies_whoever_asked_for_a_new_password() {
    let world = World::new().await;
    let (ann, _) = world.signed_in("ann").await;
    world.app.administration.expire_password(manage(&Caller::operator(), &ann)).await.expect("expired");
    let link = link(&world, "ann").await;
    let ann = world.app.administration.set_password(set_password(&link.token, NEW)).await.expect("a password");
    assert!(!ann.must_change_password);
    world.try_log_in("ann", NEW).await.expect("a session");
    assert_eq!(world.find("ann").await, ann, "what was answered is what is stored");
}

#[tokio::test]
async fn whoever_was_locked_out_by_guesses_gets_in_after_the_link_a013() {
    let world = World::new().await;
    world.signed_in("ann").await;
    for _ in 0..=ATTEMPTS.free {
        let _ = world.try_log_in("ann", "a wrong guess").await;
    }
    let waits = world.try_log_in("ann", PASSWORD).await;
    assert!(matches!(waits, Err(LogInError::TooManyAttempts(_))), "{waits:?}");
    let link = link(&world, "ann").await;
    world.app.administration.set_password(set_password(&link.token, NEW)).await.expect("a password");
    world.try_log_in("ann", NEW).await.expect("the owner gets in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_who_race_with_one_link_one_sets_the_password_a017_m5() {
    for _ in 0..5 {
        let (world, _) = faulty_world().await;
        let world = Arc::new(world);
        world.signed_in("ann").await;
        let link = link(&world, "ann").await;
        let tasks: Vec<_> = (0..20)
            .map(|number| {
                let (world, new) = (world.clone(), format!("{NEW} number {number}"));
                let cmd = set_password(&link.token, &new);
                tokio::spawn(async move { world.app.administration.set_password(cmd).await.map(|_| new) })
            })
            .collect();
        let mut winners = Vec::new();
        for task in tasks {
            match task.await.expect("a task") {
                Ok(new) => winners.push(new),
                Err(SetPasswordError::Invalid | SetPasswordError::Failure(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        let [winner] = winners.as_slice() else { panic!("one sets it, not {}", winners.len()) };
        world.try_log_in("ann", winner).await.expect("the password is the winner's");
    }
}

#[tokio::test]
async fn no_link_is_kept_or_told_anywhere_a113() {
    let world = World::new().await;
    let setup = world.app.administration.setup_link(&Caller::operator()).await.expect("a link");
    let (ann, _) = world.signed_in("ann").await;
    let link = link(&world, "ann").await;
    let mut tx = world.store.begin().await.expect("a unit of work");
    for (token, purpose) in [(&setup.token, Purpose::Setup), (&link.token, Purpose::SetPassword)] {
        let secret = &token.expose()[4..];
        let digest = SecretDigest(world.ports.mac.tag("one-time token v1", token.expose().as_bytes()));
        let stored = tx.one_time_tokens().peek(&digest, purpose, world.now()).await.expect("a look");
        assert!(stored.is_some(), "what is stored is a tag under the master key");
        let kept = [
            format!("{stored:?}"),
            format!("{:?}", world.trail().await),
            format!("{:?}", world.events().await),
            format!("{link:?} {setup:?} {:?}", set_password(token, NEW)),
            serde_json::to_string(&world.trail().await).expect("a text"),
        ];
        for place in kept {
            assert!(!place.contains(secret), "the secret of a link is in {}", &place[..60.min(place.len())]);
        }
    }
    drop(tx);
    world.app.administration.set_password(set_password(&link.token, NEW)).await.expect("a password");
    assert!(!format!("{:?}{:?}", world.trail().await, world.events().await).contains(link.token.expose()));
    assert_eq!(world.find("ann").await.id, ann.id);
}
