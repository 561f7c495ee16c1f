//! Signing in over a session that the browser has already (A039).

use std::sync::Arc;

use portcullis_domain::audit::{Action, AuditQuery};
use portcullis_domain::event::Event;
use portcullis_domain::ids::{EventId, SessionId};
use portcullis_domain::sessions::{
    ListSessions, LogIn, LogInError, RefreshError, RevocationReason, SessionPolicy, TokenPair,
};

use crate::world::{DAY, MINUTE, PASSWORD, SECOND, World, login, origin, policy};

async fn over(world: &World, name: &str, with: &str, old: SessionId) -> Result<TokenPair, LogInError> {
    let cmd = LogIn { replaces: Some(old), ..login(name, with) };
    world.app.sessions.log_in(cmd).await.map(|signed_in| signed_in.pair)
}

async fn live(world: &World, pair: &TokenPair) -> Vec<SessionId> {
    let query = ListSessions { user: pair.session.user, after: None, limit: 200 };
    world.app.sessions.list(query).await.expect("a list").0.into_iter().map(|session| session.id).collect()
}

#[tokio::test]
async fn a039_b39_a_login_over_a_session_has_a_new_identifier_and_ends_the_old_one() {
    let world = World::new().await;
    let (ann, old) = world.signed_in("ann").await;
    let elsewhere = world.log_in("ann").await;
    world.events().await;
    world.clock.advance(SECOND);
    let new = over(&world, "ann", PASSWORD, old.session.id).await.expect("a session");
    assert_ne!(new.session.id, old.session.id);
    assert_ne!(new.access_token.expose(), old.access_token.expose());
    assert_ne!(new.refresh_token.expose(), old.refresh_token.expose());
    assert_eq!(world.caller(&old), None, "the old access token is refused at once");
    assert!(matches!(world.refresh(&old).await, Err(RefreshError::Invalid)), "and the old refresh token");
    world.calls(&new);
    world.refreshed(&new).await;
    world.calls(&elsewhere);
    let revoked = world.session(old.session.id).await.and_then(|session| session.revoked).expect("it is over");
    assert_eq!((revoked.at, revoked.reason), (world.now(), RevocationReason::Displaced));

    let ended = Event::SessionRevoked {
        user_id: ann.id,
        session_id: old.session.id,
        reason: RevocationReason::Displaced,
        until: world.now().plus(16 * MINUTE),
    };
    let from = origin();
    let started =
        Event::SessionStarted { user_id: ann.id, session_id: new.session.id, ip: from.ip, user_agent: from.user_agent };
    assert_eq!(world.events().await, [ended, started]);
}

#[tokio::test]
async fn b39_a_login_that_is_refused_leaves_the_old_session_as_it_is() {
    let world = World::new().await;
    let (_, old) = world.signed_in("ann").await;
    let before = world.session(old.session.id).await;
    for (name, with) in [("ann", "wrong"), ("nobody", PASSWORD), ("no such name!", PASSWORD)] {
        over(&world, name, with, old.session.id).await.expect_err("refused");
    }
    assert_eq!(world.session(old.session.id).await, before);
    world.calls(&old);
    world.refreshed(&old).await;
    world.events().await;
}

#[tokio::test]
async fn a_session_that_is_over_or_unknown_is_replaced_by_nothing_special() {
    let world = World::new().await;
    let (_, old) = world.signed_in("ann").await;
    world.app.sessions.log_out(&world.calls(&old), origin()).await.expect("a logout");
    world.events().await;
    let before = world.session(old.session.id).await;
    let unknown = SessionId::new(world.now(), &*world.ports.random);
    for id in [old.session.id, unknown] {
        over(&world, "ann", PASSWORD, id).await.expect("a session");
        let events = world.events().await;
        assert!(matches!(events.as_slice(), [Event::SessionStarted { .. }]), "{events:?}");
    }
    assert_eq!(world.session(old.session.id).await, before, "it ended when and why it ended");

    let idle = world.log_in("ann").await;
    world.events().await;
    world.clock.advance(31 * DAY);
    over(&world, "ann", PASSWORD, idle.session.id).await.expect("a session");
    let events = world.events().await;
    assert!(matches!(events.as_slice(), [Event::SessionStarted { .. }]), "it ended by itself: {events:?}");
}

#[tokio::test]
async fn a039_a_login_ends_the_session_whose_cookies_it_overwrites_whoever_it_was() {
    let world = World::new().await;
    let (ann, theirs) = world.signed_in("ann").await;
    world.register("ben").await;
    world.events().await;
    over(&world, "ben", PASSWORD, theirs.session.id).await.expect("a session");
    assert!(world.app.tokens.authenticate(theirs.access_token.expose()).is_err(), "nobody holds its tokens any more");
    let told = world.events().await;
    let ended = told.iter().filter(|event| event.name() == "session.revoked").collect::<Vec<_>>();
    let subjects = ended.iter().map(|event| event.subject(EventId::new(world.now(), &*world.ports.random)));
    assert_eq!(subjects.collect::<Vec<_>>(), [format!("users/{}", ann.id)], "told under its owner");
    let on_ann = AuditQuery { subject: Some(ann.id), limit: 1, ..AuditQuery::default() };
    let last = world.app.audit.page(&on_ann).await.expect("a page").remove(0);
    assert_eq!(
        (last.action, last.session, last.detail.as_deref()),
        (Action::Revoke, Some(theirs.session.id), Some("displaced"))
    );
}

#[tokio::test]
async fn at_the_limit_the_replaced_session_makes_the_room() {
    let world = World::with_policy(SessionPolicy { max_per_account: 3, ..policy() }).await;
    let (_, first) = world.signed_in("ann").await;
    let mut sessions = vec![first.session.id];
    for _ in 0..2 {
        world.clock.advance(SECOND);
        sessions.insert(0, world.log_in("ann").await.session.id);
    }
    for place in [0, 1, 2] {
        world.clock.advance(SECOND);
        let new = over(&world, "ann", PASSWORD, sessions.remove(place)).await.expect("a session");
        sessions.insert(0, new.session.id);
        assert_eq!(live(&world, &first).await, sessions, "one goes, one comes, and no other device is signed out");
    }
    world.clock.advance(SECOND);
    let new = world.log_in("ann").await;
    sessions.pop();
    sessions.insert(0, new.session.id);
    assert_eq!(live(&world, &first).await, sessions, "without one to replace, the oldest goes");
    world.events().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_logins_over_one_session_end_it_once() {
    let world = Arc::new(World::new().await);
    let (_, old) = world.signed_in("ann").await;
    let tasks: Vec<_> = (0..24)
        .map(|_| {
            let (world, id) = (world.clone(), old.session.id);
            tokio::spawn(async move { over(&world, "ann", PASSWORD, id).await.expect("a session") })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    let events = world.events().await;
    let ended = events.iter().filter(|event| matches!(event, Event::SessionRevoked { .. })).count();
    assert_eq!((ended, events.len()), (1, 25), "one end and 24 beginnings");
    assert_eq!(live(&world, &old).await.len(), 24);
}
