//! What was revoked here, and how much of it the others have not been told.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_domain::Timestamp;
use portcullis_domain::ids::GrantId;
use tokio::sync::Notify;

/// How many revocations wait one by one; with more, all of them are told once more.
const QUEUE: usize = 10_000;

/// Grants with the instant until which they matter.
pub(crate) type Batch = Vec<(GrantId, Timestamp)>;

/// The revocations of this process, until they are forgotten.
#[derive(Default)]
pub(crate) struct Own {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    until: HashMap<GrantId, Timestamp>,
    untold: HashSet<GrantId>,
    /// Nobody knows any more which ones are untold: all are.
    all_untold: bool,
}

impl Own {
    /// Remembers a revocation to be told, unless it is no news.
    pub(crate) fn add(&self, grant: GrantId, until: Timestamp) {
        let mut state = self.lock();
        if state.until.get(&grant).is_some_and(|known| *known >= until) {
            return;
        }
        state.until.insert(grant, until);
        if !state.all_untold {
            state.untold.insert(grant);
            if state.untold.len() > QUEUE {
                state.give_up_the_queue();
            }
        }
        drop(state);
        self.news.notify_one();
    }

    /// Forgets what does not matter any more at `now`.
    pub(crate) fn forget(&self, now: Timestamp) {
        let mut state = self.lock();
        let State { until, untold, .. } = &mut *state;
        until.retain(|_, until| *until > now);
        untold.retain(|grant| until.contains_key(grant));
    }

    /// What is to be told.
    pub(crate) fn take_untold(&self) -> Untold<'_> {
        let mut state = self.lock();
        let batch = if std::mem::take(&mut state.all_untold) {
            state.all()
        } else {
            let untold = std::mem::take(&mut state.untold);
            untold.into_iter().filter_map(|grant| Some((grant, *state.until.get(&grant)?))).collect()
        };
        Untold { own: self, batch }
    }

    pub(crate) fn all(&self) -> Batch {
        self.lock().all()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().until.is_empty()
    }

    /// Returns when there may be something to tell.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn all(&self) -> Batch {
        self.until.iter().map(|(grant, until)| (*grant, *until)).collect()
    }

    fn give_up_the_queue(&mut self) {
        self.untold = HashSet::new();
        self.all_untold = true;
    }
}

/// Revocations on their way. Dropped before they are told, they are untold again.
pub(crate) struct Untold<'a> {
    own: &'a Own,
    batch: Batch,
}

impl Untold<'_> {
    pub(crate) fn batch(&self) -> &[(GrantId, Timestamp)] {
        &self.batch
    }

    /// They have arrived.
    pub(crate) fn told(mut self) {
        self.batch.clear();
    }
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if !self.batch.is_empty() {
            self.own.lock().give_up_the_queue();
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_memory::SeededRandomness;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn grants(count: usize) -> Vec<GrantId> {
        let random = SeededRandomness::new(1);
        (0..count).map(|_| GrantId::new(at(0), &random)).collect()
    }

    fn tell(own: &Own) -> Batch {
        let untold = own.take_untold();
        let batch = untold.batch().to_vec();
        untold.told();
        batch
    }

    #[test]
    fn a_revocation_is_told_once_however_often_it_is_added() {
        let own = Own::default();
        for grant in grants(1) {
            own.add(grant, at(5));
            own.add(grant, at(9));
            own.add(grant, at(7));
            assert_eq!(tell(&own), [(grant, at(9))]);
            own.add(grant, at(9));
            assert_eq!(tell(&own), []);
            own.add(grant, at(10));
            assert_eq!(tell(&own), [(grant, at(10))], "a later instant is news");
            assert_eq!(own.all(), [(grant, at(10))]);
        }
    }

    #[test]
    fn more_than_fit_the_queue_are_all_told() {
        let own = Own::default();
        let grants = grants(3 * QUEUE);
        for grant in &grants {
            own.add(*grant, at(5));
        }
        assert!(own.lock().untold.is_empty(), "the queue is bounded");
        assert_eq!(tell(&own).len(), grants.len());
        assert_eq!(tell(&own), []);
    }

    #[test]
    fn what_could_not_be_told_is_taken_again() {
        let own = Own::default();
        for grant in grants(2) {
            own.add(grant, at(5));
        }
        drop(own.take_untold());
        assert_eq!(tell(&own).len(), 2);
        drop(own.take_untold());
        assert_eq!(tell(&own), []);
    }

    #[test]
    fn what_is_forgotten_is_not_told() {
        let own = Own::default();
        for (number, grant) in (0..).zip(grants(10)) {
            own.add(grant, at(number));
        }
        own.forget(at(4));
        assert_eq!(own.take_untold().batch().len(), 5);
        own.forget(at(9));
        assert_eq!((tell(&own), own.all()), (Vec::new(), Vec::new()));
    }
}
