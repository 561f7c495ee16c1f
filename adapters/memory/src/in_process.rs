//! The way out without a broker: the log, and whoever listens in this process.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::event::CloudEvent;
use portcullis_domain::ports::delivery::{Delivery, EventPublisher, PublishError};
use tokio::sync::broadcast;

/// Publishes to the log and to subscribers in this process: what stands in when there is no broker.
///
/// The log gets one line an event with its name, id and subject, and no personal data beyond ids. A subscriber that
/// falls more than [`InProcessPublisher::CAPACITY`] events behind loses the oldest and is told so.
pub struct InProcessPublisher {
    source: String,
    events: broadcast::Sender<Arc<str>>,
}

impl InProcessPublisher {
    /// How many events a slow subscriber may be behind.
    pub const CAPACITY: usize = 4_096;

    /// A publisher whose events have the CloudEvents `source` (the issuer URL).
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), events: broadcast::Sender::new(Self::CAPACITY) }
    }

    /// Every event from here on, as a CloudEvent in JSON.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<str>> {
        self.events.subscribe()
    }
}

#[async_trait]
impl EventPublisher for InProcessPublisher {
    async fn publish(&self, delivery: &Delivery) -> Result<(), PublishError> {
        let event = delivery.event.name();
        tracing::info!(event, id = %delivery.id, subject = delivery.subject, "event");
        if self.events.receiver_count() > 0 {
            let body = serde_json::to_string(&CloudEvent::new(delivery, &self.source));
            let body = body.map_err(|error| PublishError::Refused(error.to_string()))?;
            // It fails only when the last subscriber has just left: then nobody misses it.
            let _receivers = self.events.send(body.into());
        }
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        true
    }
}
