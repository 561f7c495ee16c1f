//! Limits and revocations against Redis, against Redis behind a line that fails, and against Redis that comes and goes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod flushed;
mod journal;
mod limits;
mod line;
mod outages;
mod private;
mod refusals;
mod revocations;
mod secrecy;
mod server;
mod settings;
mod strangers;
mod tls;
