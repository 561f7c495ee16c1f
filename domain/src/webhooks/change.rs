//! Changes of a webhook, and its end.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::event::Event;
use crate::ids::WebhookId;
use crate::origin::Origin;
use crate::ports::store::{Effect, StoreError};

use super::{NotAnEvent, Webhook, WebhookStatus, WebhookUrl, Webhooks, pattern};

/// What is to be different; `None` stays as it is.
#[derive(Clone, Debug)]
pub struct UpdateWebhook {
    /// Which one.
    pub webhook: WebhookId,
    /// Where events are sent.
    pub url: Option<WebhookUrl>,
    /// The events that are sent: names, or `family.*`; empty for all.
    pub events: Option<Vec<String>>,
    /// Who asks.
    pub actor: Actor,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why a webhook did not change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeWebhookError {
    /// There is no such webhook.
    #[error("there is no webhook {0}")]
    Unknown(WebhookId),
    /// Nothing would be sent to that URL.
    #[error("nothing is sent there: {0}")]
    Url(String),
    /// An event has another name.
    #[error(transparent)]
    Event(#[from] NotAnEvent),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

impl From<StoreError> for ChangeWebhookError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Webhooks {
    /// Gives a webhook another URL or other events. What waits already goes to the new URL.
    pub async fn update(&self, cmd: UpdateWebhook) -> Result<Webhook, ChangeWebhookError> {
        if let Some(url) = &cmd.url {
            self.sender.admits(url).map_err(ChangeWebhookError::Url)?;
        }
        let events = cmd.events.map(pattern::check).transpose()?;
        let change = |mut webhook: Webhook, _| {
            webhook.url = cmd.url.unwrap_or(webhook.url);
            webhook.events = events.unwrap_or(webhook.events);
            webhook
        };
        self.change(cmd.webhook, cmd.actor, &cmd.origin, Action::UpdateWebhook, change).await
    }

    /// Sends to a webhook again; what happened while it was disabled is not sent.
    pub async fn enable(&self, id: WebhookId, actor: Actor, origin: &Origin) -> Result<Webhook, ChangeWebhookError> {
        let change = |webhook, _| Webhook { status: WebhookStatus::Enabled, ..webhook };
        self.change(id, actor, origin, Action::UpdateWebhook, change).await
    }

    /// Sends nothing to a webhook any more, and discards what waits for it. One that is disabled stays as it is.
    pub async fn disable(&self, id: WebhookId, actor: Actor, origin: &Origin) -> Result<Webhook, ChangeWebhookError> {
        let change = |webhook: Webhook, at| match webhook.status {
            WebhookStatus::Enabled => {
                Webhook { status: WebhookStatus::Disabled { at, why: "by an operator".to_owned() }, ..webhook }
            }
            WebhookStatus::Disabled { .. } => webhook,
        };
        let webhook = self.change(id, actor, origin, Action::DisableWebhook, change).await?;
        self.queue.discard(id).await?;
        Ok(webhook)
    }

    /// Removes a webhook with everything that waits for it.
    pub async fn delete(&self, id: WebhookId, actor: Actor, origin: &Origin) -> Result<(), ChangeWebhookError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        if !tx.webhooks().delete(id).await? {
            return Err(ChangeWebhookError::Unknown(id));
        }
        let act = AuditEntry::new(now, &*self.random, actor, Action::DeleteWebhook, origin);
        tx.audit().append(act.with(id.to_string())).await?;
        tx.commit(now, Vec::new()).await?;
        self.directory.forget(id);
        Ok(())
    }

    /// Applies a change, if it changes anything, and announces it when the webhook is disabled by it.
    pub(super) async fn change(
        &self,
        id: WebhookId,
        actor: Actor,
        origin: &Origin,
        action: Action,
        change: impl FnOnce(Webhook, crate::Timestamp) -> Webhook + Send,
    ) -> Result<Webhook, ChangeWebhookError> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let Some(webhook) = tx.webhooks().by_id(id).await? else {
            return Err(ChangeWebhookError::Unknown(id));
        };
        let before = webhook.clone();
        let mut changed = change(webhook, now);
        if changed == before {
            return Ok(before);
        }
        changed.updated_at = now;
        tx.webhooks().update(&changed).await?;
        let act = AuditEntry::new(now, &*self.random, actor, action, origin);
        tx.audit().append(act.with(id.to_string())).await?;
        let mut effects = Vec::new();
        if before.is_enabled() && !changed.is_enabled() {
            let event = Event::WebhookDisabled { webhook_id: id, reason: "operator".to_owned() };
            effects.push(Effect::publish(event, origin));
        }
        tx.commit(now, effects).await?;
        changed.version += 1;
        self.directory.note(&changed);
        Ok(changed)
    }
}
