//! The contract suites: every promise of a port as a test, for every adapter behind that port.
//!
//! An adapter runs a suite with one line in a test file of its own; each call gets something fresh from the factory:
//!
//! ```text
//! mod sqlite {
//!     async fn fresh() -> portcullis_memory::contract::Storage { … }
//!     portcullis_memory::storage_contract!(fresh);
//!     portcullis_memory::outbox_contract!(fresh);
//! }
//! ```
//!
//! A suite becomes a module of its own name with one test a promise. The tests bring their own runtime, so the
//! adapter's crate needs none. No suite asks which adapter it runs on.

mod outbox_order;
mod publisher_events;
mod samples;
mod samples_access;
mod signers_keys;
mod storage_accounts;
mod storage_api_keys;
mod storage_attempts;
mod storage_audit;
mod storage_changes;
mod storage_clients;
mod storage_credentials;
mod storage_ends;
mod storage_erasure;
mod storage_grants;
mod storage_impersonations;
mod storage_key_changes;
mod storage_key_uses;
mod storage_keys;
mod storage_one_time;
mod storage_roles;
mod storage_rotation;
mod storage_search;
mod storage_sessions;
mod storage_starts;
mod storage_states;
mod storage_stats;
mod storage_units;
mod storage_webhooks;
mod webhook_queue_claims;
mod webhook_queue_races;

pub mod ambient;
pub mod hash_import;
pub mod hasher;
pub mod mac;
pub mod outbox;
pub mod password_policy;
pub mod publisher;
pub mod rate_limiter;
pub mod refresh_tokens;
pub mod revocation_list;
pub mod revocation_signal;
pub mod signers;
pub mod storage;
pub mod vault;
pub mod webhook_queue;
pub mod webhook_sender;

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_domain::ports::delivery::{EventPublisher, Outbox};
use portcullis_domain::ports::limits::RateLimiter;
use portcullis_domain::ports::sessions::RevocationSignal;
use portcullis_domain::ports::store::Store;
use portcullis_domain::ports::tokens::{KeyRing, TokenIssuer, TokenVerifier};
use portcullis_domain::ports::webhooks::WebhookQueue;
use portcullis_domain::tokens::Algorithm;

/// An empty store and its two queues, for the suites `storage`, `outbox` and `webhook_queue`.
pub struct Storage {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The outbox that the store's commits fill.
    pub outbox: Arc<dyn Outbox>,
    /// The webhook queue that they fill.
    pub queue: Arc<dyn WebhookQueue>,
    /// What must live as long as the test (a temporary folder, a schema to drop).
    pub guard: Box<dyn Any + Send>,
}

/// Replicas over one empty store, for the suite `revocation_signal`.
pub struct Replicas {
    /// The store as the replica sees it that listens.
    pub here: Arc<dyn Store>,
    /// What it hears of the others.
    pub signal: Arc<dyn RevocationSignal>,
    /// The same store as other replicas see it; none when the store cannot be shared.
    pub elsewhere: Vec<Arc<dyn Store>>,
    /// What must live as long as the test.
    pub guard: Box<dyn Any + Send>,
}

/// A publisher and the place where its events arrive, for the suite `publisher`.
pub struct Publisher {
    /// The publisher.
    pub publisher: Arc<dyn EventPublisher>,
    /// What a consumer sees. It MUST be listening before the factory returns.
    pub sink: Arc<dyn Sink>,
    /// What must live as long as the test.
    pub guard: Box<dyn Any + Send>,
}

/// A consumer of events.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Everything received since the beginning, once that is `at_least` so many, or after waiting some seconds.
    async fn received(&self, at_least: usize) -> Vec<Received>;
}

/// An event as a consumer gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The id by which the transport lets consumers drop duplicates.
    pub id: String,
    /// The routing key, for instance `user.registered`.
    pub routing_key: String,
    /// The CloudEvent as JSON.
    pub body: Vec<u8>,
}

/// The two ends of access tokens over one key ring without keys, for the suite `signers`.
pub struct Signers {
    /// Signs.
    pub issuer: Arc<dyn TokenIssuer>,
    /// Checks.
    pub verifier: Arc<dyn TokenVerifier>,
    /// The keys of both; none is installed.
    pub keys: Arc<dyn KeyRing>,
    /// What it signs.
    pub algorithm: Algorithm,
    /// The `iss` that the verifier accepts.
    pub issuer_url: String,
    /// The `aud` that the verifier accepts.
    pub audience: String,
}

/// A clock and a source of chance, for the suite `ambient`.
pub struct Ambient {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of chance.
    pub random: Arc<dyn Randomness>,
}

/// A limiter without any buckets and its time, for the suite `rate_limiter`.
pub struct Limiter {
    /// The limiter.
    pub limiter: Arc<dyn RateLimiter>,
    /// The time it counts by.
    pub time: Arc<dyn Time>,
    /// What must live as long as the test.
    pub guard: Box<dyn Any + Send>,
}

/// The time of a subject: real, or held in a test's hand.
#[async_trait]
pub trait Time: Send + Sync {
    /// Returns when at least `by` has passed.
    async fn pass(&self, by: Duration);

    /// How much has passed since some instant before the test.
    fn elapsed(&self) -> Duration;
}

/// How long one promise may take before it counts as broken by a deadlock.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs one promise on a runtime of its own with four threads.
#[doc(hidden)]
pub fn run(promise: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime for the contract suite");
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, promise).await.expect("the adapter hangs: the promise took more than 300 s");
    });
}

/// One test for each promise of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! promises {
    ($suite:ident, $factory:expr, $($promise:ident),+ $(,)?) => {
        mod $suite {
            #[allow(unused_imports, reason = "the factory is named as its caller sees it")]
            use super::*;

            $(
                #[test]
                fn $promise() {
                    $crate::contract::run(async {
                        let subject = ($factory)().await;
                        $crate::contract::$suite::$promise(&subject).await;
                    });
                }
            )+
        }
    };
}
