//! `portcullis serve` and `portcullis dev`.

use std::process::ExitCode;

use portcullis::{Config, build, telemetry};
use portcullis_domain::secret::SecretString;

use super::{Outcome, runtime, say};

/// Serves until it is told to stop.
pub(super) fn serve(config: Config, dev: bool) -> Outcome {
    telemetry::start_log(&config.log);
    // Only the first installation counts, and this is the first.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let runtime = runtime(config.server.threads)?;
    let served = runtime.block_on(async move {
        let signal = shutdown()?;
        let is_issuer_unset = config.tokens.issuer.is_none() && !dev;
        let service = build(config).await?;
        let issuer = service.issuer().to_owned();
        if is_issuer_unset {
            tracing::warn!("tokens.issuer is not set: tokens name {issuer} as their issuer");
        }
        let setup = if dev { service.setup_link().await? } else { None };
        let running = service.start().await?;
        if dev {
            say(&welcome(&issuer, setup.as_ref()))?;
        }
        running.until(signal).await;
        Ok(ExitCode::SUCCESS)
    });
    // A thread that waits for something, the look-up of a name for instance, is not waited for.
    runtime.shutdown_background();
    served
}

/// SIGTERM or SIGINT. The handlers stand before anything is started, so that no early signal is lost.
pub(super) fn shutdown() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn welcome(issuer: &str, setup: Option<&SecretString>) -> String {
    let setup = setup.map(|link| {
        format!(
            "Nobody is an administrator yet. Open this link within 24 hours to become the first:\n\n  {}\n\n",
            link.expose()
        )
    });
    let setup = setup.unwrap_or_default();
    format!(
        "\nPortcullis is ready at {issuer}   (API reference: {issuer}/docs)\n\n{setup}\
         Get a token:\n\n  \
         curl -s {issuer}/api/v1/auth/register -H 'content-type: application/json' \\\n    \
         -d '{{\"email\":\"ada@example.com\",\"password\":\"correct-horse-battery\"}}'\n  \
         curl -s {issuer}/api/v1/auth/login -H 'content-type: application/json' \\\n    \
         -d '{{\"login\":\"ada@example.com\",\"password\":\"correct-horse-battery\"}}'\n\n"
    )
}
