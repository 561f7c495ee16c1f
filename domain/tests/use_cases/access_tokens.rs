//! Roles and permissions in access tokens, by setting.

use portcullis_domain::app::Settings;
use portcullis_domain::caller::{Caller, Impersonation};
use portcullis_domain::event::Event;
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::store::Store;
use portcullis_domain::sessions::{LogIn, RefreshError, Session, TokenFamily, TokenPair};
use portcullis_domain::tokens::{ActiveToken, Claims, Scope, TokenKind};

use crate::access_scene::{define, defined, grant, granted, resolved, role, somebody, withdrawn};
use crate::faulty::faulty_world;
use crate::world::{PASSWORD, SECOND, World, login, policy, settings};

async fn telling(roles: bool, permissions: bool) -> World {
    let settings = Settings { roles_in_tokens: roles, permissions_in_tokens: permissions, ..settings(policy()) };
    World::with_settings(settings, |_| {}).await
}

fn said(world: &World, pair: &TokenPair) -> Claims {
    world.app.tokens.identify(pair.access_token.expose()).expect("a good token")
}

fn words(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn a_token_says_what_the_settings_ask_for_and_nothing_by_default() {
    for (roles, permissions) in [(false, false), (true, false), (false, true), (true, true)] {
        let world = telling(roles, permissions).await;
        let (_, pair, _) = somebody(&world, "ann", &["orders:read", "orders:*"]).await;
        let claims = said(&world, &pair);
        assert_eq!(claims.roles, roles.then(|| words(&["role-of-ann", "user"])).flatten());
        assert_eq!(claims.permissions, permissions.then(|| words(&["orders:*"])).flatten(), "in the fewest words");
        let caller = world.calls(&pair);
        assert_eq!(caller.roles.len(), if roles { 2 } else { 0 });
    }
}

#[tokio::test]
async fn each_refresh_says_it_anew_and_an_event_tells_of_the_change() {
    let world = telling(true, true).await;
    let (ann, pair, _) = somebody(&world, "ann", &["orders:read"]).await;
    withdrawn(&world, ann.id, "role-of-ann").await;
    assert_eq!(world.events().await, [Event::UserRolesChanged { user_id: ann.id, roles: vec![role("user")] }]);
    let next = world.refreshed(&pair).await;
    assert_eq!((said(&world, &next).roles, said(&world, &next).permissions), (words(&["user"]), words(&[])));
    // Also when the same token is presented again within the grace.
    granted(&world, ann.id, "role-of-ann").await;
    let again = world.refreshed(&pair).await;
    assert_eq!(said(&world, &again).permissions, words(&["orders:read"]));
    let Some(ActiveToken::Access(told)) =
        world.app.tokens.introspect(again.access_token.expose(), None).await.expect("an answer")
    else {
        panic!("an active token")
    };
    assert_eq!(told.roles, words(&["role-of-ann", "user"]));
}

#[tokio::test]
async fn a_token_of_a_foreign_client_says_no_roles_and_only_what_its_scope_names() {
    let world = telling(true, true).await;
    somebody(&world, "ann", &["orders:*", "users:read"]).await;
    let scope = Scope::parse("openid orders:read users:delete").expect("a scope");
    let cmd = LogIn { client_id: "app".to_owned(), scope, ..login("ann", PASSWORD) };
    let pair = world.app.sessions.log_in(cmd).await.expect("a session").pair;
    let claims = said(&world, &pair);
    assert_eq!((claims.roles, claims.permissions), (words(&[]), words(&["orders:read"])));
    let caller = resolved(&world, &pair).await;
    assert_eq!(
        caller.permissions.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["orders:read"],
        "as it is judged"
    );
}

#[tokio::test]
async fn what_would_not_fit_in_a_header_is_left_out() {
    let world = telling(true, true).await;
    let ann = world.register("ann").await;
    let many: Vec<String> = (0..150).map(|number| format!("thing-{number}:read")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    defined(&world, "wide", &many).await;
    granted(&world, ann.id, "wide").await;
    let claims = said(&world, &world.log_in("ann").await);
    assert_eq!((claims.roles, claims.permissions), (words(&["user", "wide"]), None));
    for number in 0..40 {
        let name = format!("{}-{number}", "r".repeat(50));
        defined(&world, &name, &[]).await;
        granted(&world, ann.id, &name).await;
    }
    assert_eq!(said(&world, &world.log_in("ann").await).roles, None);
}

#[tokio::test]
async fn without_the_setting_nothing_is_looked_up() {
    let (world, fault) = faulty_world().await;
    world.register("ann").await;
    fault.asked();
    let pair = world.log_in("ann").await;
    world.refreshed(&pair).await;
    assert!(!fault.asked().contains(&"roles"));
}

#[tokio::test]
async fn the_roles_of_now_are_told_whatever_a_token_says() {
    let world = telling(true, false).await;
    let (ann, pair, _) = somebody(&world, "ann", &["orders:read"]).await;
    let session = world.calls(&pair);
    let now = async || world.app.access.recent_caller(session.clone()).await.map(|caller| caller.roles);
    assert_eq!(now().await.expect("an answer"), [role("role-of-ann"), role("user")]);
    withdrawn(&world, ann.id, "role-of-ann").await;
    assert_eq!(now().await.expect("an answer"), [role("user")], "at once, whatever the token says");
    let operator = Caller::operator();
    world.app.access.create_role(define(&operator, "clerk", &[])).await.expect("a role");
    world.app.access.grant(grant(&operator, ann.id, "clerk")).await.expect("a grant");
    assert_eq!(now().await.expect("an answer"), [role("clerk"), role("user")]);
}

#[tokio::test]
async fn a_session_in_which_somebody_else_acts_is_never_refreshed() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let boss = world.register("boss").await;
    world.events().await;
    world.clock.advance(SECOND);
    let id = SessionId::new(world.now(), &*world.ports.random);
    let token = world.ports.refresh_tokens.first(id, [7; 32]);
    let session = Session {
        id,
        impersonation: Some(Impersonation { by: boss.id, read_only: false }),
        family: TokenFamily::new(token.digest),
        ..pair.session.clone()
    };
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.sessions().insert(&session).await.expect("a session");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    for _ in 0..2 {
        let acting = TokenPair { refresh_token: token.value.clone(), session: session.clone(), ..pair.clone() };
        let refused = world.refresh(&acting).await;
        assert!(matches!(refused, Err(RefreshError::Invalid)), "{refused:?}");
        assert_eq!(world.session(id).await.as_ref(), Some(&session), "and nothing about it has changed");
    }
    let told = world.app.tokens.introspect(token.value.expose(), Some(TokenKind::Refresh)).await.expect("an answer");
    assert_eq!(told, None);
    world.refreshed(&pair).await;
}
