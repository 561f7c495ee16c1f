//! A key that is revoked is trusted by nobody from then on, and there is always one that signs (A063).

use std::sync::Arc;

use futures_util::FutureExt;
use portcullis_domain::App;
use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::event::Event;
use portcullis_domain::sessions::Withdrawn;
use portcullis_domain::tokens::{Algorithm, KeyStatus, KeysError, RevokeKeyError, RevokedKey};

use crate::keys_scene::{BOTH, active, at_status, go_to, published, replica, signer_of, started, world_with_both};
use crate::world::{DAY, MINUTE, SECOND, World, origin};

async fn revoke(app: &App, kid: &str) -> RevokedKey {
    app.tokens.revoke_key(kid, Actor::Operator, &origin()).await.expect("the key is revoked")
}

async fn rotate(world: &World) -> String {
    world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys").swap_remove(0).kid
}

#[tokio::test]
async fn when_the_key_that_signs_is_revoked_the_one_that_waits_signs_at_once() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    let next = rotate(&world).await;
    let (_, pair) = world.signed_in("ann").await;
    let revoked = revoke(&world.app, &first.kid).await;
    let successor = revoked.successor.clone().expect("somebody has to sign");
    assert_eq!((successor.kid.as_str(), successor.made), (next.as_str(), false));
    assert_eq!((revoked.at, revoked.already), (world.now(), false));
    assert_eq!(world.caller(&pair), None, "what it signed is refused");
    assert_eq!(published(&world.app, Algorithm::Es256), std::slice::from_ref(&next), "and it is not published");
    let again = world.refreshed(&pair).await;
    assert_eq!(signer_of(again.access_token.expose()), next, "the session itself goes on");
    assert!(world.caller(&again).is_some());
    assert_eq!(active(&world, Algorithm::V4Public).await.ordinal, 1, "other algorithms are not touched");
}

#[tokio::test]
async fn when_none_waits_a_new_key_is_made_and_signs_at_once() {
    let world = world_with_both().await;
    world.clock.advance(DAY);
    let first = active(&world, Algorithm::Es256).await;
    let (_, pair) = world.signed_in("ann").await;
    let revoked = revoke(&world.app, &first.kid).await;
    let successor = revoked.successor.expect("somebody has to sign");
    assert!(successor.made);
    assert_eq!(successor.activates_at, world.now().minus(5 * MINUTE), "also where a clock is behind");
    assert_eq!(world.caller(&pair), None);
    let again = world.refreshed(&pair).await;
    assert_eq!(signer_of(again.access_token.expose()), successor.kid);
}

#[tokio::test]
async fn a_revocation_is_told_and_recorded_with_what_follows() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    let successor = revoke(&world.app, &first.kid).await.successor.expect("somebody has to sign");
    let algorithm = "ES256".to_owned();
    let expected = [
        Event::KeysRevoked { kid: first.kid.clone(), algorithm: algorithm.clone() },
        Event::KeysRotated { kid: successor.kid.clone(), algorithm, activates_at: successor.activates_at },
    ];
    assert_eq!(world.events().await, expected);
    let acts = world.acts().await;
    let mut acts: Vec<_> = acts.iter().map(|act| (act.action.as_str(), &act.actor, act.detail.as_deref())).collect();
    acts.sort_by_key(|(action, ..)| *action);
    let made = format!("ES256 {}", successor.kid);
    let ended = format!("ES256 {}, followed by {}", first.kid, successor.kid);
    assert_eq!(
        acts,
        [
            (Action::CreateKey.as_str(), &Actor::Operator, Some(made.as_str())),
            (Action::RevokeKey.as_str(), &Actor::Operator, Some(ended.as_str())),
        ]
    );
}

#[tokio::test]
async fn to_revoke_a_key_again_changes_nothing() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    let revoked = revoke(&world.app, &first.kid).await;
    let stored = world.app.tokens.stored_keys().await.expect("keys");
    world.events().await;
    world.acts().await;
    world.clock.advance(MINUTE);
    let again = revoke(&world.app, &first.kid).await;
    assert_eq!(again, RevokedKey { already: true, successor: None, ..revoked });
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys"), stored);
    assert_eq!((world.events().await.len(), world.acts().await.len()), (0, 0));
}

#[tokio::test]
async fn a_key_that_waits_can_be_revoked_and_the_one_that_signs_goes_on() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    let next = rotate(&world).await;
    let (_, pair) = world.signed_in("ann").await;
    assert_eq!(revoke(&world.app, &next).await.successor, None);
    assert!(world.caller(&pair).is_some());
    world.clock.advance(30 * DAY);
    assert_eq!(active(&world, Algorithm::Es256).await.kid, first.kid, "nobody has taken its place");
    assert_eq!(published(&world.app, Algorithm::Es256), [first.kid]);
    let another = rotate(&world).await;
    assert_ne!(another, next);
}

#[tokio::test]
async fn a_key_that_no_longer_signs_can_be_revoked_and_takes_its_tokens_along() {
    let world = world_with_both().await;
    world.register("ann").await;
    let first = active(&world, Algorithm::Es256).await;
    let next = rotate(&world).await;
    world.clock.advance(DAY - SECOND);
    let old = world.log_in("ann").await;
    world.clock.advance(SECOND);
    let new = world.log_in("ann").await;
    assert!(world.caller(&old).is_some() && world.caller(&new).is_some());
    assert_eq!(revoke(&world.app, &first.kid).await.successor, None);
    assert!(world.caller(&old).is_none() && world.caller(&new).is_some());
    assert_eq!(active(&world, Algorithm::Es256).await.kid, next);
}

#[tokio::test]
async fn a_key_that_was_followed_never_signs_again_for_it_would_be_outlived() {
    let world = world_with_both().await;
    world.register("ann").await;
    let first = active(&world, Algorithm::Es256).await;
    let second = rotate(&world).await;
    world.clock.advance(DAY + MINUTE);
    let third = revoke(&world.app, &second).await.successor.expect("somebody has to sign");
    let pair = world.log_in("ann").await;
    assert_eq!(signer_of(pair.access_token.expose()), third.kid, "and not {first:?}");
    assert_eq!(at_status(&world, Algorithm::Es256, KeyStatus::Retiring).await.map(|key| key.kid), Some(first.kid));
    // The new key signs from an instant at which no key before it did.
    assert!(third.activates_at >= world.now().minus(MINUTE));
}

#[tokio::test]
async fn an_unknown_key_is_answered_with_those_that_there_are() {
    let world = world_with_both().await;
    let gone = active(&world, Algorithm::Es256).await.kid;
    let new = revoke(&world.app, &gone).await.successor.expect("somebody has to sign").kid;
    world.events().await;
    let error = world.app.tokens.revoke_key("nope", Actor::Operator, &origin()).await.expect_err("there is none");
    let RevokeKeyError::Unknown { kid, mut known } = error else { panic!("not {error:?}") };
    let mut expected = vec![new, active(&world, Algorithm::V4Public).await.kid];
    expected.sort();
    known.sort();
    assert_eq!((kid.as_str(), known), ("nope", expected));
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn the_wrong_master_key_revokes_nothing_a009() {
    let world = world_with_both().await;
    let stored = world.app.tokens.stored_keys().await.expect("keys");
    let stranger = replica(&world, 9, 5);
    let error = stranger.tokens.revoke_key(&stored[0].kid, Actor::Operator, &origin()).await;
    assert!(matches!(error, Err(RevokeKeyError::Keys(KeysError::Sealed { .. }))), "{error:?}");
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys"), stored);
}

#[tokio::test]
async fn verifiers_are_told_at_once_and_by_every_replica_until_the_last_token_is_over() {
    let world = world_with_both().await;
    let other = started(&world, 7).await;
    world.app.learn(None).await.expect("all is known");
    let first = active(&world, Algorithm::Es256).await;
    let cursor = other.tokens.withdrawals(None).expect("a bulletin").cursor;
    revoke(&world.app, &first.kid).await;
    let here = world.app.tokens.withdrawals(None).expect("a bulletin").items;
    assert_eq!(here.len(), 1, "at once where it was revoked");
    assert_eq!(here[0].what, Withdrawn::Key(first.kid.clone()));
    assert_eq!((here[0].at, here[0].until), (world.now(), world.now().plus(20 * MINUTE)));
    assert_eq!(other.tokens.withdrawals(Some(cursor)).expect("a bulletin").items, []);
    other.learn(None).await.expect("all is known");
    let there = other.tokens.withdrawals(Some(cursor)).expect("a bulletin");
    assert_eq!(there.items, here, "and elsewhere as soon as the word arrives");
    let fresh = started(&world, 8).await;
    assert_eq!(fresh.tokens.withdrawals(None).expect("a bulletin").items, here, "and by one that starts later");
    other.learn(None).await.expect("all is known");
    let quiet = other.tokens.withdrawals(Some(there.cursor)).expect("a bulletin");
    assert_eq!(
        (quiet.items.len(), quiet.cursor.to_string().split('-').nth(1)),
        (0, there.cursor.to_string().split('-').nth(1)),
        "once"
    );
    world.clock.advance(20 * MINUTE - SECOND);
    assert!(
        world.app.tokens.destroy_retired().await.expect("nothing to do").is_empty(),
        "whoever starts now has to know"
    );
    world.clock.advance(SECOND);
    for app in [&world.app, &other] {
        app.learn(None).await.expect("all is known");
        assert_eq!(app.tokens.withdrawals(None).expect("a bulletin").items, []);
    }
    let destroyed = world.app.tokens.destroy_retired().await.expect("the key goes");
    assert_eq!(destroyed.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), [first.kid.as_str()]);
}

#[tokio::test]
async fn a_forgotten_revocation_wakes_nobody_who_waits_for_news() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    revoke(&world.app, &first.kid).await;
    world.clock.advance(DAY);
    world.app.learn(None).await.expect("all is known");
    let cursor = world.app.tokens.withdrawals(None).expect("a bulletin").cursor;
    let waits = world.app.tokens.more_withdrawals(cursor);
    let mut waits = std::pin::pin!(waits);
    for _ in 0..5 {
        world.app.learn(None).await.expect("all is known");
        assert!((&mut waits).now_or_never().is_none(), "there is no news");
    }
}

#[tokio::test]
async fn a_replica_whose_clock_is_behind_drops_the_key_at_once_too() {
    let world = world_with_both().await;
    let (_, pair) = world.signed_in("ann").await;
    let behind = started(&world, 7).await;
    behind.tokens.authenticate(pair.access_token.expose()).expect("a good token");
    let first = active(&world, Algorithm::Es256).await;
    world.clock.advance(4 * MINUTE);
    let successor = revoke(&world.app, &first.kid).await.successor.expect("somebody has to sign");
    world.clock.set(world.now().minus(4 * MINUTE));
    behind.learn(None).await.expect("all is known");
    assert!(behind.tokens.authenticate(pair.access_token.expose()).is_err());
    let login = crate::world::login("ann", crate::world::PASSWORD);
    let pair = behind.sessions.log_in(login).await.expect("it signs with the key that follows").pair;
    assert_eq!(signer_of(pair.access_token.expose()), successor.kid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_is_revoked_and_rotated_at_once_there_is_always_one_key_that_signs() {
    for round in 0..10 {
        let world = world_with_both().await;
        world.register("ann").await;
        rotate(&world).await;
        let keys = world.app.tokens.stored_keys().await.expect("keys");
        let mut replicas = Vec::new();
        for seed in 0..20 {
            replicas.push(Arc::new(started(&world, 1_000 * (round + 1) + seed).await));
        }
        let tasks: Vec<_> = replicas
            .iter()
            .enumerate()
            .map(|(number, app)| {
                let (app, kid) = (app.clone(), keys[number % keys.len()].kid.clone());
                tokio::spawn(async move {
                    if number % 5 == 4 {
                        app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
                        return None;
                    }
                    Some(revoke(&app, &kid).await)
                })
            })
            .collect();
        let mut first_time = 0;
        for task in tasks {
            first_time += u32::from(task.await.expect("a task").is_some_and(|revoked| !revoked.already));
        }
        assert_eq!(first_time, 4, "each key is revoked once");
        for algorithm in BOTH {
            let signer = active(&world, algorithm).await;
            assert!(keys.iter().all(|key| key.kid != signer.kid), "and not by a key that was revoked");
        }
        world.app.learn(None).await.expect("all is known");
        assert!(world.caller(&world.log_in("ann").await).is_some());
        let told = world.events().await.iter().filter(|event| matches!(event, Event::KeysRevoked { .. })).count();
        assert_eq!(told, 4, "and each is told once");
    }
}

#[tokio::test]
async fn a_revoked_key_stays_revoked_when_the_service_starts_again() {
    let world = world_with_both().await;
    let (_, pair) = world.signed_in("ann").await;
    let first = active(&world, Algorithm::Es256).await;
    revoke(&world.app, &first.kid).await;
    let restarted = started(&world, 9).await;
    assert!(restarted.tokens.authenticate(pair.access_token.expose()).is_err());
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys").len(), 3, "and no key is made in its place again");
    go_to(&world, world.now().plus(DAY));
    assert!(restarted.tokens.authenticate(pair.access_token.expose()).is_err());
}
