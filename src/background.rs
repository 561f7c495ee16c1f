//! What runs beside the requests: the relay, the revocations of other replicas, keys, housekeeping, figures.

mod ending;
mod keeping;
mod keys;
mod webhooks;

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::App;
use portcullis_domain::ports::ambient::Clock;
use portcullis_domain::ports::sessions::RevocationSignal;
use portcullis_domain::relay::Relay;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::listener::stopped;

pub(crate) use ending::Part;
pub(crate) use keeping::{housekeeping, usage, write_last_usage};
pub(crate) use keys::keys;
pub(crate) use webhooks::webhooks;

/// How often an idle relay looks for what other replicas left behind.
const IDLE: Duration = Duration::from_millis(500);
const BROKER_PAUSE: Duration = Duration::from_millis(200);
/// After a small round the next one waits a little, so that a busy service relays many events at once.
const REST: Duration = Duration::from_millis(100);
/// A round of so many is not small.
const FULL: usize = 64;
/// Trouble that is over by then is not worth a line.
const TOLERATED: Duration = Duration::from_secs(2);
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How long the relay goes on after the last request, for what is still in the outbox, and webhooks for what is under way.
const FLUSH: Duration = Duration::from_secs(4);
/// How often all revocations are read, not only the latest.
const EVERYTHING: Duration = Duration::from_secs(30);
/// How long a look at the revocations may take.
const LEARNING: Duration = Duration::from_secs(2);
/// The pause between two looks at the revocations.
const BREATH: Duration = Duration::from_millis(200);
const FIGURES: Duration = Duration::from_secs(5);

/// Relays until `stop` turns true, then once more until the outbox is empty or the time is up. A round that is dropped
/// then loses nothing: what it had claimed is free when its lease has run out.
pub(crate) async fn relay(relay: Arc<Relay>, stop: watch::Receiver<bool>) {
    let mut stopping = stop.clone();
    let time_is_up = async {
        stopped(&mut stopping).await;
        sleep(FLUSH).await;
    };
    tokio::select! {
        () = rounds(&relay, stop) => {}
        () = time_is_up => tracing::warn!("the outbox could not be emptied in time: its events go out after the next start"),
    }
}

async fn rounds(relay: &Relay, mut stop: watch::Receiver<bool>) {
    let mut trouble = Trouble::new("events wait in the outbox", "events flow again");
    while !*stop.borrow() {
        let pause = one_round(relay, &mut trouble).await;
        let Some(pause) = pause else { continue };
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = sleep(pause) => {}
            () = relay.committed(), if pause == IDLE => {}
        }
    }
    loop {
        match one_round(relay, &mut trouble).await {
            None => {}
            Some(IDLE) => return,
            Some(pause) => sleep(pause).await,
        }
    }
}

/// Told once, when it has lasted a little: the broker's connection takes a moment at every start.
struct Trouble {
    begins: &'static str,
    ends: &'static str,
    since: Option<Instant>,
    told: bool,
}

impl Trouble {
    const fn new(begins: &'static str, ends: &'static str) -> Self {
        Self { begins, ends, since: None, told: false }
    }

    fn goes_on(&mut self, why: &str) {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.told && since.elapsed() > TOLERATED {
            self.told = true;
            tracing::warn!(why, "{}", self.begins);
        }
    }

    fn is_over(&mut self) {
        if self.told {
            tracing::info!("{}", self.ends);
        }
        *self = Self::new(self.begins, self.ends);
    }
}

/// How long to wait after a round; `None` when there may be more to do at once.
async fn one_round(relay: &Relay, trouble: &mut Trouble) -> Option<Duration> {
    match relay.run_once().await {
        Ok(round) => {
            let delivered = u64::try_from(round.delivered).unwrap_or(u64::MAX);
            metrics::counter!("portcullis_events_published_total").increment(delivered);
            metrics::counter!("portcullis_events_failed_total").increment(u64::try_from(round.failed).unwrap_or(0));
            if round.parked > 0 {
                let why = round.why.as_deref().unwrap_or_default();
                tracing::error!(parked = round.parked, why, "events were parked: the broker keeps refusing them");
            }
            let failed = round.failed > 0 || round.unavailable;
            if failed {
                trouble.goes_on(round.why.as_deref().unwrap_or("the broker is not available"));
            } else if round.delivered > 0 {
                trouble.is_over();
            }
            match (round.claimed, failed) {
                (_, true) => Some(BROKER_PAUSE),
                (0, false) => Some(IDLE),
                (claimed, false) if claimed < FULL => Some(REST),
                _ => None,
            }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the relay cannot reach the outbox");
            Some(STORE_PAUSE)
        }
    }
}

/// Learns again and again what other replicas revoked or changed: when they say so, and often enough that
/// nothing is known later than `staleness` after it was committed.
pub(crate) async fn revocations(
    app: Arc<App>,
    signal: Arc<dyn RevocationSignal>,
    staleness: Duration,
    mut last: Option<portcullis_domain::Timestamp>,
    mut stop: watch::Receiver<bool>,
) {
    let mut troubled = false;
    let mut everything = Instant::now();
    // Half of the bound, so that one slow answer does not break it.
    let pause = staleness / 2;
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            () = signal.heard() => {}
            () = sleep(pause) => {}
        }
        // Now and then all of them: a replica with a slow clock or a slow commit may have been overlooked.
        let since = last.filter(|_| everything.elapsed() < EVERYTHING);
        if since.is_none() {
            everything = Instant::now();
        }
        match timeout(LEARNING, app.learn(since)).await {
            Ok(Ok(now)) => {
                last = Some(now);
                if std::mem::take(&mut troubled) {
                    tracing::info!("revocations by other replicas are known again");
                }
            }
            failed if !troubled => {
                troubled = true;
                let why = failed.map_or_else(|_| "no answer in time".to_owned(), |outcome| format!("{outcome:?}"));
                tracing::warn!(why, "revocations by other replicas are not known");
            }
            _ => {}
        }
        // Word may come faster than it can be followed.
        if !wait(&stop, BREATH).await {
            return;
        }
    }
}

/// Keeps the gauges of the outbox.
pub(crate) async fn figures(
    relay: Arc<Relay>,
    clock: Arc<dyn Clock>,
    recorder: Option<metrics_exporter_prometheus::PrometheusHandle>,
    stop: watch::Receiver<bool>,
) {
    let mut trouble = Trouble::new("the outbox cannot be counted: its gauges are NaN", "the outbox is counted again");
    while wait(&stop, FIGURES).await {
        if let Some(recorder) = &recorder {
            recorder.run_upkeep();
        }
        count_outbox(&relay, &*clock, &mut trouble).await;
    }
}

/// What is not known is NaN: the last figures would look as if all were well.
async fn count_outbox(relay: &Relay, clock: &dyn Clock, trouble: &mut Trouble) {
    let (waiting, parked, oldest) = match relay.backlog().await {
        Ok(backlog) => {
            trouble.is_over();
            let age = backlog.oldest.map_or(Duration::ZERO, |oldest| clock.now().since(oldest));
            #[expect(clippy::cast_precision_loss, reason = "a gauge has no more digits")]
            let (waiting, parked) = (backlog.waiting as f64, backlog.parked as f64);
            (waiting, parked, age.as_secs_f64())
        }
        Err(error) => {
            trouble.goes_on(&error.to_string());
            (f64::NAN, f64::NAN, f64::NAN)
        }
    };
    metrics::gauge!("portcullis_outbox_waiting").set(waiting);
    metrics::gauge!("portcullis_outbox_parked").set(parked);
    metrics::gauge!("portcullis_outbox_oldest_seconds").set(oldest);
}

/// Waits; `false` once the service stops.
async fn wait(stop: &watch::Receiver<bool>, pause: Duration) -> bool {
    let mut stop = stop.clone();
    timeout(pause, stopped(&mut stop)).await.is_err()
}

#[cfg(test)]
mod tests;
