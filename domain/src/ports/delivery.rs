//! The way out: the outbox, and the publisher behind it.

use std::time::Duration;

use async_trait::async_trait;

use crate::Timestamp;
use crate::event::Event;
use crate::ids::EventId;

use super::store::StoreError;

/// The longest that [`EventPublisher::publish`] takes: 10 s.
pub const LONGEST_PUBLISH: Duration = Duration::from_secs(10);

/// A committed effect on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id, the same at every attempt.
    pub id: EventId,
    /// Grows in the order of commits within a subject.
    pub sequence: u64,
    /// What it is about; deliveries of one subject keep their order.
    pub subject: String,
    /// When it happened: the `at` of its commit.
    pub occurred_at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The W3C Trace Context of its cause.
    pub traceparent: Option<String>,
    /// How many times it has been claimed, this time included.
    pub attempts: u32,
    /// How many times the broker has refused it.
    pub refusals: u32,
}

/// A delivery that did not go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Which one.
    pub id: EventId,
    /// The [`Delivery::attempts`] of the claim that failed.
    pub attempts: u32,
    /// The [`Delivery::refusals`] of the next claim.
    pub refusals: u32,
    /// It is not claimed before.
    pub not_before: Timestamp,
    /// Why it failed, for the operator; no secrets.
    pub why: String,
    /// Whether later deliveries of its subject may overtake it from now on.
    pub parked: bool,
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries not done, parked ones included.
    pub waiting: u64,
    /// Of these, parked.
    pub parked: u64,
    /// The `occurred_at` of the oldest that is not parked.
    pub oldest: Option<Timestamp>,
}

/// The committed effects that have not been delivered.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Takes up to `limit` deliveries until `at + lease`, ordered by sequence. It MUST choose by state, never by "later
    /// than the last one". Two claimers MUST NOT share a delivery while its lease holds; a lease that ran out
    /// frees it. A delivery MUST NOT be claimed while an earlier one of its subject is leased elsewhere or waits
    /// for its `not_before`, unless that one is parked.
    async fn claim(&self, limit: u32, at: Timestamp, lease: Duration) -> Result<Vec<Delivery>, StoreError>;

    /// Removes delivered ones for good. Unknown ids are fine.
    async fn done(&self, ids: &[EventId]) -> Result<(), StoreError>;

    /// Gives back what was not delivered. One that has been claimed again since (its lease had run out) MUST be left
    /// alone. Its refusals MUST be those of the last that was not left alone, 0 before it: a claim does not count.
    async fn retry(&self, retries: &[Retry]) -> Result<(), StoreError>;

    /// What waits.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Returns once an effect has been committed through this process since the last call, or at once when one has;
    /// a hint for the relay, that may also wake for nothing.
    async fn committed(&self);
}

/// Tells the world.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes one delivery. `Ok` MUST mean that the broker has taken responsibility for it (publisher confirm) and
    /// that it was routed; a nack, a return, a timeout or a lost connection MUST be an error. It MUST answer within
    /// [`LONGEST_PUBLISH`]. Concurrent calls are welcome; it keeps no order among them.
    async fn publish(&self, delivery: &Delivery) -> Result<(), PublishError>;

    /// Whether the way out is open at the moment.
    async fn is_ready(&self) -> bool;
}

/// Why a publisher did not deliver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The broker is away, blocked or slow; every other delivery would fare the same.
    #[error("the broker is not available: {0}")]
    Unavailable(String),
    /// The broker refused this very delivery (nack, or returned as unroutable).
    #[error("the broker refused the event: {0}")]
    Refused(String),
}
