//! The courier: from the webhook queue to the webhooks, at least once, in no order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::ids::WebhookId;
use crate::ports::ambient::{Clock, Randomness};
use crate::ports::security::Vault;
use crate::ports::store::{Store, StoreError};
use crate::ports::webhooks::{WebhookQueue, WebhookSender};

use super::errand::Found;
use super::lanes::Lanes;
use super::pace::Pace;
use super::{Errand, Outcome, WebhookDirectory};

/// How the courier works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourierSettings {
    /// How many deliveries are claimed at once.
    pub batch: u32,
    /// How many are on their way to one webhook at once, and how many of one are claimed at once.
    pub each: u32,
    /// How long a claim holds; longer than a delivery may wait for its turn and for its answer.
    pub lease: Duration,
    /// A webhook is disabled when an event could not be delivered to it for so long, or when it takes events that are
    /// older and does not catch up within a 24th of it (at least a minute).
    pub give_up_after: Duration,
}

impl Default for CourierSettings {
    fn default() -> Self {
        Self { batch: 64, each: 8, lease: Duration::from_secs(90), give_up_after: Duration::from_secs(3 * 24 * 3_600) }
    }
}

/// What one round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CourierRound {
    /// How many deliveries were claimed.
    pub claimed: usize,
    /// What came of each.
    pub outcomes: Vec<(WebhookId, Outcome)>,
}

/// Moves deliveries from the webhook queue to the webhooks.
pub struct Courier {
    pub(super) store: Arc<dyn Store>,
    pub(super) queue: Arc<dyn WebhookQueue>,
    pub(super) sender: Arc<dyn WebhookSender>,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Randomness>,
    pub(super) directory: Arc<WebhookDirectory>,
    pub(super) issuer: String,
    pub(super) settings: CourierSettings,
    pub(super) lanes: Arc<Lanes>,
    pub(super) pace: Pace,
}

impl Courier {
    #[expect(clippy::too_many_arguments, reason = "one argument a port; only the capability calls it")]
    pub(super) fn new(
        store: Arc<dyn Store>,
        queue: Arc<dyn WebhookQueue>,
        sender: Arc<dyn WebhookSender>,
        vault: Arc<dyn Vault>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Randomness>,
        directory: Arc<WebhookDirectory>,
        issuer: String,
        settings: CourierSettings,
    ) -> Self {
        let lanes = Arc::new(Lanes::new(settings.each));
        let pace = Pace::default();
        Self { store, queue, sender, vault, clock, random, directory, issuer, settings, lanes, pace }
    }

    /// Claims what is due, at most `room`: each is to be [`run`](Courier::run) at once, beside the others.
    pub async fn claim(&self, room: u32) -> Result<Vec<Errand>, StoreError> {
        let CourierSettings { batch, each, lease, .. } = self.settings;
        let claimed = self.queue.claim(room.min(batch), each, self.clock.now(), lease).await?;
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let mut webhooks: HashMap<WebhookId, Found> = HashMap::new();
        let mut errands = Vec::with_capacity(claimed.len());
        let mut tx = self.store.begin().await?;
        for waiting in claimed {
            let webhook = match webhooks.get(&waiting.webhook) {
                Some(known) => known.clone(),
                None => {
                    let found = match tx.webhooks().by_id(waiting.webhook).await {
                        Ok(webhook) => Ok(webhook.map(Arc::new)),
                        // The others go on, in a unit of work of their own: this one is over.
                        Err(StoreError::Corrupt(column)) => {
                            tx = self.store.begin().await?;
                            Err(column)
                        }
                        Err(error) => return Err(error),
                    };
                    webhooks.insert(waiting.webhook, found.clone());
                    found
                }
            };
            let place = self.lanes.admit(waiting.webhook);
            errands.push(Errand { waiting, webhook, place });
        }
        Ok(errands)
    }

    /// Claims what is due and runs it to its end. `Err` when the store is away; nothing is lost by it.
    pub async fn run_once(&self) -> Result<CourierRound, StoreError> {
        let errands = self.claim(self.settings.batch).await?;
        let mut round = CourierRound { claimed: errands.len(), outcomes: Vec::with_capacity(errands.len()) };
        let run = |errand: Errand| async move { (errand.webhook(), self.run(errand).await) };
        let mut running: FuturesUnordered<_> = errands.into_iter().map(run).collect();
        while let Some((webhook, outcome)) = running.next().await {
            round.outcomes.push((webhook, outcome?));
        }
        Ok(round)
    }

    /// Returns once a commit through this process has left something to do.
    pub async fn posted(&self) {
        self.directory.posted().await;
    }

    /// Returns once there are webhooks: before, there is nothing to do.
    pub async fn needed(&self) {
        self.directory.peopled().await;
    }
}
