//! Nobody takes over somebody mightier.

use portcullis_domain::access::CreateApiKey;
use portcullis_domain::accounts::{ExportAccount, ExportAccountError, User};
use portcullis_domain::administration::{
    AdministrationError, CreateUser, CreateUserError, Impersonate, ImpersonateError, UpdateUser, UpdateUserError,
};
use portcullis_domain::audit::{Action, AuditError, Refusal};
use portcullis_domain::caller::Caller;

use crate::administration_scene::{SUPPORT, calling, define, employee, manage, one_refusal, permissions, role_name};
use crate::world::{World, email, origin};

struct Office {
    world: World,
    root: User,
    support: Caller,
    ann: User,
}

/// An administrator, somebody of the support, and a user.
async fn office() -> Office {
    let world = World::new().await;
    define(&world, "support", &SUPPORT).await;
    let (root, ..) = employee(&world, "rita", "admin").await;
    let (_, _, support) = employee(&world, "sue", "support").await;
    let (ann, _) = world.signed_in("ann").await;
    Office { world, root, support, ann }
}

fn new_address(caller: &Caller, user: &User) -> UpdateUser {
    UpdateUser {
        caller: caller.clone(),
        user: user.id,
        version: None,
        username: None,
        email: Some(email("mine@example.com")),
        email_verified: Some(true),
        origin: origin(),
    }
}

fn impersonate(caller: &Caller, user: &User) -> Impersonate {
    Impersonate { caller: caller.clone(), user: user.id, reason: "ticket 7".to_owned(), write: false, origin: origin() }
}

#[tokio::test]
async fn the_support_lays_no_hand_on_an_administrator_a104_b47() {
    let Office { world, root, support, .. } = office().await;
    let admin = &world.app.administration;
    let session = world.log_in("rita").await;
    world.events().await;
    world.acts().await;
    let before = world.find("rita").await;
    let cmd = || manage(&support, &root);

    let refused = |error: Option<AdministrationError>| {
        assert!(matches!(error, Some(AdministrationError::Forbidden(_))), "{error:?}");
    };
    let noted = |action| one_refusal(&world, action, Some(root.id), Refusal::NotPermitted);
    refused(admin.disable(cmd(), "mine".to_owned()).await.err());
    noted(Action::DisableUser).await;
    refused(admin.enable(cmd()).await.err());
    noted(Action::EnableUser).await;
    refused(admin.expire_password(cmd()).await.err());
    noted(Action::ExpirePassword).await;
    refused(admin.password_link(cmd()).await.err());
    noted(Action::CreateLink).await;
    refused(admin.delete(cmd()).await.err());
    noted(Action::DeleteAccount).await;
    refused(admin.revoke_sessions(cmd(), None).await.err());
    noted(Action::RevokeAll).await;
    refused(admin.revoke_sessions(cmd(), Some(session.session.id)).await.err());
    noted(Action::Revoke).await;
    let error = admin.update_user(new_address(&support, &root)).await.err();
    assert!(matches!(error, Some(UpdateUserError::Forbidden(_))), "{error:?}");
    noted(Action::UpdateUser).await;
    let error = admin.impersonate(impersonate(&support, &root)).await.err();
    assert!(matches!(error, Some(ImpersonateError::Forbidden(_))), "{error:?}");
    noted(Action::Impersonate).await;
    let cmd = ExportAccount { caller: support.clone(), user: root.id, origin: origin() };
    let error = world.app.accounts.export_account(cmd).await.err();
    assert!(matches!(error, Some(ExportAccountError::Forbidden(_))), "{error:?}");
    noted(Action::ExportAccount).await;
    let error = world.app.audit.about(&support, root.id, None, 5).await.err();
    assert!(matches!(error, Some(AuditError::Forbidden(_))), "{error:?}");

    assert_eq!(world.find("rita").await, before, "the account is as it was");
    world.calls(&session);
    assert_eq!(world.events().await, [], "nothing is announced");
}

#[tokio::test]
async fn the_support_looks_after_everybody_who_may_no_more_than_itself_a104() {
    let Office { world, support, ann, .. } = office().await;
    let admin = &world.app.administration;
    let cmd = || manage(&support, &ann);
    admin.update_user(new_address(&support, &ann)).await.expect("a new address");
    admin.impersonate(impersonate(&support, &ann)).await.expect("a look");
    admin.password_link(cmd()).await.expect("a link");
    admin.expire_password(cmd()).await.expect("an expiry");
    admin.disable(cmd(), "left".to_owned()).await.expect("disabled");
    admin.enable(cmd()).await.expect("enabled");
    admin.delete(cmd()).await.expect("deleted");
}

#[tokio::test]
async fn nobody_opens_an_account_that_may_more_than_oneself_a104() {
    let Office { world, root, support, .. } = office().await;
    let create = |caller: &Caller, role: &str| CreateUser {
        caller: caller.clone(),
        username: None,
        email: email("mine@example.com"),
        email_verified: true,
        password: None,
        roles: vec![role_name(role)],
        origin: origin(),
    };
    let error = world.app.administration.create_user(create(&support, "support")).await.err();
    assert!(matches!(error, Some(CreateUserError::Forbidden(_))), "who may not give roles gives none: {error:?}");
    one_refusal(&world, Action::CreateUser, None, Refusal::NotPermitted).await;

    // Somebody who may give roles: those that hold no more than their own.
    define(&world, "granter", &["users:write", "roles:*", "users:read"]).await;
    define(&world, "reader", &["users:read"]).await;
    let (_, _, granter) = employee(&world, "gus", "granter").await;
    for mightier in ["admin", "support"] {
        let error = world.app.administration.create_user(create(&granter, mightier)).await.err();
        assert!(matches!(error, Some(CreateUserError::Forbidden(_))), "{mightier}: {error:?}");
    }
    let error = world.app.administration.create_user(create(&granter, "nonsense")).await.err();
    assert!(matches!(error, Some(CreateUserError::UnknownRole(_))), "{error:?}");
    let error = world.app.administration.create_user(create(&granter, "user")).await.err();
    assert!(matches!(error, Some(CreateUserError::Implicit)), "{error:?}");
    let created = world.app.administration.create_user(create(&granter, "reader")).await.expect("an account");
    assert_eq!(created.view.roles, [role_name("reader"), role_name("user")]);
    assert_ne!(created.view.user.id, root.id);
}

#[tokio::test]
async fn a_key_of_an_administrator_does_not_lay_hand_on_whoever_may_more_than_the_key_a104_a106() {
    let Office { world, root, ann, .. } = office().await;
    let pair = world.log_in("rita").await;
    let cmd = CreateApiKey {
        caller: calling(&world, &pair).await.expect("an administrator calls"),
        owner: root.id,
        name: "narrow".to_owned(),
        permissions: permissions(&["users:write"]),
        roles: Vec::new(),
        networks: Vec::new(),
        quota: None,
        expires_at: None,
        origin: origin(),
    };
    let key = world.app.access.create_key(cmd).await.expect("a key");
    let key = world.app.access.resolve_key(key.secret.expose(), &origin()).await.expect("the key calls");
    world.app.administration.password_link(manage(&key, &ann)).await.expect("who may nothing is managed");
    // Not even the account that the key acts for: it may more than the key.
    let error = world.app.administration.password_link(manage(&key, &root)).await.err();
    assert!(matches!(error, Some(AdministrationError::Forbidden(_))), "{error:?}");
}
