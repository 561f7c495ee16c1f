//! The publisher against RabbitMQ, against RabbitMQ behind a line that fails, and against a broker that misbehaves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod confirms;
mod contract;
mod delivery;
mod fake_broker;
mod journal;
mod line;
mod messages;
mod outages;
mod rabbit;
mod refusals;
mod secrecy;
mod settings;
mod tls;
mod wire;
