//! One's own account is not changed by the way of administrators, whoever asks in one's name.

use portcullis_domain::access::CreateApiKey;
use portcullis_domain::accounts::User;
use portcullis_domain::administration::{
    AdministrationError, CreateUser, CreateUserError, Impersonate, UpdateUser, UpdateUserError,
};
use portcullis_domain::audit::{Action, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::sessions::TokenPair;

use crate::administration_scene::{calling, calling_with, define, employee, manage, one_refusal, permissions};
use crate::world::{PASSWORD, World, email, origin, username};

/// Somebody who may do to accounts whatever can be done.
async fn manager(world: &World, name: &str) -> (User, TokenPair, Caller) {
    if world.app.access.role(&Caller::operator(), &"manager".parse().expect("a name")).await.is_err() {
        let may = ["users:*", "users:impersonate", "users:impersonate-write", "api-keys:*"];
        define(world, "manager", &may).await;
    }
    employee(world, name, "manager").await
}

fn update(caller: &Caller, user: &User) -> UpdateUser {
    UpdateUser {
        caller: caller.clone(),
        user: user.id,
        version: None,
        username: None,
        email: None,
        email_verified: None,
        origin: origin(),
    }
}

/// What each act on the account of somebody is refused with, when it is.
async fn tried(world: &World, caller: &Caller, user: &User) -> Vec<(Action, Option<AdministrationError>)> {
    let admin = &world.app.administration;
    let cmd = || manage(caller, user);
    vec![
        (Action::CreateLink, admin.password_link(cmd()).await.err()),
        (Action::ExpirePassword, admin.expire_password(cmd()).await.err()),
        (Action::DisableUser, admin.disable(cmd(), "mine".to_owned()).await.err()),
        (Action::DeleteAccount, admin.delete(cmd()).await.err()),
        (Action::EnableUser, admin.enable(cmd()).await.err()),
        (Action::RevokeAll, admin.revoke_sessions(cmd(), None).await.err()),
    ]
}

async fn key_of(world: &World, caller: &Caller, user: &User) -> Caller {
    let cmd = CreateApiKey {
        caller: caller.clone(),
        owner: user.id,
        name: "mighty".to_owned(),
        permissions: permissions(&["users:*", "users:impersonate", "users:impersonate-write", "api-keys:*"]),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        expires_at: None,
        origin: origin(),
    };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    world.app.access.resolve_key(key.secret.expose(), &origin()).await.expect("the key calls")
}

#[tokio::test]
async fn a_stolen_session_of_an_administrator_does_not_take_over_their_account_without_the_password_a007_a038() {
    let world = World::new().await;
    let (mona, pair, caller) = manager(&world, "mona").await;
    let before = world.find("mona").await;
    for (action, refused) in tried(&world, &caller, &mona).await {
        match action {
            // These give nothing that the session has not got.
            Action::EnableUser | Action::RevokeAll => assert!(refused.is_none(), "{action:?}: {refused:?}"),
            _ => assert!(matches!(refused, Some(AdministrationError::OwnAccount)), "{action:?}: {refused:?}"),
        }
    }
    let refusals = world.acts().await;
    let refusals = refusals.iter().filter(|act| act.outcome.refusal() == Some(Refusal::NotPermitted)).count();
    assert_eq!(refusals, 4, "each is on record");
    assert!(calling(&world, &pair).await.is_none(), "the sessions were ended, as they can be without the password");
    let changes = [
        UpdateUser { email: Some(email("other@example.com")), ..update(&caller, &mona) },
        UpdateUser { email_verified: Some(true), ..update(&caller, &mona) },
    ];
    for cmd in changes {
        let refused = world.app.administration.update_user(cmd).await;
        assert!(matches!(refused, Err(UpdateUserError::OwnAccount)), "{refused:?}");
        one_refusal(&world, Action::UpdateUser, Some(mona.id), Refusal::NotPermitted).await;
    }
    assert_eq!(world.find("mona").await, before, "the account is as it was");
    world.try_log_in("mona", PASSWORD).await.expect("a session");
    let cmd = UpdateUser { username: Some(Some(username("monika"))), ..update(&caller, &mona) };
    world.app.administration.update_user(cmd).await.expect("a name needs no password under /me either");
}

#[tokio::test]
async fn an_api_key_lays_no_hand_on_the_account_that_it_acts_for_a106_a038() {
    let world = World::new().await;
    let (mona, _, caller) = manager(&world, "mona").await;
    let key = key_of(&world, &caller, &mona).await;
    let before = world.find("mona").await;
    for (action, refused) in tried(&world, &key, &mona).await {
        assert!(matches!(refused, Some(AdministrationError::OwnAccount)), "{action:?}: {refused:?}");
    }
    let cmd = UpdateUser { username: Some(None), ..update(&key, &mona) };
    let refused = world.app.administration.update_user(cmd).await;
    assert!(matches!(refused, Err(UpdateUserError::OwnAccount)), "{refused:?}");
    assert_eq!(world.find("mona").await, before, "the account is as it was");
    let (ann, _) = world.signed_in("ann").await;
    let done = tried(&world, &key, &ann).await;
    let deleted = |error: &AdministrationError| matches!(error, AdministrationError::NotFound);
    let fine = |(_, refused): &(Action, Option<AdministrationError>)| refused.as_ref().is_none_or(deleted);
    assert!(done.iter().all(fine), "others are managed by keys: {done:?}");
}

#[tokio::test]
async fn whoever_acts_as_an_administrator_manages_no_account_a106_b47() {
    let world = World::new().await;
    let (mona, _, caller) = manager(&world, "mona").await;
    let (milo, ..) = manager(&world, "milo").await;
    let (ann, _) = world.signed_in("ann").await;
    let cmd = Impersonate { caller, user: milo.id, reason: "ticket 7".to_owned(), write: true, origin: origin() };
    let acting = world.app.administration.impersonate(cmd).await.expect("a session");
    let acting = calling_with(&world, &acting.access_token).await.expect("a caller");
    acting.require_all(&permissions(&["users:write", "users:delete"])).expect("it may, but for this");
    for target in [&milo, &mona, &ann] {
        for (action, refused) in tried(&world, &acting, target).await {
            assert!(matches!(refused, Some(AdministrationError::Impersonated)), "{action:?}: {refused:?}");
        }
        let cmd = UpdateUser { email: Some(email("other@example.com")), ..update(&acting, target) };
        let refused = world.app.administration.update_user(cmd).await;
        assert!(matches!(refused, Err(UpdateUserError::Impersonated)), "{refused:?}");
    }
    let cmd = CreateUser {
        caller: acting,
        username: None,
        email: email("new@example.com"),
        email_verified: false,
        password: None,
        roles: Vec::new(),
        origin: origin(),
    };
    let refused = world.app.administration.create_user(cmd).await;
    assert!(matches!(refused, Err(CreateUserError::Impersonated)), "{refused:?}");
}
