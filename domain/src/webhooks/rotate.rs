//! A new signing secret for a webhook.

use std::time::Duration;

use crate::audit::{Action, Actor};
use crate::ids::WebhookId;
use crate::origin::Origin;
use crate::secret::{LONGEST_OVERLAP, SecretString};

use super::{ChangeWebhookError, Webhook, Webhooks};

/// A new secret for a webhook.
#[derive(Clone, Debug)]
pub struct RotateWebhookSecret {
    /// Whose.
    pub webhook: WebhookId,
    /// For how long messages carry a signature of the present secret, too, at most [`LONGEST_OVERLAP`]; zero for not at all.
    pub overlap: Duration,
    /// Who asks.
    pub actor: Actor,
    /// Where the request came from.
    pub origin: Origin,
}

impl RotateWebhookSecret {
    /// How long both secrets sign when nobody says otherwise.
    pub const OVERLAP: Duration = Duration::from_secs(24 * 3_600);
}

impl Webhooks {
    /// Gives a webhook a new secret, told here and never again.
    pub async fn rotate_secret(&self, cmd: RotateWebhookSecret) -> Result<SecretString, ChangeWebhookError> {
        let (secret, sealed_secret) = self.fresh_secret(cmd.webhook)?;
        let overlap = cmd.overlap.min(LONGEST_OVERLAP);
        let change = |webhook: Webhook, now: crate::Timestamp| Webhook {
            previous: (!overlap.is_zero()).then(|| (webhook.sealed_secret, now.plus(overlap))),
            sealed_secret,
            ..webhook
        };
        self.change(cmd.webhook, cmd.actor, &cmd.origin, Action::UpdateWebhook, change).await?;
        Ok(secret)
    }
}
