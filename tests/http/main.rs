//! The HTTP adapter from outside, over the memory adapters: what CONTRACT promises and the security bar asks.
//! Tests carry the ids of the security bar (`a010`, `b48`) in their names.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod account_rights;
mod accounts;
mod admin_acts;
mod admin_audit;
mod admin_bulk;
mod admin_clients;
mod admin_roles;
mod admin_users;
mod api_keys;
mod asyncapi;
mod attempts;
mod bar;
mod bodies;
mod client_tokens;
mod cookies;
mod cookies_hostile;
mod cors;
mod csrf;
mod cursors;
mod discovery;
mod documents;
mod faults;
mod harness;
mod headers;
mod health;
mod impersonation;
mod jar;
mod keys;
mod limits;
mod login;
mod logs;
mod mass_assignment;
mod methods;
mod metrics;
mod oauth;
mod problems;
mod promises;
mod proxies;
mod refresh;
mod revocations;
mod sample_bodies;
mod schemas;
mod sessions;
mod setup;
mod staff;
mod token;
mod vectors;
mod verify;
mod verify_keys;
mod wire;
