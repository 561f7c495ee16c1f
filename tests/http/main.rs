//! The HTTP adapter from outside, over the memory adapters: what CONTRACT promises and the security bar asks.
//! Tests carry the ids of the security bar (`a010`, `b48`) in their names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod asyncapi;
mod attempts;
mod bar;
mod bodies;
mod client_tokens;
mod cookies;
mod cookies_hostile;
mod cors;
mod csrf;
mod discovery;
mod documents;
mod faults;
mod harness;
mod headers;
mod health;
mod jar;
mod keys;
mod limits;
mod login;
mod logs;
mod methods;
mod metrics;
mod oauth;
mod problems;
mod promises;
mod proxies;
mod refresh;
mod revocations;
mod schemas;
mod sessions;
mod token;
mod vectors;
mod verify;
mod wire;
