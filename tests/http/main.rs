//! The HTTP adapter from outside, over the memory adapters: what CONTRACT promises and the security bar asks.
//! Tests carry the ids of the security bar (`a010`, `b48`) in their names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod bodies;
mod documents;
mod faults;
mod harness;
mod headers;
mod health;
mod keys;
mod login;
mod logs;
mod methods;
mod metrics;
mod oauth;
mod problems;
mod refresh;
mod sessions;
mod vectors;
mod verify;
mod wire;
