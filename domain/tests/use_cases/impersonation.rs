//! Acting as another user, for support.

use portcullis_domain::accounts::{
    ChangePassword, ChangePasswordError, DeleteAccount, DeleteAccountError, ExportAccount, ExportAccountError,
    UpdateProfile, UpdateProfileError, User,
};
use portcullis_domain::administration::{Impersonate, ImpersonateError, Impersonating};
use portcullis_domain::audit::{Action, Actor, Refusal};
use portcullis_domain::caller::Caller;
use portcullis_domain::event::Event;
use portcullis_domain::origin::Origin;
use portcullis_domain::sessions::{ListSessions, LogOutError, Refresh, RevocationReason, TokenPair};
use portcullis_domain::tokens::Scope;

use crate::administration_scene::{calling_with, define, employee, grant, manage, one_refusal, permissions, program};
use crate::world::{MINUTE, PASSWORD, World, deletion, email, origin, password};

const SUPPORT: [&str; 4] = ["users:read", "users:write", "users:impersonate", "users:impersonate-write"];

struct Scene {
    world: World,
    sue: User,
    support: Caller,
    ann: User,
}

async fn scene() -> Scene {
    let world = World::new().await;
    define(&world, "support", &SUPPORT).await;
    define(&world, "reader", &["users:read", "users:write"]).await;
    let (sue, _, support) = employee(&world, "sue", "support").await;
    let (ann, ..) = employee(&world, "ann", "reader").await;
    Scene { world, sue, support, ann }
}

fn act_as(caller: &Caller, user: &User, write: bool) -> Impersonate {
    Impersonate { caller: caller.clone(), user: user.id, reason: " ticket 7 ".to_owned(), write, origin: origin() }
}

async fn impersonating(scene: &Scene, write: bool) -> Impersonating {
    scene.world.app.administration.impersonate(act_as(&scene.support, &scene.ann, write)).await.expect("a session")
}

#[tokio::test]
async fn whoever_acts_as_a_user_is_named_in_token_session_event_and_trail_a112() {
    let scene = scene().await;
    let Scene { world, sue, ann, .. } = &scene;
    let acting = impersonating(&scene, false).await;
    assert_eq!(
        acting.session.expires_at,
        world.now().floor_to_second().plus(15 * MINUTE),
        "as long as one access token"
    );
    let claims = world.app.tokens.identify(acting.access_token.expose()).expect("a good token");
    assert_eq!((claims.sub(), claims.actor), (ann.id.to_string(), Some(sue.id)));
    assert!(claims.scope.contains(Scope::READ_ONLY));

    let list = ListSessions { user: ann.id, after: None, limit: 10 };
    let (sessions, _) = world.app.sessions.list(list).await.expect("a list");
    let seen = sessions.iter().find(|session| session.id == acting.session.id).expect("the user sees the session");
    assert!(seen.impersonation.is_some_and(|by| by.by == sue.id && by.read_only));
    assert_eq!((seen.ip, seen.user_agent.as_deref()), (None, None), "but not from where");

    let until = acting.session.expires_at;
    let (user_id, session_id, impersonator_id) = (ann.id, acting.session.id, sue.id);
    let told = Event::UserImpersonated { user_id, session_id, impersonator_id, read_only: true, until };
    assert_eq!(world.events().await, [told]);
    let [act] = world.acts().await.try_into().expect("one entry");
    assert_eq!((act.actor, act.action, act.subject), (Actor::User(sue.id), Action::Impersonate, Some(ann.id)));
    assert_eq!((act.session, act.detail.as_deref()), (Some(session_id), Some("read only: ticket 7")));

    world.clock.advance(15 * MINUTE);
    assert!(world.app.tokens.identify(acting.access_token.expose()).is_err(), "it ends with its access token");
}

#[tokio::test]
async fn whoever_acts_as_a_user_may_what_both_may_and_reads_only_unless_allowed_a101_a104() {
    let scene = scene().await;
    let reading = impersonating(&scene, false).await;
    let caller = calling_with(&scene.world, &reading.access_token).await.expect("a caller");
    assert_eq!(caller.permissions, permissions(&["users:read"]));
    assert_eq!(caller.user(), Some(scene.ann.id));
    let writing = impersonating(&scene, true).await;
    let caller = calling_with(&scene.world, &writing.access_token).await.expect("a caller");
    assert_eq!(caller.permissions, permissions(&["users:read", "users:write"]));
    // What the account is given meanwhile is not given to the support.
    grant(&scene.world, scene.ann.id, "admin").await;
    let caller = calling_with(&scene.world, &writing.access_token).await.expect("a caller");
    assert_eq!(caller.permissions, permissions(&SUPPORT), "no more than the support itself");
}

#[tokio::test]
async fn who_may_only_look_does_not_write_and_nobody_acts_without_a_session_of_their_own_a101() {
    let scene = scene().await;
    let Scene { world, support, ann, sue } = &scene;
    let looks =
        Caller { permissions: permissions(&["users:read", "users:write", "users:impersonate"]), ..support.clone() };
    let refused = world.app.administration.impersonate(act_as(&looks, ann, true)).await;
    assert!(matches!(refused, Err(ImpersonateError::Forbidden(_))), "{refused:?}");
    one_refusal(world, Action::Impersonate, Some(ann.id), Refusal::NotPermitted).await;
    world.app.administration.impersonate(act_as(&looks, ann, false)).await.expect("a look");
    world.acts().await;

    let writing = impersonating(&scene, true).await;
    world.acts().await;
    let mut acting = calling_with(world, &writing.access_token).await.expect("a caller");
    acting.permissions = permissions(&SUPPORT);
    let mut elsewhere = support.clone();
    if let portcullis_domain::caller::Identity::User(session) = &mut elsewhere.identity {
        session.client_id = "orders".to_owned();
    }
    for caller in [&program(&SUPPORT), &Caller::operator(), &acting, &elsewhere] {
        let refused = world.app.administration.impersonate(act_as(caller, ann, false)).await;
        assert!(matches!(refused, Err(ImpersonateError::NotASession)), "{:?}: {refused:?}", caller.identity);
        one_refusal(world, Action::Impersonate, Some(ann.id), Refusal::NotPermitted).await;
    }
    let oneself = world.app.administration.impersonate(act_as(support, sue, false)).await;
    assert!(matches!(oneself, Err(ImpersonateError::NotFound)), "{oneself:?}");
    world.app.administration.disable(manage(support, ann), "left".to_owned()).await.expect("disabled");
    let disabled = world.app.administration.impersonate(act_as(support, ann, false)).await;
    assert!(matches!(disabled, Err(ImpersonateError::NotFound)), "{disabled:?}");
    for reason in ["", "a\nb", "a\u{202e}b"] {
        let cmd = Impersonate { reason: reason.to_owned(), ..act_as(support, ann, false) };
        let refused = world.app.administration.impersonate(cmd).await;
        assert!(matches!(refused, Err(ImpersonateError::Reason)), "{reason:?}: {refused:?}");
    }
}

#[tokio::test]
async fn whoever_acts_as_a_user_does_not_touch_password_address_or_account_a106() {
    let scene = scene().await;
    let Scene { world, ann, sue, .. } = &scene;
    let acting = impersonating(&scene, true).await;
    let caller = calling_with(world, &acting.access_token).await.expect("a caller");
    let session = caller.session().expect("a session").clone();
    let from = Origin { impersonator: Some(sue.id), ..origin() };
    let before = world.find("ann").await;

    let cmd = ChangePassword {
        user: ann.id,
        session: session.session,
        current: password(PASSWORD),
        new: password("a rather different phrase"),
        origin: from.clone(),
    };
    let refused = world.app.accounts.change_password(cmd).await;
    assert!(matches!(refused, Err(ChangePasswordError::Impersonated)), "{refused:?}");
    let cmd = UpdateProfile {
        user: ann.id,
        session: session.session,
        username: None,
        email: Some(email("mine@example.com")),
        current_password: Some(password(PASSWORD)),
        origin: from.clone(),
    };
    let refused = world.app.accounts.update_profile(cmd).await;
    assert!(matches!(refused, Err(UpdateProfileError::Impersonated)), "{refused:?}");
    let refused = world.app.accounts.delete(DeleteAccount { origin: from.clone(), ..deletion(ann.id) }).await;
    assert!(matches!(refused, Err(DeleteAccountError::Impersonated)), "{refused:?}");
    for origin in [from.clone(), origin()] {
        let cmd = ExportAccount { caller: caller.clone(), user: ann.id, origin: origin.clone() };
        let refused = world.app.accounts.export_account(cmd).await;
        assert!(matches!(refused, Err(ExportAccountError::Impersonated)), "{refused:?}");
        let refused = world.app.sessions.log_out_everywhere(&session, origin).await;
        assert!(matches!(refused, Err(LogOutError::Impersonated)), "{refused:?}");
    }
    assert_eq!(world.find("ann").await, before);
}

#[tokio::test]
async fn acting_as_others_ends_with_whoever_acts_and_with_whom_they_act_as_a043() {
    let ways = ["logs out everywhere", "changes the password", "is disabled", "expires", "is revoked", "is deleted"];
    for way in ways {
        let scene = scene().await;
        let Scene { world, sue, support, ann } = &scene;
        employee(world, "rita", "admin").await;
        let acting = impersonating(&scene, false).await;
        world.events().await;
        let session = support.session().expect("a session");
        let (admin, cmd) = (&world.app.administration, manage(&Caller::operator(), sue));
        match way {
            "logs out everywhere" => world.app.sessions.log_out_everywhere(session, origin()).await.expect("the end"),
            "changes the password" => {
                let cmd = ChangePassword {
                    user: sue.id,
                    session: session.session,
                    current: password(PASSWORD),
                    new: password("a rather different phrase"),
                    origin: origin(),
                };
                world.app.accounts.change_password(cmd).await.expect("a new password");
            }
            "is disabled" => drop(admin.disable(cmd, "left".to_owned()).await.expect("disabled")),
            "expires" => drop(admin.expire_password(cmd).await.expect("expired")),
            "is revoked" => assert_eq!(admin.revoke_sessions(cmd, None).await.expect("the end"), 1, "of her own"),
            _ => admin.delete(cmd).await.expect("deleted"),
        }
        assert!(calling_with(world, &acting.access_token).await.is_none(), "{way}: nobody calls any more");
        assert!(world.app.tokens.identify(acting.access_token.expose()).is_err(), "{way}: verifiers know");
        let told = world.events().await;
        let ended = told.iter().any(|event| {
            matches!(event, Event::SessionRevoked { user_id, session_id, reason: RevocationReason::ImpersonationEnded, .. }
                if *user_id == ann.id && *session_id == acting.session.id)
        });
        assert!(ended, "{way}: announced on the account of the other: {told:?}");
        let seen = world.trail().await;
        let entry =
            seen.iter().find(|entry| entry.session == Some(acting.session.id) && entry.action == Action::Revoke);
        assert_eq!(entry.and_then(|entry| entry.detail.as_deref()), Some("impersonation_ended"), "{way}");
    }
    let scene = scene().await;
    let acting = impersonating(&scene, false).await;
    let cmd = manage(&scene.support, &scene.ann);
    scene.world.app.administration.disable(cmd, "left".to_owned()).await.expect("disabled");
    assert!(calling_with(&scene.world, &acting.access_token).await.is_none());
}

#[tokio::test]
async fn who_may_not_act_as_others_any_more_is_nobody_at_once_a104() {
    let scene = scene().await;
    let acting = impersonating(&scene, false).await;
    let cmd = portcullis_domain::access::GrantRole {
        caller: Caller::operator(),
        user: scene.sue.id,
        role: crate::administration_scene::role_name("support"),
        origin: origin(),
    };
    assert!(scene.world.app.access.withdraw(cmd).await.expect("a withdrawal"));
    assert!(calling_with(&scene.world, &acting.access_token).await.is_none());
}

#[tokio::test]
async fn acting_as_others_ends_with_the_session_it_may_have_begun_in_a065_a042() {
    let refresh = |pair: &TokenPair| Refresh { token: pair.refresh_token.clone(), by: None, origin: origin() };
    for way in ["reuse", "logout", "administrator"] {
        let scene = scene().await;
        let Scene { world, sue, .. } = &scene;
        let pair = world.log_in("sue").await;
        let acting = impersonating(&scene, true).await;
        calling_with(world, &acting.access_token).await.expect("somebody who acts as ann");
        let caller = calling_with(world, &pair.access_token).await.expect("sue");
        match way {
            "reuse" => {
                world.app.sessions.refresh(refresh(&pair)).await.expect("the first use");
                world.clock.advance(MINUTE);
                assert!(world.app.sessions.refresh(refresh(&pair)).await.is_err(), "a thief, or sue");
            }
            "logout" => {
                let session = caller.session().expect("a session");
                world.app.sessions.log_out(session, origin()).await.expect("logged out");
            }
            _ => {
                let cmd = manage(&Caller::operator(), sue);
                world.app.administration.revoke_sessions(cmd, Some(pair.session.id)).await.expect("revoked");
            }
        }
        assert_eq!(calling_with(world, &acting.access_token).await, None, "{way}");
    }
}
