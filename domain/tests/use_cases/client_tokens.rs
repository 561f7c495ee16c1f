//! Tokens of clients: in their own name, and those of their sessions.

use std::collections::HashSet;

use portcullis_domain::audit::{Action, Actor, Outcome};
use portcullis_domain::caller::Caller;
use portcullis_domain::clients::{Client, ClientToken, GrantError};
use portcullis_domain::event::Event;
use portcullis_domain::sessions::{ClientRefresh, Refresh, RefreshError, RefreshOutcome, TokenPair};
use portcullis_domain::tokens::{ActiveToken, AuthenticateError, Claims, RevocationTarget, Scope, Subject, TokenKind};
use portcullis_domain::{App, Failure};

use crate::clients::{client, id, replica};
use crate::faulty::faulty_world;
use crate::world::{ISSUER, MINUTE, SECOND, World, origin};

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

async fn granted(world: &World, client: &Client) -> ClientToken {
    world.app.clients.grant(client, None, &origin()).await.expect("a token")
}

fn said(app: &App, token: &ClientToken) -> Option<Claims> {
    match app.tokens.identify(token.access_token.expose()) {
        Ok(claims) => Some(claims),
        Err(AuthenticateError::Unauthenticated) => None,
        Err(other) => panic!("{other:?}"),
    }
}

async fn revoke(app: &App, token: &ClientToken) {
    let target = app.tokens.revocation_target(token.access_token.expose()).await.expect("an answer");
    let Some(RevocationTarget::Token(claims)) = target else { panic!("{target:?}") };
    app.clients.revoke_token(&claims, &origin()).await.expect("a revocation");
}

#[tokio::test]
async fn a_client_gets_a_token_in_its_own_name_a062() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read stock:write").await;
    world.clock.advance(std::time::Duration::from_millis(999));
    let token = granted(&world, &orders).await;
    let claims = said(&world.app, &token).expect("a fresh token is good");
    assert_eq!((claims.issuer.as_str(), claims.audience.as_str()), (ISSUER, "api"));
    assert_eq!((claims.subject, claims.client_id.as_str()), (Subject::Client, "orders"));
    assert_eq!(claims.sub(), "orders", "RFC 9068 §2.2: the client is the subject");
    assert_eq!(claims.authenticated_at, None, "no user has proved anything");
    assert_eq!((claims.roles, claims.permissions), (None, None));
    assert_eq!(claims.scope.to_string(), "stock:read stock:write");
    assert_eq!((claims.issued_at, claims.expires_at), (token.issued_at, token.expires_at));
    assert_eq!(token.issued_at, world.now().floor_to_second());
    assert_eq!(token.expires_at, token.issued_at.plus(15 * MINUTE));
    let acts = world.acts().await;
    let (actor, detail) = (Actor::Client("orders".to_owned()), Some(claims.id.to_string()));
    assert_eq!(acts.len(), 1);
    assert_eq!((&acts[0].actor, acts[0].action, &acts[0].detail), (&actor, Action::GrantToken, &detail));
    assert_eq!((acts[0].outcome, acts[0].subject, acts[0].session), (Outcome::Success, None, None));
    assert_eq!(world.events().await, [], "a token is nobody's news");
    world.clock.advance(15 * MINUTE - SECOND);
    assert!(said(&world.app, &token).is_some());
    world.clock.advance(SECOND);
    assert_eq!(said(&world.app, &token), None);
}

#[tokio::test]
async fn a_scope_narrows_and_never_widens_b43() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read stock:write").await;
    let from = origin();
    let grant = |text: &str| world.app.clients.grant(&orders, Some(scope(text)), &from);
    for narrower in ["stock:read", "stock:write stock:read", "stock:write", ""] {
        let token = grant(narrower).await.expect("a token");
        assert_eq!(token.scope, scope(narrower));
        assert_eq!(said(&world.app, &token).expect("good").scope, scope(narrower));
    }
    world.acts().await;
    for wider in ["admin", "stock:read admin", "stock", "STOCK:READ", "stock:*"] {
        assert!(matches!(grant(wider).await, Err(GrantError::Scope)), "{wider}");
    }
    assert_eq!(world.acts().await, []);
    let (nothing, _) = client(&world, "nothing", "").await;
    assert_eq!(granted(&world, &nothing).await.scope, Scope::default());
    assert!(world.app.clients.grant(&nothing, Some(scope("stock:read")), &origin()).await.is_err());
}

#[tokio::test]
async fn a_client_is_never_taken_for_a_user_a094() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "openid profile").await;
    let token = granted(&world, &orders).await;
    let refused = world.app.tokens.authenticate(token.access_token.expose());
    assert!(matches!(refused, Err(AuthenticateError::NotAUser)), "{refused:?}");
    let bad = world.app.tokens.authenticate(&format!("{}x", token.access_token.expose()));
    assert!(matches!(bad, Err(AuthenticateError::Unauthenticated)), "what is bad is not told apart: {bad:?}");
}

#[tokio::test]
async fn introspection_tells_what_a_clients_token_says() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read").await;
    let token = granted(&world, &orders).await;
    for hint in [None, Some(TokenKind::Access), Some(TokenKind::Refresh)] {
        let active = world.app.tokens.introspect(token.access_token.expose(), hint).await.expect("an answer");
        assert_eq!(active, said(&world.app, &token).map(|claims| ActiveToken::Access(Box::new(claims))), "{hint:?}");
    }
    world.clock.advance(15 * MINUTE);
    assert_eq!(world.app.tokens.introspect(token.access_token.expose(), None).await.expect("an answer"), None);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_the_others_are_not_a080() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read").await;
    let (lost, kept) = (granted(&world, &orders).await, granted(&world, &orders).await);
    let claims = said(&world.app, &lost).expect("good");
    world.acts().await;
    revoke(&world.app, &lost).await;
    assert_eq!(said(&world.app, &lost), None);
    assert!(said(&world.app, &kept).is_some());
    let until = world.now().plus(16 * MINUTE);
    let event = Event::TokenRevoked { token_id: claims.id, client_id: "orders".to_owned(), until };
    assert_eq!(world.events().await, [event]);
    let acts = world.acts().await;
    let (actor, detail) = (Actor::Client("orders".to_owned()), Some(claims.id.to_string()));
    assert_eq!((&acts[0].actor, acts[0].action, &acts[0].detail), (&actor, Action::RevokeToken, &detail));
    let again = world.app.tokens.revocation_target(lost.access_token.expose()).await.expect("an answer");
    assert_eq!(again, None, "there is nothing left to revoke");
}

#[tokio::test]
async fn a_revocation_of_a_token_is_known_everywhere() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read").await;
    let elsewhere = replica(&world, None);
    let last = elsewhere.learn(None).await.expect("a look");
    let token = granted(&world, &orders).await;
    assert!(said(&elsewhere, &token).is_some());
    revoke(&world.app, &token).await;
    elsewhere.learn(Some(last)).await.expect("a look");
    assert_eq!(said(&elsewhere, &token), None);
    let restarted = replica(&world, None);
    restarted.learn(None).await.expect("a look");
    assert_eq!(said(&restarted, &token), None, "a restart forgets nothing");
}

#[tokio::test]
async fn with_a_client_its_tokens_end_and_nobody_elses() {
    let world = World::new().await;
    let (orders, _) = client(&world, "orders", "stock:read").await;
    let (billing, _) = client(&world, "billing", "stock:read").await;
    let (_, pair) = world.signed_in("ann").await;
    let elsewhere = replica(&world, None);
    let last = elsewhere.learn(None).await.expect("a look");
    let (dead, alive) = (granted(&world, &orders).await, granted(&world, &billing).await);
    world.app.clients.delete(&Caller::operator(), &id("orders"), &origin()).await.expect("the end of a client");
    assert_eq!(said(&world.app, &dead), None);
    assert!(said(&world.app, &alive).is_some() && world.caller(&pair).is_some());
    elsewhere.learn(Some(last)).await.expect("a look");
    assert_eq!(said(&elsewhere, &dead), None);
    assert!(said(&elsewhere, &alive).is_some());
    // A token that was issued by somebody who had not heard of it.
    let late = elsewhere.clients.grant(&orders, None, &origin()).await.expect("a token");
    assert_eq!(said(&world.app, &late), None);
}

#[tokio::test]
async fn what_was_not_committed_gives_no_token_and_revokes_none() {
    let (world, fault) = faulty_world().await;
    let (orders, _) = client(&world, "orders", "stock:read").await;
    let token = granted(&world, &orders).await;
    let claims = said(&world.app, &token).expect("good");
    world.acts().await;
    fault.set(true);
    let refused = world.app.clients.grant(&orders, None, &origin()).await;
    assert!(matches!(refused, Err(GrantError::Failure(Failure::Unavailable(_)))), "{refused:?}");
    assert!(world.app.clients.revoke_token(&claims, &origin()).await.is_err());
    fault.set(false);
    assert!(said(&world.app, &token).is_some());
    assert_eq!((world.acts().await, world.events().await), (Vec::new(), Vec::new()));
}

async fn refresh(
    world: &World,
    pair: &TokenPair,
    client_id: &str,
    wanted: Option<&str>,
) -> Result<(TokenPair, RefreshOutcome), RefreshError> {
    let by = ClientRefresh { client_id: client_id.to_owned(), scope: wanted.map(scope) };
    let token = pair.refresh_token.clone();
    world.app.sessions.refresh(Refresh { token, by: Some(by), origin: origin() }).await
}

#[tokio::test]
async fn a_client_refreshes_the_sessions_that_it_began() {
    let world = World::new().await;
    let (user, pair) = world.signed_in("ann").await;
    let (next, outcome) = refresh(&world, &pair, "web", None).await.expect("new tokens");
    assert_eq!(
        (outcome, next.session.user, next.scope.to_string()),
        (RefreshOutcome::Rotated, user.id, "openid profile".to_owned())
    );
    assert_eq!(world.calls(&next).scope, next.scope);
    let (again, outcome) = refresh(&world, &pair, "web", None).await.expect("the same tokens, within the grace");
    assert_eq!((outcome, &again.refresh_token), (RefreshOutcome::Replayed, &next.refresh_token));
}

#[tokio::test]
async fn another_clients_refresh_token_is_not_valid_and_not_used_up_a068_a079() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    for stranger in ["orders", "", "WEB", "web "] {
        let refused = refresh(&world, &pair, stranger, None).await;
        assert!(matches!(refused, Err(RefreshError::Invalid)), "{stranger}: {refused:?}");
    }
    assert_eq!(world.session(pair.session.id).await, Some(pair.session.clone()), "nothing has happened to it");
    let (next, outcome) = refresh(&world, &pair, "web", None).await.expect("new tokens");
    assert_eq!(outcome, RefreshOutcome::Rotated);
    // Nor does a token that was used long ago do more in the hands of another client than in nobody's.
    world.clock.advance(MINUTE);
    assert!(matches!(refresh(&world, &pair, "orders", None).await, Err(RefreshError::Invalid)));
    assert!(world.caller(&next).is_some(), "the session lives");
    assert!(matches!(refresh(&world, &pair, "web", None).await, Err(RefreshError::Reused)));
    assert_eq!(world.caller(&next), None, "its own client's reuse ends it");
}

#[tokio::test]
async fn a_narrower_scope_is_the_tokens_and_not_the_sessions_a068() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (narrow, _) = refresh(&world, &pair, "web", Some("profile")).await.expect("new tokens");
    assert_eq!(
        (narrow.scope.to_string(), narrow.session.scope.to_string()),
        ("profile".into(), "openid profile".into())
    );
    assert_eq!(world.calls(&narrow).scope.to_string(), "profile");
    let (wide, _) = refresh(&world, &narrow, "web", None).await.expect("new tokens");
    assert_eq!(world.calls(&wide).scope.to_string(), "openid profile", "the session keeps its own");
    let (other, _) = refresh(&world, &wide, "web", Some("openid profile")).await.expect("new tokens");
    assert_eq!(other.scope, pair.scope);
}

#[tokio::test]
async fn a_scope_beyond_the_sessions_is_refused_and_uses_nothing_up_a068_b43() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    for wider in ["admin", "openid profile admin", "OPENID"] {
        let refused = refresh(&world, &pair, "web", Some(wider)).await;
        assert!(matches!(refused, Err(RefreshError::Scope)), "{wider}: {refused:?}");
    }
    assert_eq!(world.session(pair.session.id).await, Some(pair.session.clone()));
    let (_, outcome) = refresh(&world, &pair, "web", None).await.expect("new tokens");
    assert_eq!(outcome, RefreshOutcome::Rotated);
}

#[tokio::test]
async fn what_is_no_live_refresh_token_is_not_valid_whoever_presents_it() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (orders, _) = client(&world, "orders", "openid").await;
    let own = granted(&world, &orders).await;
    for noise in [pair.access_token.clone(), own.access_token, String::new().into(), "noise".to_owned().into()] {
        let not_one = TokenPair { refresh_token: noise, ..pair.clone() };
        assert!(matches!(refresh(&world, &not_one, "web", Some("openid")).await, Err(RefreshError::Invalid)));
    }
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    assert!(matches!(refresh(&world, &pair, "web", None).await, Err(RefreshError::Invalid)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_refreshes_by_the_client_give_one_successor_a066() {
    let world = std::sync::Arc::new(World::new().await);
    let (_, pair) = world.signed_in("ann").await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (world, pair) = (world.clone(), pair.clone());
            // Some ask for less: they all get the one successor.
            let wanted = (number % 2 == 0).then_some("profile");
            tokio::spawn(async move { refresh(&world, &pair, "web", wanted).await })
        })
        .collect();
    let (mut rotated, mut successors) = (0, HashSet::new());
    for task in tasks {
        let (next, outcome) = task.await.expect("a task").expect("no innocent use is refused");
        rotated += usize::from(outcome == RefreshOutcome::Rotated);
        successors.insert(next.refresh_token.expose().to_owned());
    }
    assert_eq!((rotated, successors.len()), (1, 1));
}
