//! A process that dies at any step of a rotation leaves all of it or nothing, and whoever starts next goes on (A063).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use portcullis_domain::App;
use portcullis_domain::audit::Actor;
use portcullis_domain::event::Event;
use portcullis_domain::tokens::{Algorithm, KeysError, RevokeKeyError, SigningKey};

use crate::faulty::faulty_world;
use crate::keys_scene::{BOTH, active, started, world_with_both};
use crate::keys_steps::stepping_replica;
use crate::world::{DAY, MINUTE, World, origin};

/// Lets `work` take `steps` steps and then kills it; whether it had come to its end.
fn run_for<T>(steps: usize, work: impl Future<Output = T>) -> bool {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    (0..steps).any(|_| matches!(work.as_mut().poll(&mut context), Poll::Ready(_)))
}

/// What is in the store, and what was told and recorded of it.
async fn state(world: &World) -> (Vec<SigningKey>, Vec<Event>, usize) {
    let stored = world.app.tokens.stored_keys().await.expect("keys");
    (stored, world.events().await, world.acts().await.len())
}

/// Whoever starts now signs, and accepts what is signed elsewhere.
async fn all_is_well(world: &World, seed: u64) {
    let fresh = started(world, seed).await;
    world.app.learn(None).await.expect("all is known");
    assert_eq!(fresh.tokens.published_keys(), world.app.tokens.published_keys());
    let pair = world.log_in("ann").await;
    fresh.tokens.authenticate(pair.access_token.expose()).expect("a good token");
    for algorithm in BOTH {
        active(world, algorithm).await;
    }
}

#[tokio::test]
async fn a_rotation_that_is_killed_has_happened_or_not() {
    let (mut nothing, mut everything) = (0, 0);
    for steps in 0.. {
        let world = world_with_both().await;
        world.register("ann").await;
        let dies = stepping_replica(&world, 7);
        state(&world).await;
        let done = run_for(steps, dies.tokens.rotate(Actor::Operator, &origin()));
        let (stored, events, acts) = state(&world).await;
        match stored.len() {
            2 => nothing += 1,
            4 => everything += 1,
            some => panic!("{some} keys after {steps} steps"),
        }
        assert_eq!((events.len(), acts), (stored.len() - 2, stored.len() - 2), "after {steps} steps");
        all_is_well(&world, 8).await;
        let next = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
        assert_eq!(next.len(), 2);
        assert_eq!(world.app.tokens.stored_keys().await.expect("keys").len(), 4, "the rotation is complete");
        world.clock.advance(DAY);
        all_is_well(&world, 9).await;
        if done {
            break;
        }
    }
    assert!(nothing > 3 && everything > 2, "it was killed before and after: {nothing} {everything}");
}

#[tokio::test]
async fn a_revocation_that_is_killed_has_happened_or_not_and_never_leaves_nobody_to_sign() {
    for waits in [false, true] {
        let (mut nothing, mut everything) = (0, 0);
        for steps in 0.. {
            let world = world_with_both().await;
            world.register("ann").await;
            if waits {
                world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
            }
            let bad = active(&world, Algorithm::Es256).await;
            let dies = stepping_replica(&world, 7);
            let (before, ..) = state(&world).await;
            let done = run_for(steps, dies.tokens.revoke_key(&bad.kid, Actor::Operator, &origin()));
            let (stored, events, acts) = state(&world).await;
            if stored == before {
                nothing += 1;
                assert_eq!((events.len(), acts), (0, 0), "after {steps} steps");
                assert_eq!(active(&world, Algorithm::Es256).await, bad);
            } else {
                everything += 1;
                assert_eq!((events.len(), acts), (2, if waits { 1 } else { 2 }), "after {steps} steps");
            }
            all_is_well(&world, 8).await;
            world.app.tokens.revoke_key(&bad.kid, Actor::Operator, &origin()).await.expect("it is revoked");
            assert_ne!(active(&world, Algorithm::Es256).await.kid, bad.kid);
            all_is_well(&world, 9).await;
            if done {
                break;
            }
        }
        assert!(nothing > 3 && everything > 2, "it was killed before and after: {nothing} {everything}");
    }
}

#[tokio::test]
async fn a_destruction_that_is_killed_has_happened_or_not() {
    let (mut nothing, mut everything) = (0, 0);
    for steps in 0.. {
        let world = world_with_both().await;
        world.register("ann").await;
        world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
        world.clock.advance(DAY + 20 * MINUTE);
        let dies = stepping_replica(&world, 7);
        state(&world).await;
        let done = run_for(steps, dies.tokens.destroy_retired());
        let (stored, _, acts) = state(&world).await;
        match (stored.len(), acts) {
            (4, 0) => nothing += 1,
            (2, 2) => everything += 1,
            other => panic!("{other:?} after {steps} steps"),
        }
        all_is_well(&world, 8).await;
        world.app.tokens.destroy_retired().await.expect("retired keys go");
        assert_eq!(world.app.tokens.stored_keys().await.expect("keys").len(), 2);
        all_is_well(&world, 9).await;
        if done {
            break;
        }
    }
    assert!(nothing > 3 && everything > 2, "it was killed before and after: {nothing} {everything}");
}

#[tokio::test]
async fn what_cannot_be_committed_has_not_happened() {
    let (world, fault) = faulty_world().await;
    let (_, pair) = world.signed_in("ann").await;
    let first = active(&world, Algorithm::Es256).await;
    let published = world.app.tokens.published_keys();
    fault.set(true);
    let error = world.app.tokens.rotate(Actor::Operator, &origin()).await;
    assert!(matches!(error, Err(KeysError::Failure(_))), "{error:?}");
    let error = world.app.tokens.revoke_key(&first.kid, Actor::Operator, &origin()).await;
    assert!(matches!(error, Err(RevokeKeyError::Keys(KeysError::Failure(_)))), "{error:?}");
    assert_eq!(world.app.tokens.published_keys(), published);
    assert!(world.caller(&pair).is_some(), "nor does anybody act as if it had");
    assert_eq!(world.app.tokens.withdrawals(None).expect("a bulletin").items, []);
    fault.set(false);
    assert_eq!((world.events().await, world.acts().await.len()), (Vec::new(), 0));
    world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    world.app.tokens.revoke_key(&first.kid, Actor::Operator, &origin()).await.expect("it is revoked");
    assert!(world.caller(&pair).is_none());
}

#[tokio::test]
async fn keys_that_were_read_before_a_revocation_do_not_bring_the_key_back() {
    let app = |world: &World| -> App { stepping_replica(world, 7) };
    for steps in 0.. {
        let world = world_with_both().await;
        let (_, pair) = world.signed_in("ann").await;
        let app = app(&world);
        app.tokens.open_keys(&BOTH).await.expect("keys");
        app.learn(None).await.expect("all is known");
        let first = active(&world, Algorithm::Es256).await;
        world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
        let mut learning = Box::pin(app.learn(None));
        let done = run_for(steps, &mut learning);
        app.tokens.revoke_key(&first.kid, Actor::Operator, &origin()).await.expect("it is revoked");
        assert!(app.tokens.authenticate(pair.access_token.expose()).is_err());
        if done {
            break;
        }
        learning.await.expect("all is known");
        assert!(app.tokens.authenticate(pair.access_token.expose()).is_err(), "after {steps} steps");
    }
}
