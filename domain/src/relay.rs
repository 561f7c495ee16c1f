//! The relay: from the outbox to the publisher, at least once, in order per subject.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::Timestamp;
use crate::ids::EventId;
use crate::ports::ambient::Clock;
use crate::ports::delivery::{Backlog, Delivery, EventPublisher, Outbox, PublishError, Retry};
use crate::ports::store::StoreError;

/// How the relay works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// How many deliveries are claimed at once.
    pub batch: u32,
    /// How many are on their way to the publisher at once.
    pub in_flight: usize,
    /// How long a claim holds; longer than the publisher may take.
    pub lease: Duration,
    /// The longest pause between two attempts while the broker is away.
    pub max_backoff: Duration,
    /// After so many refusals of one delivery by the broker it is parked.
    pub park_after: u32,
    /// The pause before a parked delivery is tried again.
    pub parked_pause: Duration,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            batch: 512,
            in_flight: 256,
            lease: Duration::from_secs(20),
            max_backoff: Duration::from_secs(5),
            park_after: 8,
            parked_pause: Duration::from_secs(600),
        }
    }
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// How many deliveries were claimed.
    pub claimed: usize,
    /// How many of them the publisher confirmed.
    pub delivered: usize,
    /// How many failed and will be tried again.
    pub failed: usize,
    /// How many of those were parked by this round.
    pub parked: usize,
    /// The last reason for a failure.
    pub why: Option<String>,
    /// Whether the broker was away.
    pub unavailable: bool,
}

/// Moves deliveries from the outbox to the publisher.
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    publisher: Arc<dyn EventPublisher>,
    clock: Arc<dyn Clock>,
    settings: RelaySettings,
}

impl Relay {
    /// Over its ports.
    pub const fn new(
        outbox: Arc<dyn Outbox>,
        publisher: Arc<dyn EventPublisher>,
        clock: Arc<dyn Clock>,
        settings: RelaySettings,
    ) -> Self {
        Self { outbox, publisher, clock, settings }
    }

    /// Claims a batch, publishes it, and settles it; while the publisher is not ready it leaves the outbox alone.
    /// Deterministic: it waits for nothing but its ports.
    pub async fn run_once(&self) -> Result<Round, StoreError> {
        if !self.publisher.is_ready().await {
            return Ok(Round { unavailable: true, ..Round::default() });
        }
        let now = self.clock.now();
        let claimed = self.outbox.claim(self.settings.batch, now, self.settings.lease).await?;
        if claimed.is_empty() {
            return Ok(Round::default());
        }
        let mut round = Round { claimed: claimed.len(), ..Round::default() };
        let mut done: Vec<EventId> = Vec::with_capacity(claimed.len());
        let mut retries: Vec<Retry> = Vec::new();

        let mut outcomes = stream::iter(by_subject(claimed))
            .map(|queue| self.publish_in_order(queue))
            .buffer_unordered(self.settings.in_flight);
        while let Some(outcome) = outcomes.next().await {
            done.extend(outcome.done);
            if let Some((error, rest)) = outcome.failed {
                round.unavailable |= matches!(error, PublishError::Unavailable(_));
                round.why = Some(error.to_string());
                retries.extend(self.give_back(&error, &rest, self.clock.now()));
            }
        }

        round.delivered = done.len();
        round.failed = retries.len();
        round.parked = retries.iter().filter(|retry| retry.parked).count();
        if !done.is_empty() {
            self.outbox.done(&done).await?;
        }
        if !retries.is_empty() {
            self.outbox.retry(&retries).await?;
        }
        Ok(round)
    }

    /// What waits.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.outbox.backlog().await
    }

    /// Returns once there may be something to do.
    pub async fn committed(&self) {
        self.outbox.committed().await;
    }

    async fn publish_in_order(&self, queue: Vec<Delivery>) -> Outcome {
        let mut done = Vec::with_capacity(queue.len());
        for (position, delivery) in queue.iter().enumerate() {
            match self.publisher.publish(delivery).await {
                Ok(()) => done.push(delivery.id),
                Err(error) => {
                    let rest = queue.get(position..).unwrap_or_default().to_vec();
                    return Outcome { done, failed: Some((error, rest)) };
                }
            }
        }
        Outcome { done, failed: None }
    }

    /// The first failed; those behind it wait for it, unless it is parked.
    fn give_back(&self, error: &PublishError, rest: &[Delivery], now: Timestamp) -> Vec<Retry> {
        let Some((first, behind)) = rest.split_first() else { return Vec::new() };
        let parked = matches!(error, PublishError::Refused(_)) && first.attempts >= self.settings.park_after;
        let pause = if parked { self.settings.parked_pause } else { self.backoff(first.attempts) };
        let retry = Retry {
            id: first.id,
            attempts: first.attempts,
            not_before: now.plus(pause),
            why: error.to_string(),
            parked,
        };
        let behind = behind.iter().map(|delivery| Retry {
            id: delivery.id,
            attempts: delivery.attempts,
            not_before: now,
            why: "waits for an earlier delivery of its subject".to_owned(),
            parked: false,
        });
        std::iter::once(retry).chain(behind).collect()
    }

    fn backoff(&self, attempts: u32) -> Duration {
        let doubled = Duration::from_millis(100).saturating_mul(1 << attempts.saturating_sub(1).min(10));
        doubled.min(self.settings.max_backoff)
    }
}

struct Outcome {
    done: Vec<EventId>,
    failed: Option<(PublishError, Vec<Delivery>)>,
}

/// One queue a subject, each in its order.
fn by_subject(claimed: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut queues: Vec<Vec<Delivery>> = Vec::new();
    for delivery in claimed {
        let place = *places.entry(delivery.subject.clone()).or_insert_with(|| {
            queues.push(Vec::new());
            queues.len() - 1
        });
        if let Some(queue) = queues.get_mut(place) {
            queue.push(delivery);
        }
    }
    queues
}
