//! Taking the signing keys into use.

use std::sync::Arc;

use portcullis_domain::ports::store::Store;
use portcullis_domain::tokens::{Algorithm, KeysError};

use crate::keys_scene::replica;
use crate::world::{MINUTE, World};

#[tokio::test]
async fn the_first_start_makes_one_key_of_each_algorithm() {
    let world = World::new().await;
    let algorithms = [Algorithm::Es256, Algorithm::V4Public, Algorithm::Rs256];
    world.app.tokens.open_keys(&algorithms).await.expect("keys");
    let keys = world.app.tokens.stored_keys().await.expect("keys");
    assert_eq!(keys.len(), 3, "the one that was there stays, the others are made");
    for key in &keys {
        assert!(algorithms.contains(&key.algorithm));
        assert_eq!((key.ordinal, key.created_at, key.retires_at), (1, world.now(), None));
        let early = world.now().minus(5 * MINUTE);
        assert_eq!(key.activates_at, early, "a replica whose clock is behind can sign with the first key at once");
    }
    world.app.tokens.open_keys(&algorithms).await.expect("keys");
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys"), keys, "a second start makes none");
}

#[tokio::test]
async fn a_restart_verifies_the_tokens_of_before() {
    let world = World::new().await;
    let (_, pair) = world.signed_in("ann").await;
    let restarted = replica(&world, 1, 99);
    assert!(
        restarted.tokens.authenticate(pair.access_token.expose()).is_err(),
        "before the keys are opened nothing is accepted"
    );
    restarted.tokens.open_keys(&[Algorithm::Es256]).await.expect("keys");
    restarted.tokens.authenticate(pair.access_token.expose()).expect("the same key");
    assert_eq!(restarted.tokens.published_keys(), world.app.tokens.published_keys(), "and the same documents");
}

#[tokio::test]
async fn another_master_key_is_told_by_name_and_makes_no_new_key_a009() {
    let world = World::new().await;
    let stored = world.app.tokens.stored_keys().await.expect("keys");
    let error = replica(&world, 9, 5).tokens.open_keys(&[Algorithm::Es256]).await.expect_err("it does not open");
    let KeysError::Sealed { kid } = &error else { panic!("it says what is wrong, not {error:?}") };
    assert_eq!(kid, &stored[0].kid);
    assert!(error.to_string().contains("master key"), "a person can act on it: {error}");
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys"), stored, "nothing is made up in its place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_start_together_agree_on_one_first_key() {
    let world = World::new().await;
    let replicas: Vec<_> = (0..24).map(|seed| Arc::new(replica(&world, 1, 1_000 + seed))).collect();
    let tasks: Vec<_> = replicas
        .iter()
        .map(|app| {
            let app = app.clone();
            tokio::spawn(async move { app.tokens.open_keys(&[Algorithm::Es256, Algorithm::V4Public]).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task").expect("every replica starts");
    }
    assert_eq!(world.app.tokens.stored_keys().await.expect("keys").len(), 2, "one key of each algorithm");
    // Who was early has opened what there was: a second look is the same for all.
    for app in &replicas {
        app.tokens.open_keys(&[Algorithm::Es256, Algorithm::V4Public]).await.expect("keys");
        assert_eq!(app.tokens.published_keys(), replicas[0].tokens.published_keys(), "all publish the same keys");
    }
}

#[tokio::test]
async fn when_the_last_key_of_an_algorithm_has_retired_the_next_is_made() {
    let world = World::new().await;
    let mut old = world.app.tokens.stored_keys().await.expect("keys").remove(0);
    // A store whose only V4Public key has retired a minute ago.
    (old.algorithm, old.kid) = (Algorithm::V4Public, "k4.pid.retired".to_owned());
    old.retires_at = Some(world.now());
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.keys().insert(&old).await.expect("a key");
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    world.clock.advance(MINUTE);
    world.app.tokens.open_keys(&[Algorithm::V4Public]).await.expect("keys");
    let keys = world.app.tokens.stored_keys().await.expect("keys");
    let ordinals: Vec<_> = keys.iter().filter(|k| k.algorithm == Algorithm::V4Public).map(|k| k.ordinal).collect();
    assert_eq!(ordinals, [1, 2]);
    assert!(!world.app.tokens.published_keys().paserk.contains("k4.pid.retired"), "a retired key is not published");
}
