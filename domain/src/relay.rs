//! The relay: from the outbox to the publisher, at least once, in order per subject.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::Timestamp;
use crate::ids::EventId;
use crate::ports::ambient::Clock;
use crate::ports::delivery::{Backlog, Delivery, EventPublisher, LONGEST_PUBLISH, Outbox, PublishError, Retry};
use crate::ports::store::StoreError;

/// How the relay works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// How many deliveries are claimed at once.
    pub batch: u32,
    /// How many are on their way to the publisher at once.
    pub in_flight: usize,
    /// How long a claim holds; longer than [`RelaySettings::longest_publish`].
    pub lease: Duration,
    /// The longest that one publish may take, which is what the publisher promises. So long before the end of its lease a
    /// claim is not published from any more.
    pub longest_publish: Duration,
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
            longest_publish: LONGEST_PUBLISH,
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
    /// How many failed, or waited behind one that did, and will be tried again. What was neither delivered nor failed
    /// did not get its turn within the lease and is due again.
    pub failed: usize,
    /// How many of those were parked because of a refusal in this round.
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

        let end = now.plus(self.settings.lease);
        let mut outcomes = stream::iter(by_subject(claimed))
            .map(|queue| self.publish_in_order(queue, end))
            .buffer_unordered(self.settings.in_flight);
        while let Some(outcome) = outcomes.next().await {
            done.extend(outcome.done);
            let (now, mut rest) = (self.clock.now(), outcome.rest.as_slice());
            if let (Some(error), Some((first, behind))) = (outcome.error, outcome.rest.split_first()) {
                round.unavailable |= matches!(error, PublishError::Unavailable(_));
                round.failed += outcome.rest.len();
                round.why = Some(error.to_string());
                let retry = self.after_failure(&error, first, now);
                round.parked += usize::from(retry.parked && matches!(error, PublishError::Refused(_)));
                retries.push(retry);
                rest = behind;
            }
            retries.extend(rest.iter().map(|delivery| self.due_again(delivery, now)));
        }

        round.delivered = done.len();
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

    /// Goes on to the first failure, and as long as a publish would end within the lease, which ends at `end`: whoever
    /// claims the rest then must not meet this one at it.
    async fn publish_in_order(&self, queue: Vec<Delivery>, end: Timestamp) -> Outcome {
        let mut done = Vec::with_capacity(queue.len());
        let mut error = None;
        for delivery in &queue {
            if self.clock.now().plus(self.settings.longest_publish) >= end {
                break;
            }
            match self.publisher.publish(delivery).await {
                Ok(()) => done.push(delivery.id),
                Err(why) => {
                    error = Some(why);
                    break;
                }
            }
        }
        let rest = queue.into_iter().skip(done.len()).collect();
        Outcome { done, error, rest }
    }

    /// Parked once it was refused too often, and from then on: an outage is no reason to hold up its subject again.
    fn after_failure(&self, error: &PublishError, delivery: &Delivery, now: Timestamp) -> Retry {
        let refused = matches!(error, PublishError::Refused(_));
        let refusals = delivery.refusals.saturating_add(u32::from(refused));
        let parked = refusals >= self.settings.park_after;
        let pause = if refused && parked { self.settings.parked_pause } else { self.backoff(delivery.attempts) };
        let (id, attempts, not_before) = (delivery.id, delivery.attempts, now.plus(pause));
        Retry { id, attempts, refusals, not_before, why: error.to_string(), parked }
    }

    /// It did not get its turn, which is no fault of its own.
    fn due_again(&self, delivery: &Delivery, now: Timestamp) -> Retry {
        let Delivery { id, attempts, refusals, .. } = *delivery;
        let why = "waits for its turn".to_owned();
        Retry { id, attempts, refusals, not_before: now, why, parked: refusals >= self.settings.park_after }
    }

    fn backoff(&self, attempts: u32) -> Duration {
        let doubled = Duration::from_millis(100).saturating_mul(1 << attempts.saturating_sub(1).min(10));
        doubled.min(self.settings.max_backoff)
    }
}

/// What became of a queue: the first of the rest failed if there is an error.
struct Outcome {
    done: Vec<EventId>,
    error: Option<PublishError>,
    rest: Vec<Delivery>,
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
