//! Listing and ending sessions.

use std::collections::HashSet;
use std::sync::Arc;

use portcullis_domain::App;
use portcullis_domain::audit::Actor;
use portcullis_domain::event::Event;
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::sessions::RevocationList;
use portcullis_domain::sessions::{
    ListSessions, RefreshError, RevocationReason, RevokeSession, SessionPolicy, TokenPair,
};
use portcullis_memory::MemoryRevocations;

use crate::world::{DAY, MINUTE, SECOND, World, origin, policy, settings};

async fn listed(world: &World, pair: &TokenPair) -> Vec<SessionId> {
    let query = ListSessions { user: pair.session.user, after: None, limit: 200 };
    let (list, more) = world.app.sessions.list(query).await.expect("a list");
    assert!(!more, "there is one page");
    list.into_iter().map(|session| session.id).collect()
}

fn revoke(pair: &TokenPair, session: SessionId) -> RevokeSession {
    let (user, reason) = (pair.session.user, RevocationReason::RevokedByOwner);
    RevokeSession { user, session, reason, actor: Actor::User(user), origin: origin() }
}

#[tokio::test]
async fn the_list_shows_live_sessions_newest_first_a042() {
    let world = World::new().await;
    let (_, one) = world.signed_in("ann").await;
    world.clock.advance(SECOND);
    let two = world.log_in("ann").await;
    world.clock.advance(SECOND);
    let three = world.log_in("ann").await;
    world.signed_in("ben").await;
    assert_eq!(listed(&world, &one).await, [three.session.id, two.session.id, one.session.id]);
    world.app.sessions.log_out(&world.calls(&two), origin()).await.expect("a logout");
    assert_eq!(listed(&world, &one).await, [three.session.id, one.session.id], "ended sessions are not listed");
    world.clock.advance(20 * DAY);
    let one = world.refreshed(&one).await;
    world.clock.advance(20 * DAY);
    assert_eq!(listed(&world, &one).await, [one.session.id], "idle sessions are not listed");
}

#[tokio::test]
async fn pages_are_complete_and_say_whether_there_are_more() {
    let world = World::new().await;
    let (user, _) = world.signed_in("ann").await;
    for _ in 0..9 {
        world.clock.advance(SECOND);
        world.log_in("ann").await;
    }
    let (mut after, mut seen) = (None, Vec::new());
    for expected in [4, 4, 2] {
        let query = ListSessions { user: user.id, after, limit: 4 };
        let (page, more) = world.app.sessions.list(query).await.expect("a page");
        assert_eq!((page.len(), more), (expected, expected == 4), "a page says whether there are more");
        after = page.last().map(|session| session.id);
        seen.extend(page.into_iter().map(|session| session.id));
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 10, "every session once");
    let query = ListSessions { user: user.id, after: None, limit: u32::MAX };
    assert_eq!(world.app.sessions.list(query).await.expect("a page").0.len(), 10, "the largest limit is fine");
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_oldest_session_and_announces_it() {
    let world = World::with_policy(SessionPolicy { max_per_account: 3, ..policy() }).await;
    let (user, first) = world.signed_in("ann").await;
    let (_, stranger) = world.signed_in("ben").await;
    let mut pairs = vec![first];
    for number in 1..6 {
        world.clock.advance(SECOND);
        pairs.push(world.log_in("ann").await);
        let events = world.events().await;
        let started = |event: &&Event| matches!(event, Event::SessionStarted { .. });
        assert_eq!(events.iter().filter(started).count(), 1, "the login is announced: {events:?}");
        let ended = events.iter().filter_map(|event| match event {
            Event::SessionRevoked { user_id, session_id, reason: RevocationReason::Displaced, .. } => {
                assert_eq!(*user_id, user.id);
                Some(*session_id)
            }
            _ => None,
        });
        let expected = (number >= 3).then(|| pairs[number - 3].session.id);
        assert_eq!(ended.collect::<Vec<_>>(), Vec::from_iter(expected), "so is the end of the oldest session");
        assert_eq!(events.len(), 1 + usize::from(number >= 3), "and nothing else: {events:?}");
    }
    for old in &pairs[..3] {
        assert_eq!(world.caller(old), None, "the access token of a displaced session is refused at once");
        assert!(matches!(world.refresh(old).await, Err(RefreshError::Invalid)), "and its refresh token");
        let revoked = world.session(old.session.id).await.and_then(|session| session.revoked);
        assert_eq!(revoked.map(|revoked| revoked.reason), Some(RevocationReason::Displaced));
    }
    assert_eq!(listed(&world, &pairs[5]).await, [5, 4, 3].map(|number: usize| pairs[number].session.id));
    world.calls(&stranger);
}

#[tokio::test]
async fn a_logout_ends_the_session_at_once_a042() {
    let world = World::new().await;
    let (user, pair) = world.signed_in("ann").await;
    let other = world.log_in("ann").await;
    world.events().await;
    let caller = world.calls(&pair);
    world.app.sessions.log_out(&caller, origin()).await.expect("a logout");
    assert_eq!(world.caller(&pair), None, "the access token is refused from then on");
    assert!(matches!(world.refresh(&pair).await, Err(RefreshError::Invalid)), "and the refresh token");
    world.calls(&other);
    world.refreshed(&other).await;
    let until = world.now().plus(16 * MINUTE);
    let reason = RevocationReason::Logout;
    let expected = Event::SessionRevoked { user_id: user.id, session_id: pair.session.id, reason, until };
    assert_eq!(world.events().await, [expected]);
    world.app.sessions.log_out(&caller, origin()).await.expect("logging out twice is fine");
    assert_eq!(world.events().await, [], "and announces nothing more");
}

#[tokio::test]
async fn a_logout_everywhere_ends_every_session_a042() {
    let world = World::new().await;
    let (_, first) = world.signed_in("ann").await;
    let mut pairs = vec![first];
    for _ in 0..4 {
        pairs.push(world.log_in("ann").await);
    }
    let (_, stranger) = world.signed_in("ben").await;
    world.app.sessions.log_out_everywhere(&world.calls(&pairs[2]), origin()).await.expect("a logout");
    for pair in &pairs {
        assert_eq!(world.caller(pair), None, "every access token is refused");
        assert!(world.refresh(pair).await.is_err(), "every refresh token is refused");
    }
    world.calls(&stranger);
    assert_eq!(listed(&world, &pairs[0]).await, []);
    let events = world.events().await;
    let revoked = |event: &Event| matches!(event, Event::SessionRevoked { reason: RevocationReason::LogoutAll, .. });
    assert_eq!((events.len(), events.iter().all(revoked)), (5, true), "each end is announced once: {events:?}");
    let fresh = world.log_in("ann").await;
    world.calls(&fresh);
}

#[tokio::test]
async fn a_session_that_begins_in_the_same_instant_as_a_logout_everywhere_lives_a044_b08() {
    let world = World::new().await;
    let (_, old) = world.signed_in("ann").await;
    world.app.sessions.log_out_everywhere(&world.calls(&old), origin()).await.expect("a logout");
    let new = world.log_in("ann").await;
    assert_eq!(world.caller(&old), None, "the old one is refused in the same instant");
    world.calls(&new);
    world.refreshed(&new).await;
}

#[tokio::test]
async fn only_ones_own_session_can_be_ended_a103_b53() {
    let world = World::new().await;
    let (_, mine) = world.signed_in("ann").await;
    let (_, theirs) = world.signed_in("ben").await;
    world.events().await;
    let foreign = world.app.sessions.revoke(revoke(&mine, theirs.session.id)).await.expect("an answer");
    let unknown = SessionId::new(world.now(), &*world.ports.random);
    let unknown = world.app.sessions.revoke(revoke(&mine, unknown)).await.expect("an answer");
    assert_eq!((foreign, unknown), (false, false), "a foreign session looks like an unknown one");
    world.calls(&theirs);
    world.refreshed(&theirs).await;
    assert_eq!(world.events().await, []);

    let other = world.log_in("ann").await;
    world.events().await;
    assert!(world.app.sessions.revoke(revoke(&mine, other.session.id)).await.expect("an answer"), "one's own is ended");
    assert!(!world.app.sessions.revoke(revoke(&mine, other.session.id)).await.expect("an answer"), "once");
    assert_eq!(world.caller(&other), None);
    let events = world.events().await;
    assert!(matches!(events.as_slice(), [Event::SessionRevoked { reason: RevocationReason::RevokedByOwner, .. }]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_ends_of_a_session_are_announced_once() {
    let world = Arc::new(World::new().await);
    let (_, pair) = world.signed_in("ann").await;
    let caller = world.calls(&pair);
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let (world, caller, pair) = (world.clone(), caller.clone(), pair.clone());
            tokio::spawn(async move {
                match number % 3 {
                    0 => world.app.sessions.log_out(&caller, origin()).await.expect("a logout"),
                    1 => world.app.sessions.log_out_everywhere(&caller, origin()).await.expect("a logout"),
                    _ => drop(world.app.sessions.revoke(revoke(&pair, pair.session.id)).await.expect("an answer")),
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    assert_eq!(world.events().await.len(), 1, "however many end it, it ends once");
}

#[tokio::test]
async fn another_replica_learns_of_revocations() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (_, second) = world.signed_in("ben").await;
    let elsewhere = Arc::new(MemoryRevocations::new());
    let mut ports = world.ports.clone();
    ports.revocations = elsewhere.clone();
    let replica = App::new(ports, settings(policy()));

    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    let last = replica.learn(None).await.expect("a look");
    assert!(replica.tokens.authenticate(pair.access_token.expose()).is_err(), "the replica refuses the token");
    assert!(replica.tokens.authenticate(second.access_token.expose()).is_ok());

    // A commit that became visible late: its instant lies before the last look.
    world.clock.advance(SECOND);
    let next = replica.learn(Some(last)).await.expect("a look");
    world.clock.set(last);
    world.app.sessions.log_out(&world.calls(&second), origin()).await.expect("a logout");
    world.clock.set(next.plus(SECOND));
    replica.learn(Some(next)).await.expect("a look");
    assert!(replica.tokens.authenticate(second.access_token.expose()).is_err(), "what became visible late is learned");

    world.clock.advance(17 * MINUTE);
    replica.learn(Some(next)).await.expect("a look");
    assert!(elsewhere.is_empty(), "what no token can outlive is forgotten");
    assert_eq!(world.caller(&pair), None, "its access token has expired long since");
}

#[tokio::test]
async fn after_a_restart_revocations_are_remembered_i7() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    let mut ports = world.ports.clone();
    ports.revocations = Arc::new(MemoryRevocations::new());
    let restarted = App::new(ports, settings(policy()));
    restarted.learn(None).await.expect("a look");
    assert!(restarted.tokens.authenticate(pair.access_token.expose()).is_err(), "verdicts live in the database");
}

#[tokio::test]
async fn purging_forgets_what_ended_long_ago_and_nothing_else() {
    let world = World::new().await;
    let (_, idle) = world.signed_in("ann").await;
    let ended = world.log_in("ann").await;
    world.app.sessions.log_out(&world.calls(&ended), origin()).await.expect("a logout");
    assert_eq!(world.app.sessions.purge().await.expect("a purge"), 0, "nothing is old enough");
    world.clock.advance(17 * MINUTE);
    assert_eq!(world.app.sessions.purge().await.expect("a purge"), 1, "the revocation no token can outlive");
    assert!(world.session(ended.session.id).await.is_some(), "the session is kept to be followed up");
    world.clock.advance(30 * DAY);
    let live = world.log_in("ann").await;
    assert_eq!(world.app.sessions.purge().await.expect("a purge"), 1);
    assert_eq!(world.session(ended.session.id).await, None, "ended more than 30 days ago");
    assert!(world.session(idle.session.id).await.is_some(), "idle for less than 30 days");
    world.clock.advance(30 * DAY);
    world.app.sessions.purge().await.expect("a purge");
    assert_eq!(world.session(idle.session.id).await, None, "idle for more than 30 days");
    assert!(world.session(live.session.id).await.is_some());
}

#[tokio::test]
async fn purging_goes_on_until_all_is_gone() {
    let world = World::with_policy(SessionPolicy { max_per_account: 5_000, ..policy() }).await;
    world.register("ann").await;
    for _ in 0..2_100 {
        world.log_in("ann").await;
    }
    world.events().await;
    world.clock.advance(120 * DAY);
    assert_eq!(world.app.sessions.purge().await.expect("a purge"), 2_100, "in batches, but all");
}

#[tokio::test]
async fn a_revoked_session_is_revoked_until_its_last_token_has_expired() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    world.clock.advance(14 * MINUTE);
    let late = world.refreshed(&pair).await;
    world.app.sessions.log_out(&world.calls(&late), origin()).await.expect("a logout");
    world.clock.advance(15 * MINUTE - SECOND);
    world.app.learn(Some(world.now())).await.expect("a look");
    assert!(
        world.revocations.is_revoked(pair.session.id.into()),
        "as long as a token would hold, its session is remembered"
    );
    assert_eq!(world.caller(&late), None);
}

#[tokio::test]
async fn a_logout_with_a_refresh_token_needs_no_access_token_a042() {
    let world = World::new().await;
    let (user, pair) = world.signed_in("ann").await;
    let other = world.log_in("ann").await;
    world.events().await;
    world.clock.advance(20 * MINUTE);
    assert_eq!(world.caller(&pair), None, "the access token has expired");
    assert_eq!(world.app.sessions.session_of(pair.refresh_token.expose()), Some(pair.session.id));
    world.app.sessions.log_out_with(&pair.refresh_token, origin()).await.expect("a logout");
    assert!(matches!(world.refresh(&pair).await, Err(RefreshError::Invalid)), "the session is over");
    world.refreshed(&other).await;
    let (reason, until) = (RevocationReason::Logout, world.now().plus(16 * MINUTE));
    let expected = Event::SessionRevoked { user_id: user.id, session_id: pair.session.id, reason, until };
    assert_eq!(world.events().await, [expected]);
    world.app.sessions.log_out_with(&pair.refresh_token, origin()).await.expect("a second logout is fine");
    assert_eq!(world.events().await, [], "and announces nothing more");
}

#[tokio::test]
async fn a_logout_with_a_used_refresh_token_ends_its_session_without_an_alarm() {
    let world = World::new().await;
    let (_, used) = world.signed_in("ann").await;
    let live = world.refreshed(&used).await;
    world.clock.advance(MINUTE);
    world.app.sessions.log_out_with(&used.refresh_token, origin()).await.expect("a logout");
    assert_eq!(world.caller(&live), None, "the newer tokens are over, too");
    let events = world.events().await;
    assert!(
        matches!(events.as_slice(), [Event::SessionRevoked { reason: RevocationReason::Logout, .. }]),
        "who logs out uses no token: {events:?}"
    );
}

#[tokio::test]
async fn a_logout_with_what_is_no_refresh_token_ends_nothing_b48() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let good = pair.refresh_token.expose();
    for token in ["", "noise", pair.access_token.expose(), &good[1..], &format!("{good} "), &"x".repeat(1 << 20)] {
        world.app.sessions.log_out_with(&token.to_owned().into(), origin()).await.expect("it is fine");
        assert_eq!(world.app.sessions.session_of(token), None, "{token:.20}");
    }
    let stranger = portcullis_memory::ToyRefreshTokens::new([9; 32]);
    let forged = portcullis_domain::ports::sessions::RefreshTokenCodec::first(&stranger, pair.session.id, [1; 32]);
    world.app.sessions.log_out_with(&forged.value, origin()).await.expect("it is fine");
    world.calls(&pair);
    world.refreshed(&pair).await;
    assert_eq!(world.events().await, []);
}
