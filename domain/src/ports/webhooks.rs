//! Webhooks: where they are kept, what waits for them, and how they are sent.

use std::time::Duration;

use async_trait::async_trait;

use crate::Timestamp;
use crate::ids::{EventId, WebhookId};
use crate::webhooks::{Webhook, WebhookUrl};

use super::delivery::{Delivery, Retry};
use super::store::StoreError;

/// The webhooks. Deleted ones are gone.
#[async_trait]
pub trait WebhookRepository: Send {
    /// Adds one; `Duplicate(Id)` when the id is taken.
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError>;

    /// Writes every field but `id` and `created_at` if the stored version is `webhook.version`, and stores
    /// `webhook.version + 1`; otherwise `Conflict`.
    async fn update(&mut self, webhook: &Webhook) -> Result<(), StoreError>;

    /// Removes one with everything that waits for it; whether there was one.
    async fn delete(&mut self, id: WebhookId) -> Result<bool, StoreError>;

    /// The webhook, every field as it was written.
    async fn by_id(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// All of them, by id. A row that cannot be read is left out, and told in the log.
    async fn all(&mut self) -> Result<Vec<Webhook>, StoreError>;
}

/// An event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Where to.
    pub webhook: WebhookId,
    /// What: its `id` is the event's, the same as on every other way out; its `sequence` is of this queue.
    pub delivery: Delivery,
}

/// What waits for the webhooks: [`Effect::Publish`](super::store::Effect::Publish) puts it here in its transaction. It
/// keeps no order: a webhook that fails holds up nothing but itself.
#[async_trait]
pub trait WebhookQueue: Send + Sync {
    /// Takes up to `limit` that are due, and of these at most `each` of one webhook, until `at + lease`, those first that
    /// have been due longest. Two claimers MUST NOT share one while its lease holds; a lease that ran out frees it.
    async fn claim(
        &self,
        limit: u32,
        each: u32,
        at: Timestamp,
        lease: Duration,
    ) -> Result<Vec<WebhookDelivery>, StoreError>;

    /// Removes one that was delivered, or is to be delivered no more. An unknown one is fine.
    async fn done(&self, webhook: WebhookId, event: EventId) -> Result<(), StoreError>;

    /// Gives a failed one back. One that has been claimed again since (its lease had run out) MUST be left alone.
    async fn retry(&self, webhook: WebhookId, retry: &Retry) -> Result<(), StoreError>;

    /// Removes everything that waits for a webhook; how many.
    async fn discard(&self, webhook: WebhookId) -> Result<u64, StoreError>;

    /// How many wait.
    async fn waiting(&self) -> Result<u64, StoreError>;
}

/// Sends to a webhook (Standard Webhooks 1.0).
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Posts `body` with the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, one signature for each
    /// of `secrets`. `Ok` MUST mean an answer of 2xx. It MUST follow no redirect, MUST NOT connect to an address that is
    /// not public unless the operator allows it, whatever the name resolves to at the moment of connecting, and MUST
    /// answer within 30 s.
    async fn send(&self, message: &WebhookMessage<'_>) -> Result<(), SendError>;

    /// Whether it would connect to such a URL at all: asked when a webhook is created, before any name is resolved.
    fn admits(&self, url: &WebhookUrl) -> Result<(), String>;
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub struct WebhookMessage<'a> {
    /// Where to.
    pub url: &'a WebhookUrl,
    /// `webhook-id`: the event's id, the same at every attempt.
    pub id: EventId,
    /// `webhook-timestamp`: when this attempt is made.
    pub at: Timestamp,
    /// The CloudEvent, as JSON.
    pub body: &'a [u8],
    /// The raw secrets that sign it: the present one, and during a rotation the one before.
    pub secrets: &'a [super::tokens::PrivateKey],
}

/// Why a webhook was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It answered with another status than 2xx.
    #[error("it answered {0}")]
    Status(u16),
    /// Nothing of use came back: no connection, no answer in time, a redirect, a forbidden address.
    #[error("{0}")]
    Unreachable(String),
    /// It answered 410: it wants nothing more, ever.
    #[error("it answered 410: it wants no more events")]
    Gone,
}
