//! Whether a webhook keeps up: one that takes every event, but more slowly than they happen, never fails.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Timestamp;
use crate::ids::WebhookId;

/// The part of the patience in which a webhook may catch up after it, or the service itself, was away.
const GRACE: u32 = 24;
/// The least such time: longer than any answer may take.
const LEAST_GRACE: Duration = Duration::from_secs(60);

/// The webhooks that take events later than the patience allows.
#[derive(Default)]
pub(super) struct Pace {
    late: Mutex<HashMap<WebhookId, Late>>,
}

/// From when to when a webhook took such events, without a pause as long as the grace.
struct Late {
    since: Timestamp,
    last: Timestamp,
}

impl Pace {
    /// Notes that a webhook took, at `now`, an event of `occurred`; whether it cannot keep up: it has been taking events
    /// for longer than the grace that are older than the patience and the grace. The grace on the age is for the last
    /// attempt, which is made when the patience ends.
    pub(super) fn is_lost(&self, id: WebhookId, occurred: Timestamp, now: Timestamp, patience: Duration) -> bool {
        let grace = (patience / GRACE).max(LEAST_GRACE);
        if now <= occurred.plus(patience.saturating_add(grace)) {
            return false;
        }
        let mut webhooks = self.lock();
        webhooks.retain(|_, late| now <= late.last.plus(grace));
        let late = webhooks.entry(id).or_insert(Late { since: now, last: now });
        late.last = late.last.max(now);
        now > late.since.plus(grace)
    }

    /// The webhook is sent to no more.
    pub(super) fn forget(&self, id: WebhookId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WebhookId, Late>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_webhook_is_lost_when_it_takes_late_events_for_longer_than_the_grace() {
        let (pace, id) = (Pace::default(), WebhookId::from_uuid(uuid::Uuid::from_u128(7)));
        let begun = Timestamp::from_unix_seconds(1_800_000_000);
        let lost = |minutes: u32, age: Duration| {
            let occurred = begun.plus(MINUTE * minutes);
            pace.is_lost(id, occurred, occurred.plus(age), DAY)
        };
        let late = DAY + 61 * MINUTE;
        for minute in (0..=600).step_by(10) {
            assert!(!lost(minute, DAY + 60 * MINUTE), "an event of that age may have had its last attempt");
        }
        for minute in (0..=60).step_by(10) {
            assert!(!lost(minute, late), "{minute} min: it may be catching up");
        }
        assert!(!lost(130, late), "a new beginning, after more than an hour without a late one");
        for minute in (140..=190).step_by(10) {
            assert!(!lost(minute, late), "{minute} min");
        }
        assert!(lost(191, late), "it has had its hour");
        pace.forget(id);
        assert!(!lost(192, late), "once more from the beginning");
    }
}
