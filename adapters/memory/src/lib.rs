//! Everything in memory: the strictest adapter, public so that other people's tests can use it, and (with the
//! feature `contract`) the contract suites of every port.
//!
//! [`MemoryRevocations`] and [`InProcessPublisher`] also serve in production; what is called `Plain…` or `Toy…`
//! protects nothing and is for tests only.

mod accounts;
mod ambient;
#[cfg(feature = "contract")]
pub mod contract;
mod in_process;
mod keys;
mod outbox;
mod passwords;
mod publisher;
mod refresh_tokens;
mod revocations;
mod sessions;
mod state;
mod store;
mod tokens;
mod toy;
mod vault;

pub use ambient::{ManualClock, SeededRandomness};
pub use in_process::InProcessPublisher;
pub use passwords::{LaxPolicy, PlainHasher};
pub use publisher::{Published, RecordingPublisher};
pub use refresh_tokens::ToyRefreshTokens;
pub use revocations::MemoryRevocations;
pub use store::MemoryStore;
pub use tokens::ToyTokens;
pub use vault::ToyVault;
