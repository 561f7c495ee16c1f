//! The tables as SeaORM sees them.

#![expect(unreachable_pub, reason = "what SeaORM derives for an entity is public")]

pub(crate) mod credential;
pub(crate) mod outbox;
pub(crate) mod revocation;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod user;
