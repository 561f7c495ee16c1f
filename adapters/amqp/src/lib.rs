//! Events to RabbitMQ with publisher confirms (AMQP 0-9-1).
//!
//! [`AmqpPublisher::start`] spawns a supervisor that owns the connection and its channel. It declares the durable
//! topic exchange and the quorum queue, publishes persistent and mandatory, and answers a publish only when the
//! broker has confirmed it. On any doubt (a confirm that does not come, an unknown delivery tag, a closed channel)
//! it drops the connection, fails whatever is in flight as unavailable, and connects anew, for ever: what was not
//! confirmed stays in the outbox and is published again under the same id.
//!
//! The supervisor has a thread of its own, and each connection a runtime of its own on it: dropping that runtime
//! is the one sure way to be rid of the client's tasks and of a socket that a dead peer keeps busy.

mod address;
mod backoff;
mod board;
mod cause;
mod in_flight;
mod message;
mod publisher;
mod serve;
mod session;
mod settings;
mod signal;
mod supervisor;
mod tls;

pub use publisher::AmqpPublisher;
pub use settings::{AmqpConfigError, AmqpSettings};
