//! A publisher that remembers, for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use portcullis_domain::event::{CloudEvent, Event};
use portcullis_domain::ports::delivery::{Delivery, EventPublisher, PublishError};
use tokio::sync::Notify;

/// A delivery as it would have gone out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The delivery.
    pub delivery: Delivery,
    /// The CloudEvent as JSON.
    pub body: String,
}

/// A publisher that keeps what it is given and fails when it is told to: for tests.
pub struct RecordingPublisher {
    source: String,
    inner: Mutex<Inner>,
    news: Notify,
}

type Judge = dyn Fn(&Delivery) -> Result<(), PublishError> + Send + Sync;

#[derive(Default)]
struct Inner {
    published: Vec<Published>,
    attempts: u64,
    judge: Option<Box<Judge>>,
    away: bool,
}

impl RecordingPublisher {
    /// A publisher whose events have the CloudEvents `source` (the issuer URL).
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), inner: Mutex::default(), news: Notify::new() }
    }

    /// From here on every delivery is given to `judge` first; its error is the answer, and nothing is kept.
    pub fn fail_when(&self, judge: impl Fn(&Delivery) -> Result<(), PublishError> + Send + Sync + 'static) {
        self.lock().judge = Some(Box::new(judge));
    }

    /// From here on the broker is away: every publish is [`PublishError::Unavailable`].
    pub fn go_away(&self) {
        self.lock().away = true;
    }

    /// From here on everything goes through again.
    pub fn recover(&self) {
        let mut inner = self.lock();
        inner.away = false;
        inner.judge = None;
    }

    /// Everything that went through, in order.
    pub fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// The events that went through, in order.
    pub fn events(&self) -> Vec<Event> {
        self.lock().published.iter().map(|published| published.delivery.event.clone()).collect()
    }

    /// How often anybody tried to publish.
    pub fn attempts(&self) -> u64 {
        self.lock().attempts
    }

    /// Returns once at least `count` deliveries have gone through.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let news = self.news.notified();
            if self.lock().published.len() >= count {
                return;
            }
            news.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventPublisher for RecordingPublisher {
    async fn publish(&self, delivery: &Delivery) -> Result<(), PublishError> {
        let mut inner = self.lock();
        inner.attempts += 1;
        if inner.away {
            return Err(PublishError::Unavailable("the broker is away, as the test asked".to_owned()));
        }
        if let Some(judge) = &inner.judge {
            judge(delivery)?;
        }
        let body = serde_json::to_string(&CloudEvent::new(delivery, &self.source));
        let body = body.map_err(|error| PublishError::Refused(error.to_string()))?;
        inner.published.push(Published { delivery: delivery.clone(), body });
        drop(inner);
        self.news.notify_waiters();
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        !self.lock().away
    }
}
