//! The composition root: from a configuration to a running service. No rules, no SQL, no handlers.

mod background;
pub mod config;
mod links;
mod listener;
mod master_key;
mod service;
mod start_error;
pub mod telemetry;
pub mod testing;
mod wiring;

pub use config::Config;
pub use links::{password_url, setup_url};
pub use service::{Running, Service, build, clock, issuer_of, open_app, open_store};
pub use start_error::StartError;
pub use wiring::{asyncapi, hash_forms, openapi};
