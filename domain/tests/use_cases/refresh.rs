//! Staying signed in.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::event::Event;
use portcullis_domain::sessions::{ClientRefresh, LogIn, Refresh, RefreshError, RefreshOutcome, SessionPolicy};

use crate::world::{DAY, MINUTE, PASSWORD, SECOND, World, login, origin, policy};

const MICRO: Duration = Duration::from_micros(1);

#[tokio::test]
async fn a_refresh_token_is_rotated_at_each_use_a064() {
    let world = World::new().await;
    let (user, mut pair) = world.signed_in("ann").await;
    let mut seen = HashSet::from([pair.refresh_token.expose().to_owned()]);
    for step in 1..=100_u32 {
        world.clock.advance(MINUTE);
        let (next, outcome) = world.refresh(&pair).await.expect("the live token is rotated");
        assert_eq!(outcome, RefreshOutcome::Rotated, "step {step}");
        assert!(seen.insert(next.refresh_token.expose().to_owned()), "step {step} gives a new token");
        assert_ne!(next.access_token.expose(), pair.access_token.expose());
        assert_eq!((next.session.id, next.session.user), (pair.session.id, user.id), "the session stays the same");
        assert_eq!(next.session.family.generation, step);
        assert_eq!(next.session.last_seen_at, world.now());
        assert_eq!(next.access_expires_at, world.now().plus(15 * MINUTE));
        assert_eq!(next.session.scope, pair.session.scope, "a refresh never raises the scope");
        assert_eq!(next.session.authenticated_at, pair.session.authenticated_at, "a refresh is no authentication");
        let caller = world.calls(&next);
        assert_eq!((caller.user, caller.session), (user.id, pair.session.id));
        pair = next;
    }
    assert_eq!(world.events().await, [], "refreshes are not announced unless the setting says so");
    assert_eq!(world.session(pair.session.id).await, Some(pair.session.clone()), "what is answered is what is stored");
}

#[tokio::test]
async fn refreshes_are_announced_when_the_setting_says_so() {
    let world = World::with_policy(SessionPolicy { announce_refreshes: true, ..policy() }).await;
    let (user, pair) = world.signed_in("ann").await;
    world.refreshed(&pair).await;
    world.refreshed(&pair).await;
    let expected = Event::SessionRefreshed { user_id: user.id, session_id: pair.session.id };
    assert_eq!(world.events().await, [expected], "once: the second was within the grace and changed nothing");
}

#[tokio::test]
async fn within_the_grace_a_used_token_gives_the_same_successor_a066() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let first = world.refreshed(&pair).await;
    for pause in [Duration::ZERO, MICRO, 5 * SECOND, 5 * SECOND - MICRO] {
        world.clock.advance(pause);
        let (again, outcome) = world.refresh(&pair).await.expect("within the grace the successor is given again");
        assert_eq!(outcome, RefreshOutcome::Replayed);
        assert_eq!(again.refresh_token, first.refresh_token, "the same successor");
        assert_eq!(again.session, first.session, "nothing has changed");
        world.calls(&again);
    }
    world.refreshed(&first).await;
}

#[tokio::test]
async fn the_grace_ends_to_the_microsecond() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    world.refreshed(&pair).await;
    world.clock.advance(10 * SECOND);
    assert!(world.refresh(&pair).await.is_ok(), "exactly 10 s after its use a token still gives its successor");
    world.clock.advance(MICRO);
    let refused = world.refresh(&pair).await;
    assert!(matches!(refused, Err(RefreshError::Reused)), "one microsecond later it is reuse: {refused:?}");
}

#[tokio::test]
async fn without_a_grace_a_second_use_is_reuse_unless_it_is_simultaneous() {
    let world = World::with_policy(SessionPolicy { reuse_grace: Duration::ZERO, ..policy() }).await;
    let (_, pair) = world.signed_in("ann").await;
    let first = world.refreshed(&pair).await;
    assert_eq!(world.refreshed(&pair).await.refresh_token, first.refresh_token, "at the same instant");
    world.clock.advance(MICRO);
    assert!(matches!(world.refresh(&pair).await, Err(RefreshError::Reused)));
}

#[tokio::test]
async fn a_lost_answer_does_not_log_out_a066() {
    // The client retries with the old token, and its other tab is a step ahead already.
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let one = world.refreshed(&pair).await;
    let two = world.refreshed(&one).await;
    let retried = world.refreshed(&pair).await;
    assert_eq!(retried.refresh_token, one.refresh_token, "the same successor, although that one is used too");
    assert_eq!(world.refreshed(&retried).await.refresh_token, two.refresh_token);
    world.refreshed(&two).await;
}

#[tokio::test]
async fn an_idle_session_ends_a041() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    world.clock.advance(30 * DAY - MICRO);
    let pair = world.refreshed(&pair).await;
    assert_eq!(pair.refresh_expires_at, world.now().plus(30 * DAY), "a refresh begins the idle time anew");
    world.clock.advance(30 * DAY);
    let refused = world.refresh(&pair).await;
    assert!(matches!(refused, Err(RefreshError::Invalid)), "at its idle end a session is over: {refused:?}");
    assert_eq!(world.events().await, [], "an end by itself is nobody's theft");
}

#[tokio::test]
async fn no_refresh_extends_the_absolute_end_a041_a068() {
    let world = World::new().await;
    let (_, mut pair) = world.signed_in("ann").await;
    let end = pair.session.expires_at;
    for _ in 0..89 {
        world.clock.advance(DAY);
        pair = world.refreshed(&pair).await;
        assert_eq!(pair.session.expires_at, end, "no refresh moves the end");
        assert!(pair.refresh_expires_at <= end, "no refresh token outlives the session");
    }
    world.clock.advance(DAY - 5 * MINUTE);
    pair = world.refreshed(&pair).await;
    assert_eq!(pair.access_expires_at, end, "no access token outlives the session");
    world.clock.advance(5 * MINUTE - MICRO);
    pair = world.refreshed(&pair).await;
    world.clock.advance(MICRO);
    assert!(matches!(world.refresh(&pair).await, Err(RefreshError::Invalid)), "at its end a session is over");
    assert_eq!(world.caller(&pair), None, "and so is its access token");
}

#[tokio::test]
async fn no_access_token_outlives_an_idle_session_a041() {
    let world = World::with_policy(SessionPolicy { idle_ttl: 5 * MINUTE, ..policy() }).await;
    let (_, pair) = world.signed_in("ann").await;
    assert_eq!(pair.access_expires_at, world.now().plus(5 * MINUTE));
    world.clock.advance(5 * MINUTE);
    assert_eq!(world.caller(&pair), None, "at its idle end a session is over, and so is its access token");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_b48() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let good = pair.refresh_token.expose().to_owned();
    let access = pair.access_token.expose().to_owned();
    for token in
        [String::new(), "x".repeat(1 << 20), access, format!("{good} "), good.to_uppercase(), good[1..].to_owned()]
    {
        let refused = world.app.sessions.refresh(Refresh { token: token.into(), by: None, origin: origin() }).await;
        assert!(matches!(refused, Err(RefreshError::Invalid)), "{refused:?}");
    }
    assert_eq!(world.events().await, [], "noise is nobody's theft");
    world.refreshed(&pair).await;
}

#[tokio::test]
async fn whoever_names_no_client_refreshes_the_sessions_of_the_first_party_only() {
    let world = World::new().await;
    world.register("ann").await;
    let of_orders = LogIn { client_id: "orders".to_owned(), ..login("ann", PASSWORD) };
    let pair = world.app.sessions.log_in(of_orders).await.expect("a session of a client").pair;
    world.events().await;
    let first = world.refresh(&pair).await;
    assert!(matches!(first, Err(RefreshError::Invalid)), "{first:?}");
    let stored = world.session(pair.session.id).await.expect("the session");
    assert_eq!((stored.family.generation, stored.revoked), (0, None), "nothing was used");

    let by = || Some(ClientRefresh { client_id: "orders".to_owned(), scope: None });
    let of_client = |token| Refresh { token, by: by(), origin: origin() };
    let (next, _) = world.app.sessions.refresh(of_client(pair.refresh_token.clone())).await.expect("its own client");
    let again = world.refresh(&pair).await;
    assert!(matches!(again, Err(RefreshError::Invalid)), "within the grace: {again:?}");
    world.clock.advance(MINUTE);
    let late = world.refresh(&pair).await;
    assert!(matches!(late, Err(RefreshError::Invalid)), "after it, as noise: {late:?}");
    assert_eq!(world.events().await, [], "and nobody's session ends");
    world.app.sessions.refresh(of_client(next.refresh_token)).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_parallel_uses_give_one_successor_a067_b12() {
    let world = Arc::new(World::new().await);
    let (_, pair) = world.signed_in("ann").await;
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (world, token) = (world.clone(), pair.refresh_token.expose().to_owned());
            tokio::spawn(async move {
                world.app.sessions.refresh(Refresh { token: token.into(), by: None, origin: origin() }).await
            })
        })
        .collect();
    let (mut rotated, mut successors) = (0, HashSet::new());
    for task in tasks {
        let (next, outcome) = task.await.expect("a task").expect("no innocent use is refused");
        rotated += usize::from(outcome == RefreshOutcome::Rotated);
        successors.insert(next.refresh_token.expose().to_owned());
        world.calls(&next);
    }
    assert_eq!((rotated, successors.len()), (1, 1), "1,000 parallel uses rotate once and give one successor");
    let stored = world.session(pair.session.id).await.expect("the session");
    assert_eq!((stored.family.generation, stored.revoked), (1, None));
    assert_eq!(world.events().await, []);
}
