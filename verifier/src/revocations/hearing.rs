//! How well revocations are heard.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::rejected::Rejected;

/// What happens to tokens that may have been revoked unheard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staleness {
    /// They are accepted; [`Status::feed`](crate::Status::feed) and a line in the log report the gap.
    #[default]
    Accept,
    /// They are refused when revocations could not be heard for longer than this. While the feed is away every token is
    /// refused ([`Rejected::Stale`]); once it is back, those that were issued before ([`Rejected::Unheard`]), so that
    /// clients refresh. At the start all earlier tokens are such tokens.
    RefuseBeyond(Duration),
}

/// How well revocations are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FeedStatus {
    /// There is no feed: a revoked token lives until it expires.
    Off,
    /// Everything was heard.
    Current,
    /// Everything is heard, but there was a gap: tokens that were issued at `issued_by` (seconds since 1970) or before
    /// may have been revoked unheard. It closes by itself when the last of them has expired.
    Gap {
        /// How long nothing was heard; `None`: since ever.
        length: Option<Duration>,
        /// Tokens issued later are not concerned.
        issued_by: i64,
    },
    /// Nothing is heard.
    Lost {
        /// For how long; `None`: nothing was ever heard.
        since: Option<Duration>,
    },
}

/// There is no feed.
const OFF: u64 = u64::MAX;
/// Everything is heard.
const HEARD: u64 = u64::MAX - 1;
/// Nothing was ever heard.
const NEVER: u64 = u64::MAX - 2;
/// No gap.
const NONE: i64 = i64::MIN;

/// Plain numbers, so that a look costs next to nothing.
pub(crate) struct Hearing {
    /// The uptime, in microseconds, since which nothing is heard, or one of the above.
    lost: AtomicU64,
    /// Tokens issued by then may have been revoked in a gap.
    gap_issued_by: AtomicI64,
    /// The longest gap, in microseconds; `NEVER` for one from the beginning of time.
    gap_length: AtomicU64,
}

impl Hearing {
    pub(crate) const fn new() -> Self {
        Self { lost: AtomicU64::new(OFF), gap_issued_by: AtomicI64::new(NONE), gap_length: AtomicU64::new(0) }
    }

    /// There is a feed, which has said nothing so far.
    pub(crate) fn expect(&self) {
        self.lost.store(NEVER, Ordering::Release);
    }

    /// Everything is heard from now on. What was said since it was lost is lost. Whether that is news.
    pub(crate) fn connected(&self, now: i64, uptime: Duration) -> bool {
        let length = match self.lost.load(Ordering::Acquire) {
            OFF | HEARD => return false,
            NEVER => NEVER,
            since => micros(uptime).saturating_sub(since),
        };
        self.gap_length.fetch_max(length, Ordering::AcqRel);
        self.gap_issued_by.fetch_max(now, Ordering::AcqRel);
        self.lost.store(HEARD, Ordering::Release);
        true
    }

    /// Everything was heard, without a gap. Whether that is news.
    pub(crate) fn caught_up(&self) -> bool {
        self.gap_issued_by.store(NONE, Ordering::Release);
        self.gap_length.store(0, Ordering::Release);
        self.lost.swap(HEARD, Ordering::AcqRel) != HEARD
    }

    /// Nothing is heard since `at`. Whether that is news.
    pub(crate) fn lose(&self, at: Duration) -> bool {
        self.lost.compare_exchange(HEARD, micros(at), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Something was said and not understood: whatever was issued by `now` may be revoked.
    pub(crate) fn miss(&self, now: i64) {
        self.gap_length.store(NEVER, Ordering::Release);
        self.gap_issued_by.fetch_max(now, Ordering::AcqRel);
    }

    /// Whether a token of `issued_at` may be accepted.
    pub(crate) fn check(
        &self,
        policy: Staleness,
        issued_at: i64,
        uptime: impl FnOnce() -> Duration,
    ) -> Result<(), Rejected> {
        let Staleness::RefuseBeyond(bound) = policy else { return Ok(()) };
        match self.lost.load(Ordering::Acquire) {
            OFF => return Ok(()),
            HEARD => {}
            NEVER => return Err(Rejected::Stale),
            since if uptime().saturating_sub(Duration::from_micros(since)) > bound => return Err(Rejected::Stale),
            _ => {}
        }
        let in_doubt = issued_at <= self.gap_issued_by.load(Ordering::Acquire);
        let too_long = self.gap_length.load(Ordering::Acquire) > micros(bound);
        if in_doubt && too_long { Err(Rejected::Unheard) } else { Ok(()) }
    }

    /// `longest_life`: a gap is over when every token of then has expired.
    pub(crate) fn status(&self, now: i64, uptime: Duration, longest_life: Duration) -> FeedStatus {
        match self.lost.load(Ordering::Acquire) {
            OFF => FeedStatus::Off,
            NEVER => FeedStatus::Lost { since: None },
            HEARD => {
                let issued_by = self.gap_issued_by.load(Ordering::Acquire);
                let life = i64::try_from(longest_life.as_secs()).unwrap_or(i64::MAX);
                if issued_by == NONE || issued_by.saturating_add(life) < now {
                    return FeedStatus::Current;
                }
                let length = self.gap_length.load(Ordering::Acquire);
                FeedStatus::Gap { length: (length != NEVER).then(|| Duration::from_micros(length)), issued_by }
            }
            since => FeedStatus::Lost { since: Some(uptime.saturating_sub(Duration::from_micros(since))) },
        }
    }
}

/// Below the numbers with a meaning of their own.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Staleness = Staleness::RefuseBeyond(Duration::from_secs(30));

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn without_a_feed_nothing_is_stale() {
        let hearing = Hearing::new();
        assert_eq!(hearing.check(STRICT, 0, || at(9)), Ok(()));
        assert!(!hearing.lose(at(1)) && !hearing.connected(1, at(1)));
        assert_eq!(hearing.status(0, at(9), at(900)), FeedStatus::Off);
    }

    #[test]
    fn before_the_first_word_every_token_is_stale_and_then_those_from_before() {
        let hearing = Hearing::new();
        hearing.expect();
        assert_eq!(hearing.check(STRICT, 100, || at(0)), Err(Rejected::Stale));
        assert_eq!(hearing.status(100, at(0), at(900)), FeedStatus::Lost { since: None });
        assert!(hearing.connected(100, at(1)));
        assert_eq!(hearing.check(STRICT, 100, || at(1)), Err(Rejected::Unheard));
        assert_eq!(hearing.check(STRICT, 101, || at(1)), Ok(()));
        assert_eq!(hearing.check(Staleness::Accept, 0, || at(1)), Ok(()));
        assert_eq!(hearing.status(101, at(1), at(900)), FeedStatus::Gap { length: None, issued_by: 100 });
        assert_eq!(hearing.status(1001, at(901), at(900)), FeedStatus::Current);
    }

    #[test]
    fn a_gap_within_the_bound_is_forgiven_and_a_longer_one_is_not() {
        let hearing = Hearing::new();
        hearing.expect();
        assert!(hearing.caught_up());
        assert!(!hearing.caught_up(), "that is no news");
        assert!(hearing.lose(at(100)));
        assert_eq!(hearing.check(STRICT, 50, || at(130)), Ok(()));
        assert_eq!(hearing.check(STRICT, 50, || at(131)), Err(Rejected::Stale));
        assert!(!hearing.lose(at(131)), "the first loss counts");
        assert!(hearing.connected(1_120, at(120)));
        assert_eq!(hearing.check(STRICT, 50, || at(120)), Ok(()));
        assert!(hearing.lose(at(200)));
        assert!(hearing.connected(1_231, at(231)));
        assert_eq!(hearing.check(STRICT, 1_231, || at(232)), Err(Rejected::Unheard));
        assert_eq!(hearing.check(STRICT, 1_232, || at(232)), Ok(()));
        assert!(!hearing.caught_up());
        assert_eq!(hearing.check(STRICT, 50, || at(232)), Ok(()));
        assert_eq!(hearing.status(1_233, at(233), at(900)), FeedStatus::Current);
    }
}
