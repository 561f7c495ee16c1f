//! The pure core of Portcullis: what accounts, sessions and tokens are, what may happen to them, and the
//! ports through which it reaches the world. It names no technology: no runtime, web framework, database,
//! broker or crypto implementation.
//!
//! Read [`app`] first: it is the table of contents. A use case is a method on a capability, in a file named
//! after its verb; all state goes through [`ports::store`].

pub mod access;
pub mod accounts;
pub mod administration;
pub mod app;
pub mod audit;
pub mod caller;
pub mod clients;
pub mod event;
pub mod failure;
pub mod ids;
pub mod origin;
mod plain_text;
pub mod ports;
pub mod relay;
pub mod secret;
pub mod sessions;
pub mod timestamp;
pub mod tokens;
pub mod webhooks;

pub use app::App;
pub use failure::Failure;
pub use timestamp::Timestamp;
