//! What is over is forgotten, and what was counted is written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use portcullis_domain::{App, Failure};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{FLUSH, wait};

/// How often rows that are over are removed.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);
/// How often it is looked whether traces of deleted accounts are left: nobody who was promised their end waits for long.
const ERASING: Duration = Duration::from_secs(60);
/// How often the uses of API keys are written.
const COUNTING: Duration = Duration::from_secs(10);

/// Forgets what is over.
pub(crate) async fn housekeeping(app: Arc<App>, stop: watch::Receiver<bool>) {
    let mut last = Instant::now();
    while wait(&stop, ERASING).await {
        told("traces of deleted accounts were removed from the audit trail", app.audit.erase().await);
        if last.elapsed() < HOUSEKEEPING {
            continue;
        }
        last = Instant::now();
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
    if timeout(FLUSH, write_usage(app)).await.is_err() {
        tracing::warn!("the last uses of API keys could not be written in time");
    }
}
