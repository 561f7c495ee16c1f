//! One delivery to one webhook: sent, tried again later, or given up.

use std::sync::Arc;
use std::time::Duration;

use crate::Timestamp;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::{CloudEvent, Event};
use crate::ids::WebhookId;
use crate::origin::Origin;
use crate::ports::delivery::Retry;
use crate::ports::store::{Effect, StoreError};
use crate::ports::webhooks::{SendError, WebhookDelivery, WebhookMessage};

use super::lanes::Place;
use super::{Courier, Webhook, WebhookStatus, backoff, secret};

/// The pause of a delivery to a webhook that has enough to do.
const BUSY: Duration = Duration::from_secs(1);

/// Why a webhook that never fails is sent to no more.
const TOO_SLOW: &str = "it takes events more slowly than they happen, and too late (webhooks.give_up_after)";

/// A webhook as it was at the moment of the claim, none when it is deleted, or the column that cannot be read.
pub(super) type Found = Result<Option<Arc<Webhook>>, String>;

/// A claimed delivery, with its webhook as it was at that moment.
pub struct Errand {
    pub(super) waiting: WebhookDelivery,
    pub(super) webhook: Found,
    /// None when too many others are on their way there.
    pub(super) place: Option<Place>,
}

impl Errand {
    /// Where it goes.
    pub const fn webhook(&self) -> WebhookId {
        self.waiting.webhook
    }

    /// Whether it has no place: too many others are on their way to the same webhook.
    pub const fn is_put_off(&self) -> bool {
        self.place.is_none()
    }
}

/// The place once it is its turn; none when there is none, or the webhook began to fail in the meantime.
async fn in_turn(place: Option<Place>) -> Option<Place> {
    let mut place = place?;
    place.turn().await.then_some(place)
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Sent,
    /// It failed, for this reason, and is tried again.
    Failed(String),
    /// It waits for others that are on their way to the same webhook.
    PutOff,
    /// Its webhook is deleted or disabled: it is sent no more.
    Dropped,
    /// It failed for the last time, or went through far too late, for this reason: its webhook is disabled from here on.
    Disabled(String),
}

impl Courier {
    /// Does it. An error means that the store is away: the delivery is claimed again when its lease has run out.
    pub async fn run(&self, errand: Errand) -> Result<Outcome, StoreError> {
        let Errand { waiting, webhook, place } = errand;
        let webhook = match webhook {
            Ok(webhook) => webhook,
            Err(column) => {
                let why = format!("the webhook cannot be read ({column})");
                self.try_again(&waiting, self.clock.now(), &why).await?;
                return Ok(Outcome::Failed(why));
            }
        };
        let is_live = |webhook: &Arc<Webhook>| webhook.is_enabled() && !self.directory.has_disabled(webhook);
        let Some(webhook) = webhook.filter(is_live) else {
            self.queue.done(waiting.webhook, waiting.delivery.id).await?;
            return Ok(Outcome::Dropped);
        };
        let Some(place) = in_turn(place).await else {
            return self.put_off(&waiting).await;
        };
        let sent = self.send(&waiting, &webhook).await;
        place.note(sent.is_ok());
        match sent {
            Ok(()) => {
                self.queue.done(webhook.id, waiting.delivery.id).await?;
                self.taken(&waiting, &webhook).await
            }
            Err(error) => self.failed(&waiting, &webhook, &error).await,
        }
    }

    async fn send(&self, waiting: &WebhookDelivery, webhook: &Webhook) -> Result<(), SendError> {
        let at = self.clock.now();
        let unsendable = |error: &dyn std::error::Error| SendError::Unreachable(error.to_string());
        let secrets = secret::open(webhook, &*self.vault, at).map_err(|error| unsendable(&error))?;
        let body = serde_json::to_vec(&CloudEvent::new(&waiting.delivery, &self.issuer));
        let body = body.map_err(|error| unsendable(&error))?;
        let id = waiting.delivery.id;
        self.sender.send(&WebhookMessage { url: &webhook.url, id, at, body: &body, secrets: &secrets }).await
    }

    /// It has gone through. A webhook that takes everything too late is disabled like one that fails: what waits for it
    /// would grow without end.
    async fn taken(&self, waiting: &WebhookDelivery, webhook: &Webhook) -> Result<Outcome, StoreError> {
        let (now, occurred) = (self.clock.now(), waiting.delivery.occurred_at);
        if self.pace.is_lost(webhook.id, occurred, now, self.settings.give_up_after)
            && self.disable(webhook, "failing", TOO_SLOW, now).await?
        {
            return Ok(Outcome::Disabled(TOO_SLOW.to_owned()));
        }
        Ok(Outcome::Sent)
    }

    async fn put_off(&self, waiting: &WebhookDelivery) -> Result<Outcome, StoreError> {
        let (now, why) = (self.clock.now(), "others are on their way there");
        if self.lanes.is_failing(waiting.webhook) {
            self.try_again(waiting, now, why).await?;
        } else {
            self.give_back(waiting, now.plus(BUSY), why).await?;
        }
        Ok(Outcome::PutOff)
    }

    async fn failed(
        &self,
        waiting: &WebhookDelivery,
        webhook: &Webhook,
        error: &SendError,
    ) -> Result<Outcome, StoreError> {
        let (now, why) = (self.clock.now(), error.to_string());
        let (attempts, occurred) = (waiting.delivery.attempts, waiting.delivery.occurred_at);
        let is_gone = matches!(error, SendError::Gone);
        if (is_gone || backoff::is_over(attempts, occurred, now, self.settings.give_up_after))
            && self.disable(webhook, if is_gone { "gone" } else { "failing" }, &why, now).await?
        {
            return Ok(Outcome::Disabled(why));
        }
        self.try_again(waiting, now, &why).await?;
        Ok(Outcome::Failed(why))
    }

    async fn try_again(&self, waiting: &WebhookDelivery, now: Timestamp, why: &str) -> Result<(), StoreError> {
        let (delivery, patience) = (&waiting.delivery, self.settings.give_up_after);
        let due = backoff::next(delivery.attempts, delivery.occurred_at, now, patience, &*self.random);
        self.give_back(waiting, due, why).await
    }

    async fn give_back(&self, waiting: &WebhookDelivery, not_before: Timestamp, why: &str) -> Result<(), StoreError> {
        let (id, attempts) = (waiting.delivery.id, waiting.delivery.attempts);
        let retry = Retry { id, attempts, refusals: 0, not_before, why: why.to_owned(), parked: false };
        self.queue.retry(waiting.webhook, &retry).await
    }

    /// Sends nothing there any more; `false` when the webhook was changed in the meantime and deserves another try.
    async fn disable(&self, webhook: &Webhook, reason: &str, why: &str, now: Timestamp) -> Result<bool, StoreError> {
        let status = WebhookStatus::Disabled { at: now, why: why.to_owned() };
        let disabled = Webhook { status, updated_at: now, ..webhook.clone() };
        let origin = Origin::default();
        let mut tx = self.store.begin().await?;
        match tx.webhooks().update(&disabled).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => return Ok(false),
            Err(error) => return Err(error),
        }
        let act = AuditEntry::new(now, &*self.random, Actor::Service, Action::DisableWebhook, &origin);
        tx.audit().append(act.with(webhook.id.to_string())).await?;
        let event = Event::WebhookDisabled { webhook_id: webhook.id, reason: reason.to_owned() };
        tx.commit(now, vec![Effect::publish(event, &origin)]).await?;
        self.directory.note(&Webhook { version: disabled.version + 1, ..disabled });
        self.lanes.forget(webhook.id);
        self.pace.forget(webhook.id);
        self.queue.discard(webhook.id).await?;
        Ok(true)
    }
}
