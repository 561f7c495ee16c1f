//! The keys are looked at often, and taken into use again only where they have changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use portcullis_domain::audit::Actor;
use portcullis_domain::ports::security::{Vault, VaultError};
use portcullis_domain::ports::store::Store;
use portcullis_domain::ports::tokens::{KeyPair, KeyRing, LiveKey, PrivateKey, PublishedKeys, TokenError};
use portcullis_domain::tokens::Algorithm;
use portcullis_domain::{Failure, Timestamp};

use crate::keys_scene::{BOTH, active, go_to, started};
use crate::world::{DAY, HOUR, MINUTE, World, origin, policy};

#[derive(Default)]
struct Counts {
    opened: AtomicUsize,
    installed: AtomicUsize,
}

struct CountingVault(Arc<dyn Vault>, Arc<Counts>);

struct CountingRing(Arc<dyn KeyRing>, Arc<Counts>);

impl Vault for CountingVault {
    fn seal(&self, context: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.0.seal(context, secret)
    }

    fn open(&self, context: &str, sealed: &[u8]) -> Result<PrivateKey, VaultError> {
        self.1.opened.fetch_add(1, Ordering::SeqCst);
        self.0.open(context, sealed)
    }
}

#[async_trait]
impl KeyRing for CountingRing {
    async fn generate(&self, algorithm: Algorithm) -> Result<KeyPair, TokenError> {
        self.0.generate(algorithm).await
    }

    fn install(&self, keys: Vec<LiveKey>) -> Result<(), TokenError> {
        self.1.installed.fetch_add(1, Ordering::SeqCst);
        self.0.install(keys)
    }

    fn published(&self, now: Timestamp) -> PublishedKeys {
        self.0.published(now)
    }
}

/// A world that counts how often keys are opened and installed.
async fn counting_world() -> (World, Arc<Counts>) {
    let counts = Arc::new(Counts::default());
    let counting = counts.clone();
    let world = World::with(policy(), move |ports| {
        ports.vault = Arc::new(CountingVault(ports.vault.clone(), counting.clone()));
        ports.keys = Arc::new(CountingRing(ports.keys.clone(), counting));
    });
    let world = world.await;
    world.app.tokens.open_keys(&BOTH).await.expect("keys");
    (world, counts)
}

impl Counts {
    /// What has been counted since the last time.
    fn take(&self) -> (usize, usize) {
        (self.opened.swap(0, Ordering::SeqCst), self.installed.swap(0, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn nothing_is_opened_or_installed_where_nothing_has_changed() {
    let (world, counts) = counting_world().await;
    world.app.learn(None).await.expect("all is known");
    counts.take();
    for _ in 0..100 {
        world.clock.advance(HOUR);
        world.app.learn(None).await.expect("all is known");
        world.app.tokens.rotate_if_due().await.expect("nothing to do");
        world.app.tokens.destroy_retired().await.expect("nothing to do");
    }
    assert_eq!(counts.take(), (0, 0));
}

#[tokio::test]
async fn each_change_is_taken_over_once() {
    let (world, counts) = counting_world().await;
    let other = started(&world, 7).await;
    counts.take();
    let turn = other.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys")[0].activates_at;
    let learn = async || {
        for _ in 0..3 {
            world.app.learn(None).await.expect("all is known");
        }
        counts.take()
    };
    assert_eq!(learn().await, (4, 1), "the next keys");
    go_to(&world, turn);
    assert_eq!(learn().await, (0, 0), "that they sign now was known before");
    go_to(&world, turn.plus(20 * MINUTE));
    assert_eq!(learn().await, (2, 1), "the private parts of retired keys leave the memory");
    other.tokens.destroy_retired().await.expect("retired keys go");
    assert_eq!(learn().await, (0, 0));
    let signer = active(&world, Algorithm::Es256).await.kid;
    other.tokens.revoke_key(&signer, Actor::Operator, &origin()).await.expect("it is revoked");
    assert_eq!(learn().await, (2, 1), "a revoked key and the one that follows");
}

#[tokio::test]
async fn whoever_waits_for_news_is_woken_when_there_are_other_keys() {
    let (world, _) = counting_world().await;
    let other = started(&world, 7).await;
    world.app.learn(None).await.expect("all is known");
    let cursor = world.app.tokens.withdrawals(None).expect("a bulletin").cursor;
    let mut waits = std::pin::pin!(world.app.tokens.more_withdrawals(cursor));
    assert!((&mut waits).now_or_never().is_none());
    other.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    assert!((&mut waits).now_or_never().is_none(), "nobody here has heard");
    world.app.learn(None).await.expect("all is known");
    let bulletin = (&mut waits).now_or_never().expect("it wakes").expect("a bulletin");
    assert_eq!(bulletin.items, [], "and fetches the keys");
}

#[tokio::test]
async fn a_key_that_does_not_open_keeps_no_revoked_key_in_its_place() {
    let (world, counts) = counting_world().await;
    let (_, pair) = world.signed_in("ann").await;
    world.app.tokens.rotate(Actor::Operator, &origin()).await.expect("next keys");
    let mut rogue = active(&world, Algorithm::V4Public).await;
    (rogue.kid, rogue.ordinal, rogue.activates_at) = ("k4.pid.rogue".to_owned(), 9, world.now().plus(DAY));
    let bad = active(&world, Algorithm::Es256).await;
    let mut tx = world.store.begin().await.expect("a unit of work");
    tx.keys().insert(&rogue).await.expect("a key sealed for another name");
    assert!(tx.keys().revoke(&bad.kid, world.now()).await.expect("it is revoked"));
    tx.commit(world.now(), Vec::new()).await.expect("a commit");
    counts.take();
    for round in 0..3 {
        let error = world.app.learn(None).await.expect_err("somebody has to be told");
        assert!(matches!(error, Failure::Internal(_)), "{error:?}");
        assert!(world.caller(&pair).is_none(), "the revoked key is gone all the same");
        assert_eq!(counts.take().1, usize::from(round == 0), "and nothing is installed again and again");
    }
}
