//! The end of what runs beside the requests: soon, and never waited for beyond its time.

use std::future::Future;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::listener::stopped;

/// Works until `stop` turns true. What is under way then is dropped, and with it all that it had not committed.
pub(super) async fn until_stopped(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = stopped(&mut stop) => {}
        () = work => {}
    }
}

/// A part of the service that runs by itself.
pub(crate) struct Part {
    name: &'static str,
    task: JoinHandle<()>,
}

impl Part {
    /// Starts it; `name` is for the operator.
    pub(crate) fn start(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { name, task: tokio::spawn(work) }
    }

    /// Waits for its end.
    pub(crate) async fn ends(self) {
        told(self.name, self.task.await);
    }

    /// Waits for its end until `by`, and then aborts it: what it had not committed is rolled back, and what it had
    /// claimed is free when its lease has run out.
    pub(crate) async fn ends_by(mut self, by: Instant) {
        if let Ok(ended) = timeout_at(by, &mut self.task).await {
            return told(self.name, ended);
        }
        tracing::warn!(part = self.name, "a part of the service did not end in time and is aborted");
        self.task.abort();
    }
}

fn told(part: &'static str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(part, %error, "a part of the service ended badly");
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn what_does_not_end_in_time_is_aborted_and_dropped() {
        let (held, gone) = oneshot::channel::<()>();
        let stuck = Part::start("stuck", async move {
            let _held = held;
            pending::<()>().await;
        });
        let begun = Instant::now();
        stuck.ends_by(begun + Duration::from_millis(50)).await;
        assert!((Duration::from_millis(50)..SOON).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let gone = tokio::time::timeout(SOON, gone).await.expect("what it held is dropped");
        assert!(gone.is_err());
    }

    #[tokio::test]
    async fn what_ends_in_time_is_waited_for() {
        let (done, seen) = oneshot::channel();
        let part = Part::start("quick", async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            done.send("done").expect("somebody waits");
        });
        part.ends_by(Instant::now() + SOON).await;
        assert_eq!(seen.await, Ok("done"));
        let begun = Instant::now();
        Part::start("broken", async { panic!("as the test asks") }).ends_by(begun + SOON).await;
        assert!(begun.elapsed() < SOON, "one that ended badly has ended");
    }

    #[tokio::test]
    async fn work_that_never_ends_is_dropped_when_the_service_stops() {
        let (stop, stopped) = watch::channel(false);
        let held = Arc::new(());
        let witness = Arc::downgrade(&held);
        let part = Part::start(
            "endless",
            until_stopped(stopped, async move {
                let _held = held;
                pending::<()>().await;
            }),
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(witness.upgrade().is_some(), "it works until then");
        stop.send_replace(true);
        tokio::time::timeout(SOON, part.ends()).await.expect("it ends at once");
        assert!(witness.upgrade().is_none(), "what was under way is dropped");
    }
}
