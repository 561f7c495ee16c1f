//! One question after the other, for as long as the verifier lives.

use std::cmp::max;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::answer::{Answer, NoAnswer};
use super::bulletin::{Bulletin, take_in};
use super::endpoint::Endpoint;
use crate::backoff::{Backoff, chance};
use crate::revocations::{FeedSink, Staleness};

/// The longest that the issuer lets a question wait.
const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// From one question to the next, at least: a balancer may lead to another replica each time, and each answers at once.
const PAUSE: Duration = Duration::from_millis(250);
/// The first pause after trouble.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);
/// However long the issuer asks for.
const LATEST: Duration = Duration::from_secs(30);
/// After refused credentials: somebody has to do something.
const REFUSED: Duration = Duration::from_secs(60);
/// Who accepts stale tokens is told so from here on.
const BEHIND: Duration = Duration::from_secs(60);

/// Up to when everything is known.
struct Reach {
    /// By the issuer's clock, in seconds since 1970. No answer takes it back.
    complete_until: i64,
    /// How far behind the issuer itself was when it said so.
    behind: Duration,
    /// The uptime at which an answer reached so far for the first time.
    at: Duration,
}

/// How far it has read, and how that went.
pub(crate) struct Listening {
    endpoint: Endpoint,
    sink: FeedSink,
    cursor: Option<String>,
    /// The fingerprint of the issuer's keys.
    keys: Option<String>,
    /// `None` before the first answer.
    reach: Option<Reach>,
    backoff: Backoff,
    /// What the log was told last.
    told: Option<String>,
}

impl Listening {
    pub(crate) fn new(endpoint: Endpoint, sink: FeedSink) -> Self {
        let backoff = Backoff::new(SHORTEST);
        Self { endpoint, sink, cursor: None, keys: None, reach: None, backoff, told: None }
    }

    /// Until it is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            let asked = Instant::now();
            let pause = match self.endpoint.ask(self.cursor.as_deref(), self.wait()).await {
                Ok(answer) => self.hear(answer).await,
                Err(why) => self.fail(why),
            };
            sleep(pause.max(PAUSE.saturating_sub(asked.elapsed()))).await;
        }
    }

    /// Twice within the bound, so that one late answer is none too many; sooner when what is known comes near it.
    fn wait(&self) -> Duration {
        let bound = self.bound();
        let left = bound.saturating_sub(self.stuck());
        (bound / 2).min(left).clamp(Duration::from_secs(1), LONGEST_WAIT)
    }

    /// What is older is stale.
    fn bound(&self) -> Duration {
        match self.sink.staleness {
            Staleness::Accept => BEHIND,
            Staleness::RefuseBeyond(bound) => bound,
        }
    }

    /// How long no answer has reached further, by our own uptime: an old answer that comes again and again from a cache
    /// has an old `Date` as well, and looks as fresh as on its first day.
    fn stuck(&self) -> Duration {
        self.reach.as_ref().map_or(Duration::ZERO, |reach| self.sink.clock.uptime().saturating_sub(reach.at))
    }

    /// How old what is known is.
    fn age(&self) -> Duration {
        self.reach.as_ref().map_or(Duration::ZERO, |reach| self.stuck() + reach.behind)
    }

    /// Takes an answer in; the pause after it.
    async fn hear(&mut self, answer: Answer) -> Duration {
        let Answer { body, at } = answer;
        let sink = self.sink.clone();
        // It may be long, and nobody else should wait for it.
        let Ok(Some(bulletin)) = spawn_blocking(move || take_in(&body, &sink)).await else {
            return self.fail(NoAnswer::trouble("the answer cannot be read".to_owned()));
        };
        let Bulletin { next_cursor, keys, complete_until } = bulletin;
        let behind = at.unwrap_or_else(|| self.sink.now()).saturating_sub(complete_until);
        let behind = Duration::from_secs(u64::try_from(behind).unwrap_or(0));
        self.cursor = Some(next_cursor);
        if self.keys.as_ref().is_some_and(|known| *known != keys) {
            self.sink.fetch_keys();
        }
        self.keys = Some(keys);
        if self.reach.as_ref().is_none_or(|known| known.complete_until < complete_until) {
            self.reach = Some(Reach { complete_until, behind, at: self.sink.clock.uptime() });
        }
        self.backoff.reset();
        if behind > self.bound() {
            self.sink.lost(max(behind, self.age()));
            self.tell(format!("the issuer itself has not heard for {} s", behind.as_secs()));
        } else if self.stuck() > self.bound() {
            self.sink.lost(self.age());
            self.tell("its answers have not gone on for longer than the bound: a cache may repeat old ones".to_owned());
        } else {
            self.sink.caught_up();
            self.told = None;
        }
        Duration::ZERO
    }

    /// Notes that there is no answer; the pause after it.
    fn fail(&mut self, why: NoAnswer) -> Duration {
        // Nobody knows what was revoked since the last answer.
        self.sink.lost(self.age());
        match why {
            NoAnswer::Refused(status) => {
                tracing::error!(
                    issuer = %self.endpoint, %status,
                    "the issuer refuses this service's client credentials: revocations are not heard until they are right"
                );
                self.told = Some(status.to_string());
                REFUSED.mul_f64(0.75 + 0.5 * chance())
            }
            NoAnswer::Cursor => {
                self.tell(if self.cursor.is_some() {
                    "it does not know the cursor; asking for everything".to_owned()
                } else {
                    "it does not understand the question".to_owned()
                });
                self.cursor = None;
                self.backoff.next(LONGEST)
            }
            NoAnswer::Trouble { why, later } => {
                self.tell(why);
                self.backoff.next(LONGEST).max(later.unwrap_or_default().min(LATEST))
            }
        }
    }

    /// Each trouble once.
    fn tell(&mut self, reason: String) {
        if self.told.as_ref() != Some(&reason) {
            tracing::warn!(issuer = %self.endpoint, %reason, "no revocations from the issuer; trying again");
            self.told = Some(reason);
        }
    }
}
