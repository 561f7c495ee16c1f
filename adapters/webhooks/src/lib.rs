//! Webhooks over HTTP (Standard Webhooks 1.0): signed, without redirects, and never to an address that is not public
//! unless the operator allows it. The check is on the address that is connected to, after the name was resolved.

mod client;
mod connect;
mod line;
mod names;
mod networks;
mod signature;
mod tls;

pub use client::{WebhookClient, WebhookSettings};
pub use names::{Names, SystemNames};
pub use networks::Networks;
