//! The next key is known before it signs, and the one before is kept until its last token has expired (A063).

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::audit::{Action, Actor};
use portcullis_domain::event::Event;
use portcullis_domain::ports::store::Store;
use portcullis_domain::tokens::{Algorithm, KeySchedule, KeyStatus, KeysError};

use crate::keys_scene::{
    BOTH, active, at_status, go_to, published, replica, replica_with, signer_of, started, with_ttl, world_with_both,
};
use crate::world::{DAY, HOUR, MINUTE, SECOND, World, origin, policy, settings};

/// A key is kept for so long after the next one signs: 15 minutes for its tokens, 5 for clocks that differ.
const KEPT: Duration = Duration::from_secs(20 * 60);
const MICRO: Duration = Duration::from_micros(1);

#[tokio::test]
async fn the_next_key_is_published_at_once_and_signs_a_day_later_a063() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    let rotated = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    assert_eq!(rotated.iter().map(|key| key.algorithm).collect::<Vec<_>>(), BOTH, "one of each algorithm");
    for next in &rotated {
        assert!(next.made);
        assert_eq!(next.activates_at, world.now().plus(DAY));
        assert!(published(&world.app, next.algorithm).contains(&next.kid), "published before it signs");
    }
    let next = &rotated[0];
    assert_eq!(published(&world.app, Algorithm::Es256), [first.kid.clone(), next.kid.clone()]);
    world.clock.advance(DAY - MICRO);
    world.register("ann").await;
    assert_eq!(signer_of(world.log_in("ann").await.access_token.expose()), first.kid, "not a moment too early");
    world.clock.advance(MICRO);
    assert_eq!(signer_of(world.log_in("ann").await.access_token.expose()), next.kid);
    assert_eq!(published(&world.app, Algorithm::Es256), [next.kid.clone(), first.kid], "the one that signs is first");
}

#[tokio::test]
async fn a_key_signs_from_a_whole_second_on_so_that_no_token_is_older_than_its_key() {
    let world = world_with_both().await;
    world.register("ann").await;
    world.clock.advance(Duration::from_micros(700_001));
    let rotated = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    let turn = rotated[0].activates_at;
    assert_eq!(turn, turn.floor_to_second());
    assert!(turn >= world.now().plus(DAY), "never published for less than it should be");
    go_to(&world, turn.minus(MICRO));
    assert_ne!(signer_of(world.log_in("ann").await.access_token.expose()), rotated[0].kid);
    go_to(&world, turn);
    assert_eq!(signer_of(world.log_in("ann").await.access_token.expose()), rotated[0].kid);
}

#[tokio::test]
async fn a_rotation_is_told_and_recorded_with_the_key() {
    let world = world_with_both().await;
    let rotated = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    let told: Vec<_> = rotated
        .iter()
        .map(|key| Event::KeysRotated {
            kid: key.kid.clone(),
            algorithm: key.algorithm.as_str().to_owned(),
            activates_at: key.activates_at,
        })
        .collect();
    assert_eq!(world.events().await, told);
    let acts = world.acts().await;
    let mut recorded: Vec<_> = acts.iter().map(|act| (act.action, &act.actor, act.detail.clone())).collect();
    recorded.sort_by(|a, b| a.2.cmp(&b.2));
    let expected = rotated
        .iter()
        .map(|key| (Action::CreateKey, &Actor::Operator, Some(format!("{} {}", key.algorithm.as_str(), key.kid))));
    assert_eq!(recorded, expected.collect::<Vec<_>>());
    assert!(acts.iter().all(|act| act.ip == origin().ip), "and from where");
}

#[tokio::test]
async fn to_rotate_again_tells_of_the_key_that_waits() {
    let world = world_with_both().await;
    let first = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    world.events().await;
    world.acts().await;
    world.clock.advance(DAY - SECOND);
    let again = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    assert!(again.iter().all(|key| !key.made));
    let same = |key: &portcullis_domain::tokens::Rotated| (key.kid.clone(), key.activates_at);
    assert_eq!(again.iter().map(same).collect::<Vec<_>>(), first.iter().map(same).collect::<Vec<_>>());
    assert_eq!((world.events().await.len(), world.acts().await.len()), (0, 0), "nothing has happened");
    world.clock.advance(SECOND);
    let third = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    assert!(third.iter().all(|key| key.made), "it signs now, and so another one comes next");
}

#[tokio::test]
async fn a_store_without_keys_has_none_to_rotate() {
    let world = World::new().await;
    let mut tx = world.store.begin().await.expect("a unit of work");
    for key in world.app.tokens.stored_keys().await.expect("keys") {
        assert!(tx.keys().delete(&key.kid).await.expect("a key goes"));
    }
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    assert_eq!(world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("an answer"), Vec::new());
    assert_eq!(world.app.tokens.rotate_if_due().await.expect("an answer"), Vec::new());
}

#[tokio::test]
async fn the_wrong_master_key_makes_no_key_that_nobody_could_open_a009() {
    let world = world_with_both().await;
    let stored = world.app.tokens.stored_keys().await.expect("keys");
    let stranger = replica(&world, 9, 5);
    let error = stranger.tokens.rotate(Actor::Operator, &origin()).await.expect_err("it does not open the keys");
    assert!(matches!(&error, KeysError::Sealed { .. }), "{error:?}");
    let error = stranger.tokens.open_keys(&[Algorithm::Rs256]).await.expect_err("nor for an algorithm without a key");
    assert!(matches!(&error, KeysError::Sealed { .. }), "{error:?}");
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys"), stored, "nothing was added");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_rotate_at_once_agree_on_one_next_key() {
    let world = world_with_both().await;
    let mut replicas = Vec::new();
    for seed in 0..24 {
        replicas.push(Arc::new(started(&world, 1_000 + seed).await));
    }
    let tasks: Vec<_> = replicas
        .iter()
        .map(|app| {
            let app = app.clone();
            tokio::spawn(async move { app.tokens.rotate(Actor::Operator, &origin()).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a task").expect("next keys"));
    }
    let next = |answer: &Vec<portcullis_domain::tokens::Rotated>| -> Vec<String> {
        answer.iter().map(|key| key.kid.clone()).collect()
    };
    assert!(answers.iter().all(|answer| next(answer) == next(&answers[0])), "all name the same keys");
    assert_eq!(answers.iter().filter(|answer| answer.iter().all(|key| key.made)).count(), 1, "one has made them");
    assert_eq!(answers.iter().flatten().filter(|key| key.made).count(), 2, "and nobody another one");
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys").len(), 4);
    for app in &replicas {
        app.learn(None).await.expect("all is known");
        assert_eq!(app.tokens.published_keys(), replicas[0].tokens.published_keys());
    }
    assert_eq!(world.events().await.len(), 2, "each is told once");
}

#[tokio::test]
async fn the_key_before_is_kept_until_its_last_token_has_expired_and_destroyed_then_a063() {
    let world = world_with_both().await;
    world.register("ann").await;
    let first = active(&world, Algorithm::Es256).await;
    let turn = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys")[0].activates_at;
    go_to(&world, turn.minus(SECOND));
    let last = world.log_in("ann").await;
    assert_eq!(signer_of(last.access_token.expose()), first.kid);
    go_to(&world, last.access_expires_at.minus(MICRO));
    assert!(world.caller(&last).is_some(), "its last token is good to the end");
    assert!(world.app.tokens.destroy_retired().await.expect("nothing to do").is_empty());
    go_to(&world, turn.plus(KEPT).minus(MICRO));
    assert!(published(&world.app, Algorithm::Es256).contains(&first.kid));
    assert!(world.app.tokens.destroy_retired().await.expect("nothing to do").is_empty());
    world.acts().await;
    go_to(&world, turn.plus(KEPT));
    assert!(!published(&world.app, Algorithm::Es256).contains(&first.kid));
    assert_eq!(
        at_status(&world, Algorithm::Es256, KeyStatus::Retired).await.expect("it is still stored").kid,
        first.kid
    );
    let destroyed = world.app.tokens.destroy_retired().await.expect("retired keys go");
    assert_eq!(destroyed.iter().map(|key| key.algorithm).collect::<Vec<_>>(), BOTH);
    assert!(destroyed.iter().any(|key| key.kid == first.kid));
    let stored = world.app.tokens.stored_keys().await.expect("keys");
    assert_eq!(stored.len(), 2, "private parts and all are gone");
    let acts = world.acts().await;
    assert!(acts.iter().all(|act| act.action == Action::DestroyKey && act.actor == Actor::Service));
    assert_eq!(acts.len(), 2);
    assert!(world.app.tokens.destroy_retired().await.expect("nothing to do").is_empty());
    assert_eq!(world.acts().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_retired_key_is_destroyed_once_however_many_replicas_try() {
    let world = world_with_both().await;
    let turn = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys")[0].activates_at;
    let mut replicas = Vec::new();
    for seed in 0..20 {
        replicas.push(started(&world, 1_000 + seed).await);
    }
    world.acts().await;
    go_to(&world, turn.plus(KEPT));
    let tasks = replicas.into_iter().map(|app| tokio::spawn(async move { app.tokens.destroy_retired().await }));
    let mut destroyed = 0;
    for task in tasks.collect::<Vec<_>>() {
        destroyed += task.await.expect("a task").expect("retired keys go").len();
    }
    assert_eq!(destroyed, 2);
    assert_eq!(world.acts().await.len(), 2, "and recorded once");
}

#[tokio::test]
async fn tokens_that_live_longer_after_a_restart_are_good_to_the_end() {
    let world = world_with_both().await;
    world.register("ann").await;
    let turn = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys")[0].activates_at;
    go_to(&world, turn.minus(SECOND));
    let restarted = replica_with(&world, 1, 77, with_ttl(20 * HOUR));
    restarted.tokens.open_keys(&BOTH).await.expect("keys");
    let pair =
        restarted.sessions.log_in(crate::world::login("ann", crate::world::PASSWORD)).await.expect("a session").pair;
    for at in [turn.plus(KEPT), turn.plus(10 * HOUR), pair.access_expires_at.minus(MICRO)] {
        go_to(&world, at);
        assert!(restarted.tokens.destroy_retired().await.expect("nothing to do").is_empty());
        restarted.learn(None).await.expect("all is known");
        restarted.tokens.authenticate(pair.access_token.expose()).expect("it is good");
    }
    go_to(&world, turn.plus(20 * HOUR + 5 * MINUTE));
    assert_eq!(restarted.tokens.destroy_retired().await.expect("retired keys go").len(), 2);
}

#[tokio::test]
async fn a_key_is_destroyed_before_it_would_be_missed_only_where_its_tokens_are_refused_anyway() {
    let world = World::with_settings(with_ttl(20 * HOUR), |_| {}).await;
    world.register("ann").await;
    let turn = world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys")[0].activates_at;
    go_to(&world, turn.minus(SECOND));
    let long = world.log_in("ann").await;
    let restarted = replica_with(&world, 1, 77, settings(policy()));
    restarted.tokens.open_keys(&[Algorithm::Es256]).await.expect("keys");
    go_to(&world, turn.plus(15 * MINUTE));
    assert!(restarted.tokens.authenticate(long.access_token.expose()).is_err(), "a shorter lifetime holds for it too");
    assert!(restarted.tokens.destroy_retired().await.expect("nothing to do").is_empty(), "its key is still there");
}

#[tokio::test]
async fn the_schedule_rotates_a_day_before_a_key_has_signed_for_ninety_days() {
    let world = world_with_both().await;
    let first = active(&world, Algorithm::Es256).await;
    let due = first.activates_at.plus(89 * DAY);
    go_to(&world, due.minus(MICRO));
    assert_eq!(world.app.tokens.rotate_if_due().await.expect("nothing to do"), Vec::new());
    go_to(&world, due);
    let made = world.app.tokens.rotate_if_due().await.expect("next keys");
    assert_eq!(made.iter().map(|key| key.algorithm).collect::<Vec<_>>(), BOTH);
    assert!(made.iter().all(|key| key.made && key.activates_at == first.activates_at.plus(90 * DAY)), "{made:?}");
    assert!(world.acts().await.iter().all(|act| act.actor == Actor::Service && act.action == Action::CreateKey));
    assert_eq!(world.app.tokens.rotate_if_due().await.expect("nothing to do"), Vec::new(), "once is enough");
}

#[tokio::test]
async fn a_service_that_was_down_when_it_was_due_publishes_the_next_key_for_as_long_as_ever() {
    let world = world_with_both().await;
    world.clock.advance(400 * DAY);
    let made = world.app.tokens.rotate_if_due().await.expect("next keys");
    assert!(made.iter().all(|key| key.activates_at == world.now().plus(DAY)), "{made:?}");
}

#[tokio::test]
async fn without_a_schedule_only_the_operator_rotates() {
    let settings =
        portcullis_domain::app::Settings { keys: KeySchedule { every: None, ahead: DAY }, ..settings(policy()) };
    let world = World::with_settings(settings, |_| {}).await;
    world.clock.advance(4_000 * DAY);
    assert_eq!(world.app.tokens.rotate_if_due().await.expect("nothing to do"), Vec::new());
    assert_eq!(world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_that_is_due_on_every_replica_happens_once() {
    let world = world_with_both().await;
    world.clock.advance(90 * DAY);
    let mut replicas = Vec::new();
    for seed in 0..24 {
        replicas.push(started(&world, 1_000 + seed).await);
    }
    let tasks = replicas.into_iter().map(|app| tokio::spawn(async move { app.tokens.rotate_if_due().await }));
    let mut made = 0;
    for task in tasks.collect::<Vec<_>>() {
        made += task.await.expect("a task").expect("next keys").len();
    }
    assert_eq!(made, 2);
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys").len(), 4);
    assert_eq!(world.events().await.len(), 2);
}
