//! When the issuer's keys are fetched, and who waits for it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::revocations::KeyNews;

/// Orders for the one task that fetches: whoever needs newer keys asks here, and many who ask share one fetch.
pub(crate) struct Refresh {
    /// Unknown kids bring about one fetch in this time at most: anybody can invent them.
    floor: Duration,
    orders: Mutex<Orders>,
    wake: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
    error: Mutex<Option<String>>,
}

#[derive(Default)]
struct Orders {
    /// When the last fetch began.
    began: Option<Instant>,
    /// One runs, or is about to.
    is_due: bool,
    /// The issuer itself asked for it.
    is_urgent: bool,
}

impl Refresh {
    pub(crate) fn new(floor: Duration) -> Self {
        Self {
            floor,
            orders: Mutex::default(),
            wake: Notify::new(),
            ended: watch::Sender::new(0),
            error: Mutex::default(),
        }
    }

    /// Asks for newer keys, for a token's sake. `None` when they were fetched a moment ago: newer ones there are not.
    pub(crate) fn ask(&self) -> Option<watch::Receiver<u64>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        // Subscribed under the lock: the end of this fetch cannot be missed.
        let ended = self.ended.subscribe();
        // What the issuer asked for is about to begin: that fetch will do.
        if !orders.is_due && !orders.is_urgent {
            if orders.began.is_some_and(|began| began.elapsed() < self.floor) {
                return None;
            }
            orders.is_due = true;
            self.wake.notify_one();
        }
        Some(ended)
    }

    /// As [`Refresh::ask`], and waits for the answer; whether there was a fetch.
    pub(crate) async fn newer(&self) -> bool {
        match self.ask() {
            Some(mut ended) => ended.changed().await.is_ok(),
            None => false,
        }
    }

    /// Changes with the end of each fetch from now on, whoever asked for it.
    #[cfg(feature = "discovery")]
    pub(crate) fn ended(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// Why the last fetch failed.
    pub(crate) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The side of the task that fetches.
#[cfg(feature = "discovery")]
impl Refresh {
    /// Waits for `pause`, or for somebody who asks; whether the issuer did.
    pub(crate) async fn next(&self, pause: Duration) -> bool {
        let pause = tokio::time::sleep(pause);
        tokio::pin!(pause);
        loop {
            let is_over = tokio::select! {
                () = &mut pause => true,
                () = self.wake.notified() => false,
            };
            let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            // The fetch that just ended may have answered whoever woke us.
            if is_over || orders.is_due || orders.is_urgent {
                return orders.is_urgent;
            }
        }
    }

    /// Since the last fetch began.
    pub(crate) fn since_last(&self) -> Option<Duration> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).began.map(|began| began.elapsed())
    }

    /// A fetch begins; whether somebody asked for what a cache on the way cannot have.
    pub(crate) fn begin(&self) -> bool {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = orders.is_due || orders.is_urgent;
        *orders = Orders { began: Some(Instant::now()), is_due: true, is_urgent: false };
        asked
    }

    /// It has ended; whether this error is another one than before.
    pub(crate) fn end(&self, error: Option<String>) -> bool {
        let is_news = {
            let mut last = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            let is_news = *last != error;
            *last = error;
            is_news
        };
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.is_due = false;
        self.ended.send_modify(|count| *count += 1);
        is_news
    }
}

impl KeyNews for Refresh {
    fn fetch(&self) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).is_urgent = true;
        self.wake.notify_one();
    }
}
