//! What runs beside the requests while its ports do not answer.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use metrics_exporter_prometheus::PrometheusBuilder;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::{Backlog, Delivery, EventPublisher, Outbox, PublishError, Retry};
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::relay::RelaySettings;

use super::*;

/// An outbox that never answers a claim, and cannot be counted while it is away.
#[derive(Default)]
struct Stuck {
    away: AtomicBool,
}

#[async_trait]
impl Outbox for Stuck {
    async fn claim(&self, _: u32, _: Timestamp, _: Duration) -> Result<Vec<Delivery>, StoreError> {
        pending().await
    }

    async fn done(&self, _: &[EventId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn retry(&self, _: &[Retry]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("as the test asks".into()));
        }
        Ok(Backlog { waiting: 3, parked: 1, oldest: None })
    }

    async fn committed(&self) {
        pending::<()>().await;
    }
}

struct Ready;

#[async_trait]
impl EventPublisher for Ready {
    async fn publish(&self, _: &Delivery) -> Result<(), PublishError> {
        Ok(())
    }

    async fn is_ready(&self) -> bool {
        true
    }
}

fn relay_over(outbox: &Arc<Stuck>) -> Relay {
    Relay::new(outbox.clone(), Arc::new(Ready), crate::clock(), RelaySettings::default())
}

#[tokio::test]
async fn a_relay_in_the_middle_of_a_round_ends_in_time() {
    let (stop, stopped) = watch::channel(false);
    let part = Part::start("relay", relay(Arc::new(relay_over(&Arc::default())), stopped));
    sleep(Duration::from_millis(50)).await;
    stop.send_replace(true);
    let begun = Instant::now();
    timeout(FLUSH + Duration::from_secs(3), part.ends()).await.expect("it ends although its round does not");
    assert!(begun.elapsed() >= FLUSH, "it has its time: {:?}", begun.elapsed());
}

#[test]
fn an_outbox_that_cannot_be_counted_has_no_figures() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (outbox, clock) = (Arc::new(Stuck::default()), crate::clock());
    let relay = relay_over(&outbox);
    let mut trouble = Trouble::new("it cannot be counted", "it is counted again");
    let mut figures = |away: bool| {
        outbox.away.store(away, Ordering::SeqCst);
        metrics::with_local_recorder(&recorder, || runtime.block_on(count_outbox(&relay, &*clock, &mut trouble)));
        let text = handle.render();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("portcullis_outbox_{name} ")));
            line.map(str::to_owned).expect("a gauge")
        };
        ["waiting", "parked", "oldest_seconds"].map(value)
    };
    assert_eq!(figures(false), ["3", "1", "0"]);
    assert_eq!(figures(true), ["NaN", "NaN", "NaN"], "the last figures would look as if all were well");
    assert_eq!(figures(false), ["3", "1", "0"], "and they come back");
}

#[test]
fn trouble_is_told_once_and_only_when_it_lasts() {
    let mut trouble = Trouble::new("it begins", "it is over");
    trouble.goes_on("why");
    assert!(!trouble.told, "what is over at once is not worth a line");
    trouble.since = Instant::now().checked_sub(2 * TOLERATED);
    trouble.goes_on("why");
    assert!(trouble.told);
    trouble.is_over();
    assert!(!trouble.told && trouble.since.is_none(), "the next one is told again");
}
