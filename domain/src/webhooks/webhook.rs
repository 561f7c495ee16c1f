//! A webhook: a URL of somebody else that our events are sent to.

use std::fmt;

use url::Url;

use crate::Timestamp;
use crate::ids::WebhookId;

/// An absolute `https` or `http` URL without user, password and fragment, of at most 2,048 bytes. Whether the service
/// sends there is for the sender to decide.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// The text cannot be the URL of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an absolute http or https URL of at most 2048 bytes without user, password and fragment")]
pub struct NotAWebhookUrl;

impl WebhookUrl {
    /// The most bytes.
    pub const MAX: usize = 2_048;

    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, NotAWebhookUrl> {
        let url = Url::parse(text).map_err(|_| NotAWebhookUrl)?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if plain && web && url.as_str().len() <= Self::MAX { Ok(Self(url)) } else { Err(NotAWebhookUrl) }
    }

    /// As a URL.
    pub const fn as_url(&self) -> &Url {
        &self.0
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for WebhookUrl {
    /// Scheme and host alone: the rest may hold a secret of its owner.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

/// Where events are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Which one.
    pub id: WebhookId,
    /// Where to.
    pub url: WebhookUrl,
    /// The names of the events that are sent, for instance `user.registered`, or `user.*`; empty for all.
    pub events: Vec<String>,
    /// The signing secret, sealed with the webhook's id as context.
    pub sealed_secret: Vec<u8>,
    /// The secret before, sealed alike, and until when it signs too.
    pub previous: Option<(Vec<u8>, Timestamp)>,
    /// Whether it is sent to.
    pub status: WebhookStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows with each change.
    pub version: u32,
}

/// Whether a webhook is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookStatus {
    /// It is.
    Enabled,
    /// It is not.
    Disabled {
        /// Since when.
        at: Timestamp,
        /// Why, for the operator.
        why: String,
    },
}

impl Webhook {
    /// Whether an event of this name is sent.
    pub fn wants(&self, name: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix(".*") {
            Some(family) => name.strip_prefix(family).is_some_and(|rest| rest.starts_with('.')),
            None => pattern == name,
        };
        self.events.is_empty() || self.events.iter().any(matches)
    }

    /// Whether it is sent to.
    pub const fn is_enabled(&self) -> bool {
        matches!(self.status, WebhookStatus::Enabled)
    }
}
