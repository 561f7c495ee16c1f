//! Who calls, and what they may do at this moment.

use portcullis_domain::access::ResolveError;
use portcullis_domain::accounts::UserStatus;
use portcullis_domain::audit::Actor;
use portcullis_domain::caller::{Caller, Identity};
use portcullis_domain::clients::{ChangeClientError, CreateClientError, ReadClientError, RotateSecret};
use portcullis_domain::ids::UserId;
use portcullis_domain::tokens::{Claims, Scope};

use crate::access_scene::{define, granted, permissions, resolved, role, set_status, somebody, withdrawn};
use crate::clients::{client, id, replica, wanted};
use crate::world::{HOUR, World, deletion, origin};

fn is_nobody(outcome: &Result<Caller, ResolveError>) -> bool {
    matches!(outcome, Err(ResolveError::Unauthenticated))
}

async fn claims(world: &World, name: &str) -> Claims {
    let pair = world.log_in(name).await;
    world.app.tokens.identify(pair.access_token.expose()).expect("a good token")
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

#[tokio::test]
async fn a_user_may_what_their_roles_allow_at_this_moment_a104() {
    let world = World::new().await;
    let (ann, pair, caller) = somebody(&world, "ann", &["orders:read"]).await;
    assert_eq!(caller.roles, [role("role-of-ann"), role("user")]);
    assert_eq!(caller.permissions, permissions(&["orders:read"]));
    assert_eq!((caller.user(), caller.actor()), (Some(ann.id), Actor::User(ann.id)));
    assert_eq!(caller.session().map(|session| session.session), Some(pair.session.id));
    withdrawn(&world, ann.id, "role-of-ann").await;
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&[]), "with the same token");
    granted(&world, ann.id, "admin").await;
    assert_eq!(resolved(&world, &pair).await.permissions, permissions(&["*:*"]));
}

#[tokio::test]
async fn an_account_that_may_not_be_used_or_is_gone_is_nobody() {
    let world = World::new().await;
    let ann = world.register("ann").await;
    let claims = claims(&world, "ann").await;
    set_status(&world, ann.id, UserStatus::Disabled).await;
    assert!(is_nobody(&world.app.access.resolve_token(&claims).await));
    let standing = world.app.access.standing(ann.id).await.expect("a look").expect("the account");
    assert_eq!((standing.status, standing.roles), (UserStatus::Disabled, vec![role("user")]));
    set_status(&world, ann.id, UserStatus::Active).await;
    world.app.access.resolve_token(&claims).await.expect("a caller");
    world.app.accounts.delete(deletion(ann.id)).await.expect("a deletion");
    assert!(is_nobody(&world.app.access.resolve_token(&claims).await));
    assert_eq!(world.app.access.standing(ann.id).await.expect("a look"), None);
    assert_eq!(world.app.access.recent_standing(ann.id).await.expect("a look"), None);
}

#[tokio::test]
async fn through_a_foreign_client_a_user_may_what_its_scope_names_and_no_more() {
    let world = World::new().await;
    somebody(&world, "ann", &["orders:*", "users:read"]).await;
    let own = claims(&world, "ann").await;
    let cases = [
        ("", &[][..]),
        ("openid profile", &[]),
        ("orders:read openid users:write", &["orders:read"]),
        ("*:read", &["orders:read", "users:read"]),
        ("*:*", &["orders:*", "users:read"]),
    ];
    for (asked, may) in cases {
        let claims = Claims { client_id: "app".to_owned(), scope: scope(asked), ..own.clone() };
        let caller = world.app.access.resolve_token(&claims).await.expect("a caller");
        assert_eq!(caller.permissions, permissions(may), "{asked}");
        assert_eq!(caller.roles, [], "a role would say more than the scope");
    }
}

#[tokio::test]
async fn as_somebody_else_one_may_what_both_may_for_as_long_as_one_may_act_so() {
    let world = World::new().await;
    somebody(&world, "ann", &["orders:*", "users:read"]).await;
    let (boss, _, _) =
        somebody(&world, "boss", &["orders:*", "audit:*", "users:impersonate", "users:impersonate-write"]).await;
    let acting = Claims { actor: Some(boss.id), ..claims(&world, "ann").await };
    let looking = Claims { scope: scope("openid read_only"), ..acting.clone() };
    let now = |claims: &Claims| {
        let claims = claims.clone();
        let access = &world.app.access;
        async move { access.resolve_token(&claims).await }
    };
    assert_eq!(now(&acting).await.expect("a caller").permissions, permissions(&["orders:*"]));
    assert_eq!(
        now(&looking).await.expect("a caller").permissions,
        permissions(&["orders:read"]),
        "nothing but reading"
    );

    // What the one who acts loses, is lost at once; and who may not act so any more is nobody.
    let reduced = define(&Caller::operator(), "role-of-boss", &["orders:read", "users:impersonate"]);
    world.app.access.update_role(reduced).await.expect("a change");
    assert!(is_nobody(&now(&acting).await));
    assert_eq!(now(&looking).await.expect("a caller").permissions, permissions(&["orders:read"]));
    set_status(&world, boss.id, UserStatus::Disabled).await;
    assert!(is_nobody(&now(&looking).await));
    set_status(&world, boss.id, UserStatus::Active).await;
    withdrawn(&world, boss.id, "role-of-boss").await;
    assert!(is_nobody(&now(&looking).await));
    let nobody = Claims { actor: Some(UserId::from_uuid(uuid::Uuid::from_u128(9))), ..acting };
    assert!(is_nobody(&now(&nobody).await));
}

#[tokio::test]
async fn a_client_may_what_its_token_and_its_registration_name() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "orders:read orders:write mail").await;
    let token = world.app.clients.grant(&orders, Some(scope("orders:read mail")), &origin()).await.expect("a token");
    let claims = world.app.tokens.identify(token.access_token.expose()).expect("a good token");
    let caller = world.app.access.resolve_token(&claims).await.expect("a caller");
    let identity = Identity::Client { id: "orders".to_owned() };
    assert_eq!(caller, Caller { identity, permissions: permissions(&["orders:read"]), roles: Vec::new() });
    assert_eq!((caller.user(), caller.actor()), (None, Actor::Client("orders".to_owned())));
    // A token that says more than the client may ask for now.
    let wide = Claims { scope: scope("*:*"), ..claims.clone() };
    let caller = world.app.access.resolve_token(&wide).await.expect("a caller");
    assert_eq!(caller.permissions, permissions(&["orders:read", "orders:write"]));
    // Elsewhere the client may be unknown: its token speaks for itself.
    let elsewhere = replica(&world, None).access.resolve_token(&claims).await.expect("a caller");
    assert_eq!(elsewhere.permissions, permissions(&["orders:read"]));
    world.app.clients.delete(&Caller::operator(), &id("orders"), &origin()).await.expect("the end of a client");
    assert!(is_nobody(&world.app.access.resolve_token(&claims).await));
}

#[tokio::test]
async fn nobody_gets_at_rights_by_a_client_that_they_lack_a104() {
    let world = World::new().await;
    let (_, _, caller) = somebody(&world, "ann", &["clients:*", "orders:read"]).await;
    client(&world, "boss", "users:delete mail").await;
    let clients = &world.app.clients;
    let by = |name: &str, text: &str| {
        let mut cmd = wanted(name, text);
        cmd.caller = caller.clone();
        clients.create(cmd)
    };
    for (name, text) in [("one", "users:read"), ("two", "orders:read *:*"), ("three", "orders:*")] {
        assert!(matches!(by(name, text).await, Err(CreateClientError::Forbidden(_))), "{text}");
    }
    by("mine", "orders:read mail openid").await.expect("words that are no permissions are for everybody");
    let secret = RotateSecret { client: id("boss"), overlap: HOUR, caller: caller.clone(), origin: origin() };
    assert!(matches!(clients.rotate_secret(secret).await, Err(ChangeClientError::Forbidden(_))));
    let gone = clients.delete(&caller, &id("boss"), &origin()).await;
    assert!(matches!(gone, Err(ChangeClientError::Forbidden(_))), "{gone:?}");
    clients.get(&caller, &id("boss")).await.expect("it is still there");
    assert!(matches!(clients.get(&caller, &id("nobody")).await, Err(ReadClientError::Unknown(_))));
    let refused = world.acts().await.into_iter().filter(|act| act.outcome.refusal().is_some());
    assert_eq!(refused.count(), 5, "each is on record");
}
