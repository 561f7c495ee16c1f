//! The whole service in memory, inside somebody's test suite: every endpoint, limit, cookie and token as in production,
//! with a clock that stands still until it is told otherwise, chance from a seed, passwords that cost nothing, and all
//! events at hand.
//!
//! [`TestService::start`] is ready in a few milliseconds and needs no network; many may live in one process and know
//! nothing of each other. [`TestService::listen`] answers on a real address of the loopback interface as well, for
//! clients that need one. Both want a tokio runtime with its timers on (`#[tokio::test]` brings one). Dropped, a service
//! is gone.
//!
//! The methods of this module panic where a test has to fail, with a message that says why.

mod access;
mod account;
mod browser;
mod builder;
mod call;
mod event;
mod oauth_client;
mod service;
mod wiring;

pub use access::{ApiKey, NewAccount};
pub use account::{Account, Login, PASSWORD};
pub use browser::Browser;
pub use builder::Builder;
pub use call::{Answer, Call};
pub use event::CapturedEvent;
pub use oauth_client::OAuthClient;
pub use service::TestService;
pub use wiring::ManualClock;

/// The types of requests and answers.
pub use poem::http;
/// The use cases and their types.
pub use portcullis_domain as domain;
