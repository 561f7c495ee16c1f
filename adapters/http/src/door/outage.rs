//! While a part of the service is away every request that needs it fails: the log tells of the outage, not of each of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log tells that it goes on; and how long nothing may have failed for it to be over.
const EVERY: Duration = Duration::from_secs(10);

/// An outage, if there is one.
#[derive(Default)]
pub(super) struct Outage {
    /// So that requests need not wait for one another as long as there is none.
    goes_on: AtomicBool,
    now: Mutex<Option<Current>>,
}

/// One that goes on.
struct Current {
    began: Instant,
    told: Instant,
    last: Instant,
    /// How many requests failed, in all and since the log told.
    requests: u64,
    untold: u64,
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Began,
    GoesOn { requests: u64 },
    Over { requests: u64, lasted: Duration },
}

impl Outage {
    /// A request failed for want of a part of the service.
    pub(super) fn refused(&self, at: Instant, id: &str, cause: &str) {
        tracing::debug!(id, cause, "a request failed for want of a part of the service");
        match self.note(at) {
            Some(News::Began) => tracing::warn!(id, cause, "requests fail for want of a part of the service"),
            Some(News::GoesOn { requests }) => {
                tracing::warn!(requests, cause, "requests still fail for want of a part of the service");
            }
            Some(News::Over { .. }) | None => {}
        }
    }

    /// A request comes in: it is told if none has failed for some time.
    pub(super) fn look(&self, at: Instant) {
        if !self.goes_on.load(Ordering::Relaxed) {
            return;
        }
        if let Some(News::Over { requests, lasted }) = self.end(at) {
            let seconds = lasted.as_secs();
            tracing::warn!(requests, seconds, "no request fails any more for want of a part of the service");
        }
    }

    fn note(&self, at: Instant) -> Option<News> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = &mut *now else {
            *now = Some(Current { began: at, told: at, last: at, requests: 1, untold: 0 });
            self.goes_on.store(true, Ordering::Relaxed);
            return Some(News::Began);
        };
        current.last = current.last.max(at);
        current.requests += 1;
        current.untold += 1;
        if at.saturating_duration_since(current.told) < EVERY {
            return None;
        }
        current.told = at;
        Some(News::GoesOn { requests: std::mem::take(&mut current.untold) })
    }

    fn end(&self, at: Instant) -> Option<News> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let over = now.take_if(|current| at.saturating_duration_since(current.last) >= EVERY)?;
        self.goes_on.store(false, Ordering::Relaxed);
        Some(News::Over { requests: over.requests, lasted: over.last.duration_since(over.began) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_every_ten_seconds_and_when_it_is_over() {
        let (outage, began) = (Outage::default(), Instant::now());
        let after = |millis| began + Duration::from_millis(millis);
        assert_eq!(outage.end(began), None, "there is none");
        assert_eq!(outage.note(began), Some(News::Began));
        for request in 1..1_000 {
            assert_eq!(outage.note(after(request * 9)), None);
        }
        assert_eq!(outage.note(after(10_000)), Some(News::GoesOn { requests: 1_000 }));
        assert_eq!(outage.note(after(19_999)), None);
        assert_eq!(outage.note(after(20_000)), Some(News::GoesOn { requests: 2 }));
        assert_eq!(outage.note(after(25_000)), None);
        assert_eq!(outage.end(after(34_999)), None, "it may go on");
        assert!(outage.goes_on.load(Ordering::Relaxed));
        let lasted = Duration::from_secs(25);
        assert_eq!(outage.end(after(35_000)), Some(News::Over { requests: 1_004, lasted }));
        assert_eq!(outage.end(after(90_000)), None, "it is told once");
        assert!(!outage.goes_on.load(Ordering::Relaxed));
        assert_eq!(outage.note(after(90_000)), Some(News::Began), "the next one");
    }
}
