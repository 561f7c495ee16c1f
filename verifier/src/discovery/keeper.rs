//! The one task that fetches keys.

use std::sync::Arc;
use std::time::Duration;

use super::source::Source;
use crate::backoff::{Backoff, chance};
use crate::clock::Clock;
use crate::keys::Keyring;
use crate::refresh::Refresh;

/// For all documents together.
const TIMEOUT: Duration = Duration::from_secs(6);
/// The first pause after a failure.
const SHORTEST: Duration = Duration::from_millis(500);
/// The longest pause while there are no keys at all.
const LONGEST_WITHOUT: Duration = Duration::from_secs(5);
/// The longest pause while there are some.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two fetches that the issuer itself asks for.
const URGENT_PAUSE: Duration = Duration::from_secs(1);
/// The issuer said that its keys had changed, and they had not: a replica may not have heard of it yet.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// All verifiers hear of a change at once, and should not all ask at once.
const SPREAD: Duration = Duration::from_millis(250);

/// Fetches the keys before they go stale, when a token names an unknown one, and when the issuer says so.
pub(crate) struct Keeper {
    source: Source,
    keyring: Arc<Keyring>,
    refresh: Arc<Refresh>,
    clock: Arc<dyn Clock>,
}

impl Keeper {
    pub(crate) fn new(source: Source, keyring: Arc<Keyring>, refresh: Arc<Refresh>, clock: Arc<dyn Clock>) -> Self {
        Self { source, keyring, refresh, clock }
    }

    /// Until it is aborted.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(SHORTEST);
        let (mut pause, mut looks_again) = (Duration::ZERO, false);
        loop {
            let is_urgent = self.refresh.next(pause).await;
            if is_urgent {
                self.hold_back().await;
            }
            let new = self.refresh.begin() || looks_again;
            let fetched = self.fetch(new).await;
            looks_again = is_urgent && matches!(fetched, Ok((false, _)));
            pause = match fetched {
                Ok((_, fresh_for)) => {
                    backoff.reset();
                    if self.refresh.end(None) {
                        tracing::info!(keys = self.keyring.current().len(), "the issuer's keys are known");
                    }
                    // Somewhat earlier than they go stale, and not all verifiers at once.
                    let usual = fresh_for.mul_f64(0.8 + 0.15 * chance());
                    if looks_again { SECOND_LOOK } else { usual }
                }
                Err(error) => {
                    let has_keys = !self.keyring.current().is_empty();
                    if self.refresh.end(Some(error.clone())) {
                        tracing::warn!(%error, has_keys, "the issuer's keys cannot be fetched; trying again");
                    }
                    backoff.next(if has_keys { LONGEST } else { LONGEST_WITHOUT })
                }
            };
        }
    }

    /// Whether the keys have changed, and for how long they are fresh.
    async fn fetch(&mut self, new: bool) -> Result<(bool, Duration), String> {
        let fetched = tokio::time::timeout(TIMEOUT, self.source.fetch(new)).await;
        let fetched = fetched.map_err(|_| "no answer in time".to_owned())?;
        let confirmed = fetched.fresh_for.is_ok().then(|| self.clock.uptime());
        let changed = self.keyring.install(fetched.keys, confirmed);
        fetched.fresh_for.map(|fresh_for| (changed, fresh_for)).map_err(|error| error.to_string())
    }

    async fn hold_back(&self) {
        let since = self.refresh.since_last().unwrap_or(URGENT_PAUSE);
        tokio::time::sleep(URGENT_PAUSE.saturating_sub(since) + SPREAD.mul_f64(chance())).await;
    }
}
