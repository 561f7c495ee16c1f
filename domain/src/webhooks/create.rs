//! A new webhook.

use crate::Failure;
use crate::audit::{Action, Actor, AuditEntry};
use crate::ids::WebhookId;
use crate::origin::Origin;
use crate::ports::store::StoreError;
use crate::secret::SecretString;

use super::{NotAnEvent, Webhook, WebhookStatus, WebhookUrl, Webhooks, pattern};

/// What a new webhook is to be.
#[derive(Clone, Debug)]
pub struct CreateWebhook {
    /// Where events are sent.
    pub url: WebhookUrl,
    /// The events that are sent: names, or `family.*`; empty for all.
    pub events: Vec<String>,
    /// Who creates it.
    pub actor: Actor,
    /// Where the request came from.
    pub origin: Origin,
}

/// Why there is no new webhook.
#[derive(Debug, thiserror::Error)]
pub enum CreateWebhookError {
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

impl From<StoreError> for CreateWebhookError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl Webhooks {
    /// Creates a webhook. Its signing secret is told here and never again. This process sends to it from here on, other
    /// replicas as soon as they learn of it.
    pub async fn create(&self, cmd: CreateWebhook) -> Result<(Webhook, SecretString), CreateWebhookError> {
        let now = self.clock.now();
        self.sender.admits(&cmd.url).map_err(CreateWebhookError::Url)?;
        let events = pattern::check(cmd.events)?;
        let id = WebhookId::new(now, &*self.random);
        let (secret, sealed_secret) = self.fresh_secret(id)?;
        let webhook = Webhook {
            id,
            url: cmd.url,
            events,
            sealed_secret,
            previous: None,
            status: WebhookStatus::Enabled,
            created_at: now,
            updated_at: now,
            version: 1,
        };

        let mut tx = self.store.begin().await?;
        tx.webhooks().insert(&webhook).await?;
        let act = AuditEntry::new(now, &*self.random, cmd.actor, Action::CreateWebhook, &cmd.origin);
        tx.audit().append(act.with(id.to_string())).await?;
        tx.commit(now, Vec::new()).await?;
        self.directory.note(&webhook);
        Ok((webhook, secret))
    }
}
