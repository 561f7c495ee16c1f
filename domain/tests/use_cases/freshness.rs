//! What is not known to be unrevoked is not accepted.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::app::Settings;
use portcullis_domain::sessions::{Freshness, Stale};
use portcullis_domain::tokens::{Algorithm, AuthenticateError, SigningKey, TokenKind};
use portcullis_domain::{App, Failure, Timestamp};
use portcullis_memory::MemoryRevocations;

use crate::world::{MINUTE, SECOND, World, origin, policy, settings};

const MICRO: Duration = Duration::from_micros(1);

/// A replica that has learned nothing yet, over the world's store.
fn replica(world: &World, staleness: Option<Duration>) -> App {
    let mut ports = world.ports.clone();
    ports.revocations = Arc::new(MemoryRevocations::new());
    App::new(ports, Settings { staleness, ..settings(policy()) })
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Refused,
    Unavailable,
}

fn verdict(app: &App, token: &str) -> Verdict {
    match app.tokens.authenticate(token) {
        Ok(_) => Verdict::Accepted,
        Err(AuthenticateError::Unauthenticated) => Verdict::Refused,
        Err(AuthenticateError::Failure(Failure::Unavailable(cause))) => {
            assert!(cause.downcast_ref::<Stale>().is_some(), "the log learns why: {cause}");
            Verdict::Unavailable
        }
        Err(other) => panic!("a verdict, not {other:?}"),
    }
}

#[tokio::test]
async fn no_token_is_accepted_before_the_first_look_at_the_revocations() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let replica = replica(&world, Some(5 * SECOND));
    assert_eq!(verdict(&replica, pair.access_token.expose()), Verdict::Unavailable);
    replica.learn(None).await.expect("a look");
    assert_eq!(verdict(&replica, pair.access_token.expose()), Verdict::Accepted);
}

#[tokio::test]
async fn knowledge_is_good_up_to_its_bound_to_the_microsecond() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (token, replica) = (pair.access_token.expose(), replica(&world, Some(5 * SECOND)));
    let mut last = replica.learn(None).await.expect("a look");
    for _ in 0..3 {
        world.clock.advance(5 * SECOND);
        assert_eq!(verdict(&replica, token), Verdict::Accepted, "exactly as old as allowed");
        world.clock.advance(MICRO);
        assert_eq!(verdict(&replica, token), Verdict::Unavailable, "a microsecond too old");
        last = replica.learn(Some(last)).await.expect("a look");
        assert_eq!(verdict(&replica, token), Verdict::Accepted, "a look makes it good again");
    }
}

#[tokio::test]
async fn a_token_that_is_bad_anyway_is_refused_also_by_stale_knowledge() {
    let world = World::new().await;
    let (_, expired) = world.signed_in("ann").await;
    world.clock.advance(15 * MINUTE);
    let (_, revoked) = world.signed_in("ben").await;
    let replica = replica(&world, Some(5 * SECOND));
    world.app.sessions.log_out(&world.calls(&revoked), origin()).await.expect("a logout");
    replica.learn(None).await.expect("a look");
    world.clock.advance(MINUTE);
    for token in ["", "noise", expired.access_token.expose(), revoked.access_token.expose()] {
        assert_eq!(verdict(&replica, token), Verdict::Refused, "{token:.20}");
    }
}

#[tokio::test]
async fn a_revocation_elsewhere_is_never_unknown_for_longer_than_the_bound() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (token, replica) = (pair.access_token.expose(), replica(&world, Some(5 * SECOND)));
    let last = replica.learn(None).await.expect("a look");
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    assert_eq!(verdict(&replica, token), Verdict::Accepted, "the replica has not heard of it");
    world.clock.advance(5 * SECOND + MICRO);
    assert_eq!(verdict(&replica, token), Verdict::Unavailable, "beyond the bound it accepts nothing");
    replica.learn(Some(last)).await.expect("a look");
    assert_eq!(verdict(&replica, token), Verdict::Refused);
}

#[tokio::test]
async fn without_a_bound_knowledge_is_never_too_old() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let replica = replica(&world, None);
    assert_eq!(verdict(&replica, pair.access_token.expose()), Verdict::Accepted, "before the first look");
    world.clock.advance(15 * MINUTE - SECOND);
    assert_eq!(verdict(&replica, pair.access_token.expose()), Verdict::Accepted, "and long after it");
}

#[tokio::test]
async fn what_asks_the_store_does_not_need_the_list() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let replica = replica(&world, Some(5 * SECOND));
    let refresh = pair.refresh_token.expose();
    let access = replica.tokens.introspect(pair.access_token.expose(), None).await;
    assert!(matches!(access, Err(Failure::Unavailable(_))), "an access token is judged by the list: {access:?}");
    let live = replica.tokens.introspect(refresh, Some(TokenKind::Refresh)).await.expect("an answer");
    assert!(live.is_some(), "a refresh token by the store");
    let login = crate::world::login("ann", crate::world::PASSWORD);
    replica.sessions.log_in(login).await.expect("a login needs no list");
    replica.sessions.log_out_with(&pair.refresh_token, origin()).await.expect("nor does a logout");
    let over = replica.tokens.introspect(refresh, Some(TokenKind::Refresh)).await.expect("an answer");
    assert_eq!(over, None);
}

#[test]
fn the_last_look_counts_and_knowledge_from_the_future_is_stale() {
    let at = Timestamp::from_unix_seconds;
    let freshness = Freshness::new(Some(5 * SECOND));
    assert_eq!(freshness.learned_at(), None);
    assert!(freshness.is_stale(at(0)));
    freshness.learned(at(100));
    assert!(!freshness.is_stale(at(105)) && freshness.is_stale(at(105).plus(MICRO)));
    assert!(!freshness.is_stale(at(99)), "a caller looked at the clock a moment before");
    assert!(freshness.is_stale(at(99).minus(MICRO)), "nobody knows how old it is");
    freshness.learned(at(50));
    assert_eq!(freshness.learned_at(), Some(at(50)), "the clock was set back");
    assert!(!freshness.is_stale(at(55)) && freshness.is_stale(at(55).plus(MICRO)));
    assert!(!Freshness::new(None).is_stale(at(i64::MAX)));
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_one_look_makes_nobody_trust_old_knowledge() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (token, replica) = (pair.access_token.expose(), replica(&world, Some(5 * SECOND)));
    let right = world.now();
    world.clock.advance(10 * MINUTE);
    replica.learn(None).await.expect("a look");
    world.clock.set(right);
    assert_eq!(verdict(&replica, token), Verdict::Unavailable, "at once, and not ten minutes later");
    replica.learn(None).await.expect("a look");
    assert_eq!(verdict(&replica, token), Verdict::Accepted, "a look makes it good again");
    world.clock.advance(5 * SECOND + MICRO);
    assert_eq!(verdict(&replica, token), Verdict::Unavailable, "and it ages as ever");
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_one_look_hides_no_revocation_from_the_next() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let replica = replica(&world, Some(5 * SECOND));
    let right = world.now();
    world.clock.advance(10 * MINUTE);
    let ahead = replica.learn(None).await.expect("a look");
    world.clock.set(right);
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");
    replica.learn(Some(ahead)).await.expect("a look");
    assert_eq!(verdict(&replica, pair.access_token.expose()), Verdict::Refused);
}

#[tokio::test]
async fn what_cannot_be_learned_keeps_no_revocation_from_being_known() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let (token, replica) = (pair.access_token.expose(), replica(&world, Some(5 * SECOND)));
    let mut last = replica.learn(None).await.expect("a look");
    let sealed_elsewhere = SigningKey {
        kid: "sealed-elsewhere".to_owned(),
        algorithm: Algorithm::Es256,
        ordinal: 99,
        public: Vec::new(),
        sealed_private: b"under another master key".to_vec(),
        created_at: world.now(),
        activates_at: world.now().plus(24 * 60 * MINUTE),
        retires_at: None,
    };
    let mut tx = world.ports.store.begin().await.expect("a unit of work");
    tx.keys().insert(&sealed_elsewhere).await.expect("a key");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    assert_eq!(verdict(&replica, token), Verdict::Accepted);
    world.app.sessions.log_out(&world.calls(&pair), origin()).await.expect("a logout");

    assert!(replica.learn(Some(last)).await.is_err(), "the operator hears of the key");
    assert_eq!(verdict(&replica, token), Verdict::Refused, "and the revocation is known all the same");
    let other = world.log_in("ann").await;
    world.clock.advance(5 * SECOND + MICRO);
    assert_eq!(verdict(&replica, other.access_token.expose()), Verdict::Unavailable, "but nobody vouches for the rest");
    let mut tx = world.ports.store.begin().await.expect("a unit of work");
    assert!(tx.keys().delete("sealed-elsewhere").await.expect("an answer"));
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    last = replica.learn(Some(last)).await.expect("a look");
    assert_eq!((verdict(&replica, other.access_token.expose()), last), (Verdict::Accepted, world.now()));
}
