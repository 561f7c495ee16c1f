//! What waits for webhooks is sent, beside everything else.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::App;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::webhooks::{Courier, Outcome};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::{FIGURES, FLUSH, IDLE, REST, STORE_PAUSE};
use crate::listener::stopped;

/// How many deliveries are on their way at once.
const ROOM: usize = 256;
/// The pause after a full claim: there is probably more.
const BREATH: Duration = Duration::from_millis(10);
/// A claim of so many is not small.
const FULL: usize = 8;

/// Sends until `stop` turns true, and lets what is on its way arrive. Without webhooks it sleeps.
pub(crate) async fn webhooks(app: Arc<App>, courier: Arc<Courier>, mut stop: watch::Receiver<bool>) {
    let mut running = Running::default();
    let mut counted = Instant::now();
    while !*stop.borrow() {
        if app.webhooks.known().is_empty() && running.errands.is_empty() {
            metrics::gauge!("portcullis_webhooks_waiting").set(0.0);
            tokio::select! {
                () = stopped(&mut stop) => break,
                () = courier.needed() => {}
            }
        }
        let pause = running.claim(&courier).await;
        if counted.elapsed() > FIGURES {
            counted = Instant::now();
            count_waiting(&app).await;
        }
        running.settle(&courier, pause, &mut stop).await;
    }
    // What does not arrive in time is sent again when its lease has run out.
    drop(timeout(FLUSH, running.arrive()).await);
}

async fn count_waiting(app: &App) {
    match app.webhooks.waiting().await {
        #[expect(clippy::cast_precision_loss, reason = "a gauge has no more digits")]
        Ok(waiting) => metrics::gauge!("portcullis_webhooks_waiting").set(waiting as f64),
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "the webhook queue cannot be read"),
    }
}

type Ended = (WebhookId, Result<Outcome, StoreError>);

/// What is on its way, and what is known of those it goes to.
#[derive(Default)]
struct Running {
    errands: JoinSet<Ended>,
    failing: HashSet<WebhookId>,
}

impl Running {
    /// Claims what is due; how long to wait before the next claim.
    async fn claim(&mut self, courier: &Arc<Courier>) -> Duration {
        let room = ROOM.saturating_sub(self.errands.len());
        if room == 0 {
            return REST;
        }
        let claimed = match courier.claim(u32::try_from(room).unwrap_or(u32::MAX)).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the webhook queue cannot be reached");
                return STORE_PAUSE;
            }
        };
        let pause = match claimed.len() {
            0 => IDLE,
            few if few < FULL || claimed.iter().any(|errand| errand.is_put_off()) => REST,
            _ => BREATH,
        };
        for errand in claimed {
            let courier = Arc::clone(courier);
            self.errands.spawn(async move { (errand.webhook(), courier.run(errand).await) });
        }
        pause
    }

    /// Waits, and notes what arrives meanwhile.
    async fn settle(&mut self, courier: &Courier, pause: Duration, stop: &mut watch::Receiver<bool>) {
        let next = sleep(pause);
        let mut next = std::pin::pin!(next);
        loop {
            tokio::select! {
                () = stopped(stop) => return,
                () = &mut next => return,
                () = courier.posted(), if pause == IDLE => return,
                Some(ended) = self.errands.join_next() => self.note(ended),
            }
        }
    }

    async fn arrive(&mut self) {
        while let Some(ended) = self.errands.join_next().await {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<Ended, JoinError>) {
        let (webhook, outcome) = match ended {
            Ok((webhook, Ok(outcome))) => (webhook, outcome),
            Ok((_, Err(error))) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the webhook queue cannot be reached");
                return;
            }
            Err(error) => {
                tracing::error!(%error, "a delivery to a webhook ended badly");
                return;
            }
        };
        match outcome {
            Outcome::Sent => {
                metrics::counter!("portcullis_webhooks_sent_total").increment(1);
                if self.failing.remove(&webhook) {
                    tracing::info!(%webhook, "a webhook takes events again");
                }
            }
            Outcome::Failed(why) => {
                metrics::counter!("portcullis_webhooks_failed_total").increment(1);
                if self.failing.insert(webhook) {
                    tracing::warn!(%webhook, why, "a webhook does not take events: they are sent again later");
                }
            }
            Outcome::Disabled(why) => {
                metrics::counter!("portcullis_webhooks_failed_total").increment(1);
                metrics::counter!("portcullis_webhooks_disabled_total").increment(1);
                self.failing.remove(&webhook);
                tracing::error!(%webhook, why, "a webhook was disabled: events could not be delivered to it");
            }
            Outcome::PutOff | Outcome::Dropped => {}
        }
    }
}
