//! What is over is forgotten, and what was counted is written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::{App, Failure};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::ending::until_stopped;
use super::wait;

/// How often rows that are over are removed, after the first time, which is soon after the start: a service that is
/// restarted more often removes them, too.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
/// How often it is looked whether traces of deleted accounts are left: nobody who was promised their end waits for long.
const ERASING: Duration = Duration::from_secs(60);
/// How often the uses of API keys are written.
const COUNTING: Duration = Duration::from_secs(10);
/// How long the last uses may take to be written.
const LAST_COUNT: Duration = Duration::from_secs(2);

/// Forgets what is over, until `stop` turns true: in the middle of a round, too, which may be long.
pub(crate) async fn housekeeping(app: Arc<App>, stop: watch::Receiver<bool>) {
    until_stopped(stop, keep_house(&app, ERASING, HOUSEKEEPING)).await;
}

async fn keep_house(app: &App, erasing: Duration, purging: Duration) {
    let mut purged: Option<Instant> = None;
    loop {
        sleep(erasing).await;
        told("traces of deleted accounts were removed from the audit trail", app.audit.erase().await);
        if purged.is_some_and(|last| last.elapsed() < purging) {
            continue;
        }
        purged = Some(Instant::now());
        told("ended sessions and old attempts were removed", app.sessions.purge().await);
        told("API keys that ended long ago and old one-time tokens were removed", app.access.purge().await);
        told("entries of the audit trail were removed: their retention is over", app.audit.purge().await);
    }
}

fn told(what: &str, done: Result<u64, Failure>) {
    match done {
        Ok(0) => {}
        Ok(rows) => tracing::info!(rows, "{what}"),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "housekeeping failed"),
    }
}

/// Writes now and then how API keys were used. What is counted later is for [`write_last_usage`].
pub(crate) async fn usage(app: Arc<App>, stop: watch::Receiver<bool>) {
    while wait(&stop, COUNTING).await {
        write_usage(&app).await;
    }
}

/// Writes how API keys were used; what cannot be written is kept for the next time.
async fn write_usage(app: &App) {
    if let Err(error) = app.access.flush_usage().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the uses of API keys cannot be written");
    }
}

/// Writes what was counted up to the last request.
pub(crate) async fn write_last_usage(app: &App) {
    if timeout(LAST_COUNT, write_usage(app)).await.is_err() {
        tracing::warn!("the last uses of API keys could not be written in time");
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use portcullis_domain::audit::AuditQuery;

    use super::*;
    use crate::testing::TestService;

    const MOMENT: Duration = Duration::from_millis(5);
    const SOON: Duration = Duration::from_secs(5);

    /// Leaves an entry in the audit trail and lets its retention end.
    async fn left_behind(service: &TestService, name: &str) {
        service.register(name).await;
        assert_ne!(trail(service).await, 0);
        service.clock().advance(Duration::from_secs(10 * 366 * 86_400));
    }

    async fn trail(service: &TestService) -> usize {
        let everything = AuditQuery { limit: u32::MAX, ..AuditQuery::default() };
        service.app().audit.page(&everything).await.expect("the trail is in memory").len()
    }

    async fn forgotten(service: &TestService) {
        while trail(service).await > 0 {
            sleep(MOMENT).await;
        }
    }

    #[tokio::test]
    async fn what_is_over_goes_soon_after_the_start_and_then_once_a_period() {
        let service = TestService::start().await;
        left_behind(&service, "ann").await;
        let kept = keep_house(service.app(), MOMENT, HOUSEKEEPING);
        let mut kept = pin!(kept);
        tokio::select! {
            () = &mut kept => {}
            ended = timeout(SOON, forgotten(&service)) => ended.expect("a service that has just started purges"),
        }
        left_behind(&service, "ben").await;
        tokio::select! {
            () = &mut kept => {}
            () = sleep(20 * MOMENT) => {}
        }
        assert_ne!(trail(&service).await, 0, "the next time is a period later");
    }

    #[tokio::test]
    async fn what_is_over_goes_again_and_again() {
        let service = TestService::start().await;
        let kept = keep_house(service.app(), MOMENT, 2 * MOMENT);
        let mut kept = pin!(kept);
        for name in ["ann", "ben", "cleo"] {
            left_behind(&service, name).await;
            tokio::select! {
                () = &mut kept => {}
                ended = timeout(SOON, forgotten(&service)) => ended.expect("each period has its round"),
            }
        }
    }
}
