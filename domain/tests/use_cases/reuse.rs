//! A refresh token that comes back.

use std::sync::Arc;

use portcullis_domain::event::Event;
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_domain::sessions::{Refresh, RefreshError, RevocationReason};

use crate::world::{MINUTE, SECOND, World, origin};

#[tokio::test]
async fn a_reused_refresh_token_revokes_its_session_and_is_announced_a065() {
    let world = World::new().await;
    let (user, stolen) = world.signed_in("ann").await;
    let elsewhere = world.log_in("ann").await;
    let live = world.refreshed(&stolen).await;
    world.events().await;
    world.clock.advance(11 * SECOND);

    let refused = world.refresh(&stolen).await;
    assert!(matches!(refused, Err(RefreshError::Reused)), "{refused:?}");
    let session = stolen.session.id;
    let revoked = world.session(session).await.and_then(|session| session.revoked).expect("the session is revoked");
    assert_eq!((revoked.at, revoked.reason), (world.now(), RevocationReason::TokenReuse));
    assert!(world.revocations.is_revoked(session.into()));
    for pair in [&stolen, &live] {
        assert_eq!(world.caller(pair), None, "every access token of the session is refused at once");
        let refused = world.refresh(pair).await;
        assert!(
            matches!(refused, Err(RefreshError::Invalid)),
            "every refresh token is over, the live one too: {refused:?}"
        );
    }
    world.calls(&elsewhere);
    world.refreshed(&elsewhere).await;

    let events = world.events().await;
    let detected = Event::SessionReuseDetected {
        user_id: user.id,
        session_id: session,
        ip: origin().ip,
        user_agent: origin().user_agent,
    };
    let until = revoked.at.plus(16 * MINUTE);
    let ended =
        Event::SessionRevoked { user_id: user.id, session_id: session, reason: RevocationReason::TokenReuse, until };
    assert_eq!(events, [detected, ended], "reuse is announced once, with the end of the session");
}

#[tokio::test]
async fn a_token_of_many_rotations_ago_is_reuse_also_within_the_grace_a065() {
    let world = World::new().await;
    let (_, first) = world.signed_in("ann").await;
    let mut pair = first.clone();
    for _ in 0..5 {
        pair = world.refreshed(&pair).await;
    }
    let refused = world.refresh(&first).await;
    assert!(matches!(refused, Err(RefreshError::Reused)), "it is too old to be a lost answer: {refused:?}");
    assert!(world.refresh(&pair).await.is_err(), "the session is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_reuses_are_announced_once() {
    let world = Arc::new(World::new().await);
    let (_, stolen) = world.signed_in("ann").await;
    world.refreshed(&stolen).await;
    world.clock.advance(11 * SECOND);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (world, token) = (world.clone(), stolen.refresh_token.expose().to_owned());
            tokio::spawn(async move {
                world.app.sessions.refresh(Refresh { token: token.into(), by: None, origin: origin() }).await
            })
        })
        .collect();
    let mut reused = 0;
    for task in tasks {
        match task.await.expect("a task") {
            Err(RefreshError::Reused) => reused += 1,
            Err(RefreshError::Invalid) => {}
            other => panic!("a stolen token gives nothing: {other:?}"),
        }
    }
    assert_eq!(reused, 1, "one of them ends the session");
    assert_eq!(world.events().await.len(), 2, "reuse and end are announced once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thief_and_owner_never_hold_two_live_tokens_i6() {
    for _ in 0..20 {
        let world = Arc::new(World::new().await);
        let (_, stolen) = world.signed_in("ann").await;
        let live = world.refreshed(&stolen).await;
        world.clock.advance(11 * SECOND);
        let tokens = [&stolen, &live].map(|pair| pair.refresh_token.expose().to_owned());
        let tasks: Vec<_> = (0..24)
            .map(|number| {
                let (world, token) = (world.clone(), tokens[number % 2].clone());
                tokio::spawn(async move {
                    world.app.sessions.refresh(Refresh { token: token.into(), by: None, origin: origin() }).await
                })
            })
            .collect();
        for task in tasks {
            drop(task.await.expect("a task"));
        }
        let session = world.session(stolen.session.id).await.expect("the session");
        assert!(session.revoked.is_some(), "the reuse has ended the session");
        for pair in [&stolen, &live] {
            assert!(world.refresh(pair).await.is_err(), "nothing of it is live");
        }
    }
}
