//! The tables as SeaORM sees them.

#![expect(unreachable_pub, reason = "what SeaORM derives for an entity is public")]

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod client;
pub(crate) mod credential;
pub(crate) mod one_time_token;
pub(crate) mod outbox;
pub(crate) mod revocation;
pub(crate) mod role;
pub(crate) mod session;
pub(crate) mod signing_key;
pub(crate) mod user;
pub(crate) mod webhook;
pub(crate) mod webhook_delivery;

use sea_orm::IdenStatic;

/// The columns of a table as a statement lists them.
pub(crate) fn names(columns: impl Iterator<Item = impl IdenStatic>) -> String {
    columns.map(|column| column.as_str()).collect::<Vec<_>>().join(", ")
}
