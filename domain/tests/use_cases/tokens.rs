//! Who presents this token, and what others may know about it.

use portcullis_domain::audit::Actor;
use portcullis_domain::sessions::RevocationReason;
use portcullis_domain::tokens::{ActiveToken, RevocationTarget, Subject, TokenKind};

use crate::world::{ISSUER, MINUTE, SECOND, World, origin};

const HINTS: [Option<TokenKind>; 3] = [None, Some(TokenKind::Access), Some(TokenKind::Refresh)];

async fn active(world: &World, token: &str, hint: Option<TokenKind>) -> Option<ActiveToken> {
    world.app.tokens.introspect(token, hint).await.expect("an answer")
}

#[tokio::test]
async fn an_access_token_authenticates_until_it_expires() {
    let world = World::new().await;
    let (user, pair) = world.signed_in("ann").await;
    world.clock.advance(15 * MINUTE - SECOND);
    let caller = world.calls(&pair);
    assert_eq!((caller.user, caller.session), (user.id, pair.session.id));
    assert_eq!(caller.expires_at, pair.access_expires_at);
    assert_eq!(caller.roles, Vec::<String>::new(), "by default a token carries no roles");
    world.clock.advance(SECOND);
    assert_eq!(world.caller(&pair), None);
}

#[tokio::test]
async fn nothing_else_authenticates_a056_a061() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let good = pair.access_token.expose();
    let refresh = pair.refresh_token.expose();
    for token in ["", " ", "a.b.c", refresh, &format!("{good} "), &good[..good.len() - 1], &format!("Bearer {good}")] {
        assert!(world.app.tokens.authenticate(token).is_err(), "{token:.30?}");
    }
}

#[tokio::test]
async fn the_claims_are_those_of_the_contract() {
    let world = World::new().await;
    let (user, pair) = world.signed_in("ann").await;
    let Some(ActiveToken::Access(claims)) = active(&world, pair.access_token.expose(), None).await else {
        panic!("a fresh access token is active")
    };
    assert_eq!((claims.issuer.as_str(), claims.audience.as_str()), (ISSUER, "api"));
    let subject = Subject::User { id: user.id, session: pair.session.id };
    assert_eq!((claims.subject, claims.client_id.as_str()), (subject, "web"));
    assert_eq!((claims.issued_at, claims.expires_at), (world.now(), world.now().plus(15 * MINUTE)));
    assert_eq!(claims.authenticated_at, Some(pair.session.authenticated_at));
    assert_eq!(claims.scope.to_string(), "openid profile");
    assert_eq!((claims.roles, claims.permissions), (None, None), "by default only ids and scope");
    let next = world.refreshed(&pair).await;
    let Some(ActiveToken::Access(later)) = active(&world, next.access_token.expose(), None).await else {
        panic!("a fresh access token is active")
    };
    assert_ne!(later.id, claims.id, "every token has an id of its own");
}

#[tokio::test]
async fn iat_is_floored_to_the_second() {
    let world = World::new().await;
    world.clock.advance(std::time::Duration::from_millis(999));
    let (_, pair) = world.signed_in("ann").await;
    let Some(ActiveToken::Access(claims)) = active(&world, pair.access_token.expose(), None).await else {
        panic!("a fresh access token is active")
    };
    assert_eq!(claims.issued_at, world.now().floor_to_second(), "a client whose clock is behind must not refuse it");
    assert_eq!(claims.expires_at, claims.issued_at.plus(15 * MINUTE));
}

#[tokio::test]
async fn introspection_knows_both_kinds_whatever_the_hint() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    for hint in HINTS {
        let access = active(&world, pair.access_token.expose(), hint).await;
        assert!(matches!(access, Some(ActiveToken::Access(_))), "{hint:?}: {access:?}");
        let refresh = active(&world, pair.refresh_token.expose(), hint).await;
        let expected = Some(ActiveToken::Refresh(Box::new(pair.session.clone())));
        assert_eq!(refresh, expected, "{hint:?}");
    }
}

#[tokio::test]
async fn what_is_not_live_is_not_active_whatever_the_hint() {
    let world = World::new().await;
    let (_, used) = world.signed_in("ann").await;
    let live = world.refreshed(&used).await;
    for hint in HINTS {
        assert_eq!(active(&world, "", hint).await, None);
        assert_eq!(active(&world, "noise", hint).await, None);
        assert_eq!(active(&world, used.refresh_token.expose(), hint).await, None, "a used refresh token is not live");
        assert!(active(&world, live.refresh_token.expose(), hint).await.is_some(), "asking uses nothing up");
    }
    world.app.sessions.log_out(&world.calls(&live), origin()).await.expect("a logout");
    for hint in HINTS {
        for pair in [&used, &live] {
            assert_eq!(active(&world, pair.access_token.expose(), hint).await, None, "its session is revoked");
            assert_eq!(active(&world, pair.refresh_token.expose(), hint).await, None, "its session is revoked");
        }
    }
}

#[tokio::test]
async fn a_revocation_finds_the_session_of_either_token() {
    let world = World::new().await;
    let (user, used) = world.signed_in("ann").await;
    let live = world.refreshed(&used).await;
    let (user, session, client_id) = (user.id, live.session.id, "web".to_owned());
    let expected = Some(RevocationTarget::Session { user, session, client_id });
    for token in [&live.access_token, &live.refresh_token, &used.refresh_token] {
        let target = world.app.tokens.revocation_target(token.expose()).await.expect("an answer");
        assert_eq!(target, expected, "a used refresh token still names its session");
    }
    assert_eq!(world.app.tokens.revocation_target("noise").await.expect("an answer"), None);
    let cmd = portcullis_domain::sessions::RevokeSession {
        user,
        session,
        reason: RevocationReason::TokenRevoked,
        actor: Actor::Client("web".to_owned()),
        origin: origin(),
    };
    assert!(world.app.sessions.revoke(cmd).await.expect("an answer"));
    for token in [&live.access_token, &live.refresh_token] {
        let target = world.app.tokens.revocation_target(token.expose()).await.expect("an answer");
        assert_eq!(target, None, "the session is over");
    }
}
