//! How much of everything there is.

use std::time::Duration;

use futures_util::lock::Mutex;

use crate::access::Asked;
use crate::caller::{Caller, Forbidden};
use crate::ports::stats::Counts;
use crate::{Failure, Timestamp};

use super::Administration;

/// How much of everything there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// The numbers.
    pub counts: Counts,
    /// When it was counted: at most a minute ago.
    pub counted_at: Timestamp,
}

/// Why there are no numbers.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// The caller lacks `stats:read`.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The service could not do it.
    #[error(transparent)]
    Failure(#[from] Failure),
}

/// How long what was counted is told again.
const FRESH: Duration = Duration::from_secs(60);

/// What was counted last.
#[derive(Default)]
pub(super) struct Counted(Mutex<Option<Statistics>>);

impl Administration {
    /// How much of everything there is, counted at most once a minute. Needs `stats:read`.
    pub async fn statistics(&self, caller: &Caller) -> Result<Statistics, StatsError> {
        caller.require(Asked::StatsRead)?;
        // Whoever asks while it is being counted waits for that, and counts nothing.
        let mut counted = self.counted.0.lock().await;
        let now = self.clock.now();
        // What was counted in the future was counted before the clock was set back.
        let fresh = |known: &Statistics| known.counted_at <= now && now.since(known.counted_at) < FRESH;
        if let Some(known) = counted.filter(fresh) {
            return Ok(known);
        }
        let mut tx = self.store.begin().await.map_err(Failure::from)?;
        let counts = tx.stats().count(now).await.map_err(Failure::from)?;
        let fresh = Statistics { counts, counted_at: now };
        *counted = Some(fresh);
        Ok(fresh)
    }
}
