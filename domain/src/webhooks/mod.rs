//! Webhooks: events sent to URLs of others (Standard Webhooks 1.0).

mod backoff;
mod change;
mod courier;
mod create;
mod directory;
mod errand;
mod fan_out;
mod lanes;
mod pace;
mod pattern;
mod ping;
mod rotate;
mod secret;
mod webhook;

use std::sync::Arc;

use crate::Failure;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::Vault;
use crate::ports::store::Store;
use crate::ports::webhooks::{WebhookQueue, WebhookSender};

pub use change::{ChangeWebhookError, UpdateWebhook};
pub use courier::{Courier, CourierRound, CourierSettings};
pub use create::{CreateWebhook, CreateWebhookError};
pub use directory::WebhookDirectory;
pub use errand::{Errand, Outcome};
pub use fan_out::FanOut;
pub use pattern::{NAMES, NotAnEvent};
pub use ping::TestWebhookError;
pub use rotate::RotateWebhookSecret;
pub use webhook::{NotAWebhookUrl, Webhook, WebhookStatus, WebhookUrl};

/// What can be done with webhooks: [`create`](Webhooks::create), [`list`](Webhooks::list),
/// [`update`](Webhooks::update), [`enable`](Webhooks::enable), [`disable`](Webhooks::disable),
/// [`rotate_secret`](Webhooks::rotate_secret), [`delete`](Webhooks::delete), [`test`](Webhooks::test). What waits for
/// them is sent by the [`courier`](Webhooks::courier).
pub struct Webhooks {
    store: Arc<dyn Store>,
    queue: Arc<dyn WebhookQueue>,
    sender: Arc<dyn WebhookSender>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Randomness>,
    directory: Arc<WebhookDirectory>,
    issuer: String,
}

impl Webhooks {
    /// The capability over its ports; `issuer` is the CloudEvents `source`.
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the composition root calls it")]
    pub const fn new(
        store: Arc<dyn Store>,
        queue: Arc<dyn WebhookQueue>,
        sender: Arc<dyn WebhookSender>,
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        directory: Arc<WebhookDirectory>,
        issuer: String,
    ) -> Self {
        Self { store, queue, sender, vault, clock, random, directory, issuer }
    }

    /// All webhooks, by id.
    pub async fn list(&self) -> Result<Vec<Webhook>, Failure> {
        let mut tx = self.store.begin().await?;
        Ok(tx.webhooks().all().await?)
    }

    /// Learns which webhooks there are, whoever created or changed them: from here on what they want is sent to them.
    pub async fn learn(&self) -> Result<(), Failure> {
        loop {
            let before = self.directory.generation();
            let stored = self.list().await?;
            // What was changed here in the meantime is newer than what was read.
            if self.directory.replace(before, &stored) {
                return Ok(());
            }
        }
    }

    /// What this process knows of the webhooks.
    pub fn known(&self) -> &WebhookDirectory {
        &self.directory
    }

    /// How many events wait for webhooks.
    pub async fn waiting(&self) -> Result<u64, Failure> {
        Ok(self.queue.waiting().await?)
    }

    /// Sends what waits for the webhooks.
    pub fn courier(&self, settings: CourierSettings) -> Courier {
        Courier::new(
            self.store.clone(),
            self.queue.clone(),
            self.sender.clone(),
            self.vault.clone(),
            self.clock.clone(),
            self.random.clone(),
            self.directory.clone(),
            self.issuer.clone(),
            settings,
        )
    }
}
