//! What verifiers must stop to trust, in the order in which this replica learned of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event_listener::{Event, EventListener};

use crate::Timestamp;
use crate::app::OVERLAP;
use crate::clients::Client;
use crate::ports::sessions::Revocation;

/// Something whose tokens are to be refused from now on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Withdrawn {
    /// All tokens with this `sid`, or the one with this `jti`.
    Grant(crate::ids::GrantId),
    /// All tokens that the client of this id got in its own name.
    Client(String),
    /// All tokens signed with the key of this `kid`.
    Key(String),
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// What.
    pub what: Withdrawn,
    /// When it was revoked.
    pub at: Timestamp,
    /// When it may be forgotten: the last token that it is about has expired.
    pub until: Timestamp,
}

/// How far a reader has read. Readers treat it as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Whose log it is about.
    replica: u64,
    /// The last line that was read there.
    line: u64,
    /// Up to when that log was complete.
    at: Timestamp,
    /// The lines that are young at that instant, as a sum: another replica sees by it whether it has the same ones.
    young: u64,
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this service")]
pub struct NotACursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}-{:x}", self.replica, self.line, self.at.as_unix_micros(), self.young)
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        let [replica, line, at, young] = parts[..] else { return Err(NotACursor) };
        let number = |text| u64::from_str_radix(text, 16).map_err(|_| NotACursor);
        let at = i64::try_from(number(at)?).map_err(|_| NotACursor)?;
        let at = Timestamp::from_unix_micros(at);
        let cursor = Self { replica: number(replica)?, line: number(line)?, at, young: number(young)? };
        // One spelling only.
        if cursor.to_string() == text { Ok(cursor) } else { Err(NotACursor) }
    }
}

/// The log of one replica. It holds what matters still, and wakes who waits for more.
pub struct RevocationLog {
    replica: u64,
    lines: Mutex<Lines>,
    more: Event,
}

/// A line, and when it was noted here: the clock of whoever revoked may be far behind.
struct Noted {
    line: Withdrawal,
    at: Timestamp,
}

#[derive(Default)]
struct Lines {
    last: u64,
    by_line: BTreeMap<u64, Noted>,
    line_of: HashMap<Withdrawn, u64>,
    /// The sum that was asked for last, until the lines change: those who wait all ask for the same one.
    young: Option<(Timestamp, u64)>,
}

impl Lines {
    /// The lines about what was revoked, or noted here, at `from` or later.
    fn since(&self, from: Timestamp) -> impl Iterator<Item = &Withdrawal> {
        let young = move |line: &&Noted| line.at.max(line.line.at) >= from;
        self.by_line.values().filter(young).map(|noted| &noted.line)
    }

    /// The lines that are young at `at`, as a sum that does not depend on their order.
    fn young(&mut self, at: Timestamp) -> u64 {
        if let Some((_, sum)) = self.young.filter(|(of, _)| *of == at) {
            return sum;
        }
        let digest = |line: &Withdrawal| {
            let mut hasher = DefaultHasher::new();
            line.what.hash(&mut hasher);
            hasher.finish()
        };
        let sum = self.since(at.minus(OVERLAP)).map(digest).fold(0, |sum, digest| sum ^ digest);
        self.young = Some((at, sum));
        sum
    }
}

impl RevocationLog {
    /// An empty log; `replica` is a random number that tells it from every other log.
    pub fn new(replica: u64) -> Self {
        Self { replica, lines: Mutex::default(), more: Event::new() }
    }

    /// Notes, at `now`, revocations of sessions and tokens; those that are there already change nothing.
    pub fn note(&self, revocations: &[Revocation], now: Timestamp) {
        let line = |revocation: &Revocation| Withdrawal {
            what: Withdrawn::Grant(revocation.grant),
            at: revocation.at,
            until: revocation.until,
        };
        self.add(revocations.iter().map(line), now);
    }

    /// Notes, at `now`, the end of a client, whose last token expires at `until`.
    pub fn note_client(&self, client: &Client, until: Timestamp, now: Timestamp) {
        let at = client.deleted_at.unwrap_or(client.updated_at);
        self.add([Withdrawal { what: Withdrawn::Client(client.id.as_str().to_owned()), at, until }], now);
    }

    /// Notes, at `now`, that a key was withdrawn at `at`; its last token would have expired at `until`.
    pub fn note_key(&self, kid: &str, at: Timestamp, until: Timestamp, now: Timestamp) {
        self.add([Withdrawal { what: Withdrawn::Key(kid.to_owned()), at, until }], now);
    }

    /// Everything that matters at `now` and came after `cursor` (`None`: everything), the oldest first, and how far
    /// that is; everything that was committed before `complete` is known here. A reader that comes from another replica
    /// gets again what it may have read there, unless it has read just what is known here.
    pub fn after(&self, cursor: Option<Cursor>, now: Timestamp, complete: Timestamp) -> (Vec<Withdrawal>, Cursor) {
        let mut lines = self.lock();
        let matters = |line: &&Withdrawal| line.until > now;
        let news = match cursor {
            Some(cursor) if cursor.replica == self.replica => {
                let rest = lines.by_line.range(cursor.line.saturating_add(1)..).map(|(_, noted)| &noted.line);
                rest.filter(matters).cloned().collect()
            }
            Some(cursor) if cursor.young == lines.young(cursor.at) => Vec::new(),
            Some(cursor) => lines.since(cursor.at.minus(OVERLAP)).filter(matters).cloned().collect(),
            None => lines.by_line.values().map(|noted| &noted.line).filter(matters).cloned().collect(),
        };
        let young = lines.young(complete);
        (news, Cursor { replica: self.replica, line: lines.last, at: complete, young })
    }

    /// Wakes at the next new line. Ask for it first, then look, then wait: so no line slips through.
    pub fn more(&self) -> EventListener {
        self.more.listen()
    }

    /// Wakes everybody who waits, with or without news.
    pub fn wake(&self) {
        self.more.notify(usize::MAX);
    }

    /// Forgets what does not matter at `now`.
    pub fn forget(&self, now: Timestamp) {
        let mut lines = self.lock();
        let Lines { by_line, line_of, young, .. } = &mut *lines;
        *young = None;
        by_line.retain(|_, noted| {
            let stays = noted.line.until > now;
            if !stays {
                line_of.remove(&noted.line.what);
            }
            stays
        });
    }

    fn add(&self, news: impl IntoIterator<Item = Withdrawal>, now: Timestamp) {
        let mut lines = self.lock();
        let before = lines.last;
        for line in news {
            if lines.line_of.contains_key(&line.what) {
                continue;
            }
            lines.last += 1;
            let number = lines.last;
            lines.line_of.insert(line.what.clone(), number);
            lines.by_line.insert(number, Noted { line, at: now });
        }
        let grew = lines.last > before;
        if grew {
            lines.young = None;
        }
        drop(lines);
        if grew {
            self.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
