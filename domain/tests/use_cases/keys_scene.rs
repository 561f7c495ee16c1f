//! Replicas over one store, each with a key ring of its own, and what can be read off their tokens.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::app::{Ports, Settings};
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::store::Store;
use portcullis_domain::tokens::{Algorithm, KeySchedule, KeyStatus, SigningKey};
use portcullis_domain::{App, Timestamp};
use portcullis_memory::{MemoryRevocations, SeededRandomness, ToyTokens, ToyVault};

use crate::world::{ISSUER, World, policy, settings};

/// The algorithms that a service uses at once: one for JWT, and PASETO.
pub(crate) const BOTH: [Algorithm; 2] = [Algorithm::Es256, Algorithm::V4Public];

/// Another process over the same store, under the master key `master`.
pub(crate) fn replica(world: &World, master: u8, seed: u64) -> App {
    replica_with(world, master, seed, settings(policy()))
}

/// Another process over the same store that was started with other settings.
pub(crate) fn replica_with(world: &World, master: u8, seed: u64, settings: Settings) -> App {
    App::new(ports(world, master, seed), settings)
}

/// Another process that reaches the same store through `store`.
pub(crate) fn replica_over(world: &World, seed: u64, store: Arc<dyn Store>) -> App {
    App::new(Ports { store, ..ports(world, 1, seed) }, settings(policy()))
}

/// Another process whose clock is `clock`.
pub(crate) fn replica_at(world: &World, seed: u64, clock: Arc<dyn Clock>, settings: Settings) -> App {
    App::new(Ports { clock, ..ports(world, 1, seed) }, settings)
}

/// The ports of another process over the same store: its own key ring, revocations and chance.
fn ports(world: &World, master: u8, seed: u64) -> Ports {
    let random = Arc::new(SeededRandomness::new(seed));
    let tokens = Arc::new(ToyTokens::new(Algorithm::Es256, ISSUER, "api", random.clone()));
    Ports {
        vault: Arc::new(ToyVault::new([master; 32], random.clone())),
        issuer: tokens.clone(),
        verifier: tokens.clone(),
        keys: tokens,
        revocations: Arc::new(MemoryRevocations::new()),
        random,
        ..world.ports.clone()
    }
}

/// A running process: its keys are open and it has learned what there is.
pub(crate) async fn started(world: &World, seed: u64) -> App {
    let app = replica(world, 1, seed);
    app.tokens.open_keys(&BOTH).await.expect("keys");
    app.learn(None).await.expect("all is known");
    app
}

/// A world with a key for JWT and one for PASETO; what has happened so far has been seen.
pub(crate) async fn world_with_both() -> World {
    let world = World::new().await;
    world.app.tokens.open_keys(&BOTH).await.expect("keys");
    world.events().await;
    world.acts().await;
    world
}

/// The settings with access tokens that live for `access_ttl`.
pub(crate) fn with_ttl(access_ttl: Duration) -> Settings {
    let mut policy = policy();
    policy.access_ttl = access_ttl;
    settings(policy)
}

/// Which key signed a toy token.
pub(crate) fn signer_of(token: &str) -> String {
    let content = token.split('.').nth(1).expect("a toy token has three parts");
    let digits: Vec<u8> = content.bytes().collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal");
    let json: Vec<u8> = digits.chunks(2).map(byte).collect();
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    json["kid"].as_str().expect("a kid").to_owned()
}

/// The key of `algorithm` that is at `status` now, as the stored keys say; at most one may be.
pub(crate) async fn at_status(world: &World, algorithm: Algorithm, status: KeyStatus) -> Option<SigningKey> {
    let keys = world.app.tokens.stored_keys().await.expect("keys");
    let statuses = KeySchedule::statuses(&keys, policy().access_ttl, world.now());
    let mut found = keys.into_iter().zip(statuses).filter(|(key, is)| key.algorithm == algorithm && *is == status);
    let first = found.next().map(|(key, _)| key);
    assert!(found.next().is_none(), "there are two keys of {algorithm:?} that are {status:?}");
    first
}

pub(crate) async fn active(world: &World, algorithm: Algorithm) -> SigningKey {
    at_status(world, algorithm, KeyStatus::Active).await.expect("a key signs")
}

/// The ids of the keys that `app` publishes for tokens of `algorithm`'s format, in their order.
pub(crate) fn published(app: &App, algorithm: Algorithm) -> Vec<String> {
    let documents = app.tokens.published_keys();
    let text = if algorithm == Algorithm::V4Public { documents.paserk } else { documents.jwks };
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let keys = document["keys"].as_array().expect("keys").iter();
    keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// Moves the clock to `at`, which is not before now.
pub(crate) fn go_to(world: &World, at: Timestamp) {
    assert!(at >= world.now(), "time goes on");
    world.clock.advance(at.since(world.now()));
}
