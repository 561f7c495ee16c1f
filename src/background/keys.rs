//! The signing keys follow each other by themselves.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::App;
use tokio::sync::watch;

use super::wait;

/// How often it is looked whether a key is due or over: to the minute is enough for what is planned for days.
const LOOK: Duration = Duration::from_secs(60);

/// Publishes the next keys when they are due and destroys those whose last token has expired, on every replica: they
/// agree in the store.
pub(crate) async fn keys(app: Arc<App>, stop: watch::Receiver<bool>) {
    loop {
        match app.tokens.rotate_if_due().await {
            Ok(made) => {
                for key in made {
                    let (algorithm, activates_at) = (key.algorithm.as_str(), key.activates_at);
                    tracing::info!(kid = key.kid, algorithm, %activates_at, "the next signing key is published");
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the next signing key cannot be published");
            }
        }
        match app.tokens.destroy_retired().await {
            Ok(destroyed) => {
                for key in destroyed {
                    let (kid, algorithm, signed_from) = (key.kid, key.algorithm.as_str(), key.activates_at);
                    tracing::info!(kid, algorithm, %signed_from, "a signing key was destroyed: its last token has expired");
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "old signing keys cannot be destroyed");
            }
        }
        if !wait(&stop, LOOK).await {
            return;
        }
    }
}
