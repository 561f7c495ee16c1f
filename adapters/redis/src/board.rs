//! What works and what does not: the tasks write it, readiness reads it, each change is one line in the log.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::address::Address;
use crate::cause::{Cause, Kind};

/// What has to work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The connection for commands.
    Commands,
    /// The subscription to the others' revocations.
    Subscription,
    /// Telling and reading revocations.
    Revocations,
}

const PARTS: usize = 3;

#[derive(Default)]
struct State {
    /// Of each part, why it does not work.
    troubles: [Option<String>; PARTS],
    /// The trouble that is in the log and not over.
    told: Option<Kind>,
    /// Whether all works.
    up: bool,
    /// Whether the log knows that it once did.
    greeted: bool,
    closed: bool,
}

/// Shows the state.
pub(crate) struct Board {
    address: String,
    state: Mutex<State>,
}

impl Board {
    pub(crate) fn new(address: &Address) -> Self {
        let board = Self { address: address.to_string(), state: Mutex::default() };
        board.expect(Part::Commands, "not connected yet");
        metrics::gauge!("portcullis_redis_up").set(0.0);
        board
    }

    /// The first trouble there is; `None` when all works.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.lock();
        if state.closed {
            return Some("the Redis adapter is closed".to_owned());
        }
        let first = state.troubles.iter().flatten().next();
        first.map(|trouble| format!("Redis at {}: {trouble}", self.address))
    }

    /// It works.
    pub(crate) fn works(&self, part: Part) {
        self.set(part, None, None);
    }

    /// It does not; why.
    pub(crate) fn fails(&self, part: Part, cause: &Cause) {
        self.set(part, Some(cause.to_string()), Some(cause));
    }

    /// It does not work yet, which is no news for the log.
    pub(crate) fn expect(&self, part: Part, what: &str) {
        self.set(part, Some(what.to_owned()), None);
    }

    /// From here on nothing works, and nobody is told any more.
    pub(crate) fn closed(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.closed, true) {
            tracing::info!(redis = %self.address, "disconnected from Redis");
            metrics::gauge!("portcullis_redis_up").set(0.0);
        }
    }

    fn set(&self, part: Part, trouble: Option<String>, cause: Option<&Cause>) {
        let mut state = self.lock();
        if let Some(slot) = state.troubles.get_mut(part as usize) {
            *slot = trouble;
        }
        if state.closed {
            return;
        }
        let up = state.troubles.iter().all(Option::is_none);
        let was_up = std::mem::replace(&mut state.up, up);
        if was_up != up {
            metrics::gauge!("portcullis_redis_up").set(if up { 1.0 } else { 0.0 });
        }
        if up && state.told.take().is_some() {
            tracing::info!(redis = %self.address, "Redis is back");
        } else if up && !state.greeted {
            tracing::info!(redis = %self.address, "connected to Redis");
        }
        state.greeted |= up;
        let Some(cause) = cause else { return };
        // One line an outage, and one more if it turns out that waiting will not help.
        let told = state.told;
        if told.is_none() || (told == Some(Kind::Away) && cause.kind() == Kind::Unwilling) {
            state.told = Some(cause.kind());
            metrics::counter!("portcullis_redis_outages_total").increment(u64::from(told.is_none()));
            tracing::warn!(
                redis = %self.address, reason = %cause, remedy = cause.remedy(),
                "Redis is not available: limits are counted in this process, revocations come from the database; trying again"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        Board::new(&Address::parse("redis://:secret@localhost:1/2").expect("a URL"))
    }

    #[test]
    fn ready_is_when_all_parts_work() {
        let board = board();
        assert_eq!(board.trouble().as_deref(), Some("Redis at localhost:1/2: not connected yet"));
        board.works(Part::Commands);
        assert_eq!(board.trouble(), None);
        board.expect(Part::Revocations, "not read yet");
        board.fails(Part::Subscription, &Cause::Lost);
        assert_eq!(board.trouble().as_deref(), Some("Redis at localhost:1/2: the connection was lost"));
        board.works(Part::Subscription);
        board.works(Part::Revocations);
        assert_eq!(board.trouble(), None);
        board.closed();
        assert_eq!(board.trouble().as_deref(), Some("the Redis adapter is closed"));
    }
}
