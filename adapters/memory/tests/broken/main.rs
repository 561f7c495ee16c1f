//! The suites catch adapters that are broken in the ways that adapters are: a promise that no broken adapter fails
//! would promise nothing.

mod imports;
mod limiters;
mod others;
mod stores;
mod stores_access;
mod stores_attempts;
mod stores_audit;
mod stores_clients;
mod stores_credentials;
mod stores_sessions;
mod stores_webhooks;
mod webhook_queues;
mod webhook_senders;

use std::future::Future;
use std::sync::Arc;

use portcullis_memory::SeededRandomness;
use portcullis_memory::contract;

fn random() -> Arc<SeededRandomness> {
    Arc::new(SeededRandomness::new(3))
}

/// The promise must panic.
fn caught<F: Future<Output = ()>>(promise: impl FnOnce() -> F + Send + 'static) {
    let outcome = std::thread::spawn(move || contract::run(promise())).join();
    assert!(outcome.is_err(), "a broken adapter went unnoticed");
}
