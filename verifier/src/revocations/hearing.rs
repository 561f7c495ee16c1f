//! How well revocations are heard.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::LEEWAY;
use crate::rejected::Rejected;

/// What happens to tokens that may have been revoked unheard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staleness {
    /// They are accepted; [`Status::feed`](crate::Status::feed) and a line in the log report the gap.
    #[default]
    Accept,
    /// They are refused when revocations could not be heard for longer than this. While the feed is away every token is
    /// refused ([`Rejected::Stale`]); once it is back, those that were issued before ([`Rejected::Unheard`]), so that
    /// clients refresh. At the start all earlier tokens are such tokens. Each gap is judged by its own length: one within
    /// the bound refuses nobody, whatever came before it.
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
    /// Everything is heard, but there was a gap, and this is the last one: tokens that were issued at `issued_by`
    /// (seconds since 1970) or before may have been revoked unheard. It closes by itself when the last of them has expired.
    Gap {
        /// How long nothing was heard in this gap; `None`: since ever.
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

/// A time in which nothing was heard, and that is over.
#[derive(Clone, Copy)]
struct Gap {
    /// In microseconds; `NEVER` for one from the beginning of time.
    length: u64,
    /// Tokens issued by then may have been revoked in it.
    issued_by: i64,
}

/// A look at a token that was issued after the last gap costs next to nothing: two plain numbers.
pub(crate) struct Hearing {
    /// The uptime, in microseconds, since which nothing is heard, or one of the above.
    lost: AtomicU64,
    /// The latest `issued_by` of the gaps.
    gaps_end: AtomicI64,
    /// The gaps that decide about some bound: each is later and shorter than the one before.
    gaps: RwLock<Vec<Gap>>,
}

impl Hearing {
    pub(crate) const fn new() -> Self {
        Self { lost: AtomicU64::new(OFF), gaps_end: AtomicI64::new(NONE), gaps: RwLock::new(Vec::new()) }
    }

    /// There is a feed, which has said nothing so far.
    pub(crate) fn expect(&self) {
        self.lost.store(NEVER, Ordering::Release);
    }

    /// Everything is heard from now on. What was said since it was lost is lost. Whether that is news.
    /// `longest_life`: a gap is forgotten when every token of before has expired.
    pub(crate) fn connected(&self, now: i64, uptime: Duration, longest_life: Duration) -> bool {
        let length = match self.lost.load(Ordering::Acquire) {
            OFF | HEARD => return false,
            NEVER => NEVER,
            since => micros(uptime).saturating_sub(since),
        };
        self.note(length, now, now.saturating_sub(seconds(longest_life)).saturating_sub(2 * LEEWAY));
        self.lost.store(HEARD, Ordering::Release);
        true
    }

    /// Everything was heard, without a gap. Whether that is news.
    pub(crate) fn caught_up(&self) -> bool {
        let mut gaps = self.gaps.write().unwrap_or_else(PoisonError::into_inner);
        gaps.clear();
        self.gaps_end.store(NONE, Ordering::Release);
        drop(gaps);
        self.lost.swap(HEARD, Ordering::AcqRel) != HEARD
    }

    /// Nothing is heard since `at`. Whether that is news.
    pub(crate) fn lose(&self, at: Duration) -> bool {
        self.lost.compare_exchange(HEARD, micros(at), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Something was said and not understood: whatever was issued by `now` may be revoked.
    pub(crate) fn miss(&self, now: i64) {
        self.note(NEVER, now, NONE);
    }

    /// Notes a gap; those that ended before `oldest` are forgotten, and those that are no longer than this one decide
    /// nothing any more.
    fn note(&self, length: u64, now: i64, oldest: i64) {
        let mut gaps = self.gaps.write().unwrap_or_else(PoisonError::into_inner);
        let issued_by = self.gaps_end.fetch_max(now, Ordering::AcqRel).max(now);
        gaps.retain(|gap| gap.length > length && gap.issued_by >= oldest);
        gaps.push(Gap { length, issued_by });
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
        if issued_at > self.gaps_end.load(Ordering::Acquire) {
            return Ok(());
        }
        let bound = micros(bound);
        let gaps = self.gaps.read().unwrap_or_else(PoisonError::into_inner);
        let is_in_doubt = gaps.iter().any(|gap| gap.length > bound && issued_at <= gap.issued_by);
        if is_in_doubt { Err(Rejected::Unheard) } else { Ok(()) }
    }

    /// `longest_life`: a gap is over when every token of then has expired.
    pub(crate) fn status(&self, now: i64, uptime: Duration, longest_life: Duration) -> FeedStatus {
        match self.lost.load(Ordering::Acquire) {
            OFF => FeedStatus::Off,
            NEVER => FeedStatus::Lost { since: None },
            HEARD => {
                let last = self.gaps.read().unwrap_or_else(PoisonError::into_inner).last().copied();
                match last {
                    Some(Gap { length, issued_by }) if issued_by.saturating_add(seconds(longest_life)) >= now => {
                        FeedStatus::Gap { length: (length != NEVER).then(|| Duration::from_micros(length)), issued_by }
                    }
                    _ => FeedStatus::Current,
                }
            }
            since => FeedStatus::Lost { since: Some(uptime.saturating_sub(Duration::from_micros(since))) },
        }
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Below the numbers with a meaning of their own.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Staleness = Staleness::RefuseBeyond(Duration::from_secs(30));
    const LIFE: Duration = Duration::from_secs(900);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn without_a_feed_nothing_is_stale() {
        let hearing = Hearing::new();
        assert_eq!(hearing.check(STRICT, 0, || at(9)), Ok(()));
        assert!(!hearing.lose(at(1)) && !hearing.connected(1, at(1), LIFE));
        assert_eq!(hearing.status(0, at(9), LIFE), FeedStatus::Off);
    }

    #[test]
    fn before_the_first_word_every_token_is_stale_and_then_those_from_before() {
        let hearing = Hearing::new();
        hearing.expect();
        assert_eq!(hearing.check(STRICT, 100, || at(0)), Err(Rejected::Stale));
        assert_eq!(hearing.status(100, at(0), LIFE), FeedStatus::Lost { since: None });
        assert!(hearing.connected(100, at(1), LIFE));
        assert_eq!(hearing.check(STRICT, 100, || at(1)), Err(Rejected::Unheard));
        assert_eq!(hearing.check(STRICT, 101, || at(1)), Ok(()));
        assert_eq!(hearing.check(Staleness::Accept, 0, || at(1)), Ok(()));
        assert_eq!(hearing.status(101, at(1), LIFE), FeedStatus::Gap { length: None, issued_by: 100 });
        assert_eq!(hearing.status(1001, at(901), LIFE), FeedStatus::Current);
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
        assert!(hearing.connected(1_120, at(120), LIFE));
        assert_eq!(hearing.check(STRICT, 50, || at(120)), Ok(()));
        assert!(hearing.lose(at(200)));
        assert!(hearing.connected(1_231, at(231), LIFE));
        assert_eq!(hearing.check(STRICT, 1_231, || at(232)), Err(Rejected::Unheard));
        assert_eq!(hearing.check(STRICT, 1_232, || at(232)), Ok(()));
        assert!(!hearing.caught_up());
        assert_eq!(hearing.check(STRICT, 50, || at(232)), Ok(()));
        assert_eq!(hearing.status(1_233, at(233), LIFE), FeedStatus::Current);
    }
    #[test]
    fn a_gap_within_the_bound_refuses_nobody_new_after_a_start_that_did() {
        let hearing = Hearing::new();
        hearing.expect();
        assert!(hearing.connected(100, at(1), LIFE));
        assert!(hearing.lose(at(200)));
        assert!(hearing.connected(330, at(230), LIFE));
        assert_eq!(
            hearing.check(STRICT, 101, || at(231)),
            Ok(()),
            "it was issued after the start, before the short gap"
        );
        assert_eq!(hearing.check(STRICT, 100, || at(231)), Err(Rejected::Unheard), "it was issued before the start");
        let strictest = Staleness::RefuseBeyond(Duration::from_secs(29));
        assert_eq!(hearing.check(strictest, 330, || at(231)), Err(Rejected::Unheard), "who asks for more gets more");
        let gap = FeedStatus::Gap { length: Some(at(30)), issued_by: 330 };
        assert_eq!(hearing.status(331, at(231), LIFE), gap, "the last one is told");
    }

    #[test]
    fn of_many_gaps_those_are_kept_that_decide_and_none_that_no_token_outlived() {
        let hearing = Hearing::new();
        hearing.expect();
        let mut now = 0;
        assert!(hearing.connected(now, at(0), LIFE));
        for length in (1..=100).rev() {
            now += 100;
            let uptime = Duration::from_secs(now.unsigned_abs());
            assert!(hearing.lose(uptime.saturating_sub(Duration::from_secs(length))));
            assert!(hearing.connected(now, uptime, LIFE));
        }
        let kept = hearing.gaps.read().expect("nobody panicked").len();
        assert_eq!(kept, 11, "one each 100 s, of the last 900 s and twice the leeway");
        hearing.miss(now);
        assert_eq!(hearing.gaps.read().expect("nobody panicked").len(), 1, "a gap without bounds decides alone");
        assert_eq!(hearing.check(STRICT, now, || at(10_000)), Err(Rejected::Unheard));
    }
}
