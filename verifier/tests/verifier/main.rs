//! The verifier from outside.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod amqp;
mod cached;
mod claims;
mod dependencies;
mod discovery;
mod examples;
mod forged;
mod issuer_server;
mod log;
mod mutated;
mod ours;
mod poem_service;
mod poll;
mod poll_server;
mod proxied;
mod rabbit;
mod revoked;
mod roles;
mod stale;
mod test_issuer;
mod times;
mod tower_service;
