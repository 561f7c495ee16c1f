//! Everything in memory: the strictest adapter, public so that other people's tests can use it, and (with the
//! feature `contract`) the contract suites of every port.
//!
//! [`MemoryRevocations`], [`MemoryLimiter`] and [`InProcessPublisher`] also serve in production; what is called
//! `Plain…` or `Toy…` protects nothing and is for tests only.

mod accounts;
mod ambient;
mod api_keys;
mod attempts;
mod audit;
mod buckets;
mod clients;
#[cfg(feature = "contract")]
pub mod contract;
mod credentials;
mod in_process;
mod keys;
mod limiter;
mod mac;
mod one_time_tokens;
mod outbox;
mod passwords;
mod publisher;
mod refresh_tokens;
mod revocations;
mod roles;
mod search;
mod sessions;
mod signal;
mod state;
mod stats;
mod steady_clock;
mod store;
mod tokens;
mod toy;
mod vault;
mod view;
mod webhook_queue;
mod webhook_sender;
mod webhooks;

pub use ambient::{ManualClock, SeededRandomness};
pub use in_process::InProcessPublisher;
pub use limiter::MemoryLimiter;
pub use mac::ToyMac;
pub use passwords::{LaxPolicy, PlainHasher, PlainHashes};
pub use publisher::{Published, RecordingPublisher};
pub use refresh_tokens::ToyRefreshTokens;
pub use revocations::MemoryRevocations;
pub use store::MemoryStore;
pub use tokens::ToyTokens;
pub use vault::ToyVault;
pub use webhook_sender::{Posted, RecordingWebhooks, Reply};
