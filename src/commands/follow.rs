//! Following the audit trail without skipping anything.
//!
//! Entries become visible when they are committed, not in the order of their instants: an act that took long, or that
//! another replica did, appears behind entries that are printed already. So a reader that asks for "later than the last
//! one" skips entries. This one looks back over a window each time, and prints what it has not seen.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_domain::audit::{AuditEntry, AuditQuery};
use portcullis_domain::ids::AuditId;
use portcullis_domain::{App, Failure, Timestamp};

/// Between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(500);
/// How far every look goes back.
const SHORT: Duration = Duration::from_secs(20);
/// How far some looks go back: no act takes so long, and no replica's clock is so far behind.
const LONG: Duration = Duration::from_secs(5 * 60);
/// Every so many looks go far back.
const ROUNDS: u32 = 20;
/// Entries that are read at once.
const PAGE: u32 = 500;

/// How far a look goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// As far as most late entries are late.
    Recent,
    /// As far as any entry is.
    Everything,
}

impl Reach {
    pub(super) const fn of_round(round: u32) -> Self {
        if round.is_multiple_of(ROUNDS) { Self::Everything } else { Self::Recent }
    }

    const fn window(self) -> Duration {
        match self {
            Self::Recent => SHORT,
            Self::Everything => LONG,
        }
    }
}

/// What was seen within the long window.
pub(super) struct Seen {
    entries: BTreeSet<(Timestamp, AuditId)>,
    /// The instant of the newest entry seen, or of the beginning.
    newest: Timestamp,
}

impl Seen {
    pub(super) const fn begin(now: Timestamp) -> Self {
        Self { entries: BTreeSet::new(), newest: now }
    }

    /// Reads the window, and answers what was not seen before, the newest last.
    pub(super) async fn look(
        &mut self,
        app: &App,
        filter: &AuditQuery,
        reach: Reach,
        now: Timestamp,
    ) -> Result<Vec<AuditEntry>, Failure> {
        let from = self.from(reach, now);
        let from = filter.from.map_or(from, |since| since.max(from));
        let query = AuditQuery { from: Some(from), limit: PAGE, ..filter.clone() };
        let mut found = Vec::new();
        pages(app, query, |page| {
            found.extend(page);
            true
        })
        .await?;
        Ok(self.take(found, now))
    }

    /// Notes entries that were read otherwise; answers them, the newest last.
    pub(super) fn and(&mut self, entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
        self.entries.extend(entries.iter().map(|entry| (entry.at, entry.id)));
        entries
    }

    /// Where a window begins. While nothing comes it reaches back from the last entry, so that an outage of the
    /// database opens no gap; a replica whose clock is ahead does not move it past the present.
    fn from(&self, reach: Reach, now: Timestamp) -> Timestamp {
        self.newest.min(now).minus(reach.window())
    }

    fn take(&mut self, mut found: Vec<AuditEntry>, now: Timestamp) -> Vec<AuditEntry> {
        found.retain(|entry| self.entries.insert((entry.at, entry.id)));
        found.sort_unstable_by_key(|entry| (entry.at, entry.id));
        self.newest = found.iter().map(|entry| entry.at).fold(self.newest, Timestamp::max);
        let from = self.from(Reach::Everything, now);
        while self.entries.first().is_some_and(|(at, _)| *at < from) {
            self.entries.pop_first();
        }
        found
    }
}

/// The last entries, the newest last.
pub(super) async fn newest(app: &App, filter: &AuditQuery, count: u32) -> Result<Vec<AuditEntry>, Failure> {
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    if wanted > 0 {
        let query = AuditQuery { limit: PAGE.min(count), ..filter.clone() };
        pages(app, query, |page| {
            found.extend(page);
            found.len() < wanted
        })
        .await?;
    }
    found.truncate(wanted);
    found.reverse();
    Ok(found)
}

/// Reads page after page, the newest first, while `take` wants more.
async fn pages(app: &App, mut query: AuditQuery, mut take: impl FnMut(Vec<AuditEntry>) -> bool) -> Result<(), Failure> {
    loop {
        let page = app.audit.page(&query).await?;
        let last = page.last().map(|entry| (entry.at, entry.id));
        let is_full = page.len() >= usize::try_from(query.limit).unwrap_or(usize::MAX);
        if !take(page) || !is_full {
            return Ok(());
        }
        query.before = last;
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::audit::{Action, Actor, Outcome};

    use super::*;

    fn entry(seconds: i64, number: u128) -> AuditEntry {
        AuditEntry {
            id: AuditId::from_uuid(uuid::Uuid::from_u128(number)),
            at: Timestamp::from_unix_seconds(seconds),
            actor: Actor::Anonymous,
            action: Action::LogIn,
            outcome: Outcome::Success,
            subject: None,
            session: None,
            impersonator: None,
            ip: None,
            user_agent: None,
            request_id: None,
            detail: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn numbers(entries: &[AuditEntry]) -> Vec<u128> {
        entries.iter().map(|entry| entry.id.as_uuid().as_u128()).collect()
    }

    #[test]
    fn an_entry_that_becomes_visible_late_is_printed_and_none_is_printed_twice() {
        let mut seen = Seen::begin(at(1_000));
        assert_eq!(numbers(&seen.take(vec![entry(1_002, 2), entry(1_001, 1)], at(1_003))), [1, 2]);
        // Committed after both, begun before them; and another of the same instant with a smaller id.
        let again = vec![entry(1_002, 2), entry(1_001, 1), entry(995, 9), entry(1_002, 0)];
        assert_eq!(numbers(&seen.take(again, at(1_004))), [9, 0]);
        assert!(seen.take(vec![entry(995, 9), entry(1_002, 0)], at(1_005)).is_empty());
    }

    #[test]
    fn the_window_reaches_back_from_the_last_entry_and_never_past_the_present() {
        let mut seen = Seen::begin(at(10_000));
        assert_eq!(seen.from(Reach::Recent, at(10_000)), at(9_980));
        seen.take(vec![entry(10_001, 1)], at(10_001));
        assert_eq!(seen.from(Reach::Recent, at(13_600)), at(9_981), "an hour of nothing leaves no gap");
        seen.take(vec![entry(99_000, 2)], at(10_002));
        assert_eq!(seen.from(Reach::Everything, at(10_002)), at(9_702), "one clock that is ahead hides nothing");
        assert!(seen.take(vec![entry(99_000, 2)], at(10_003)).is_empty());
    }

    #[test]
    fn what_can_be_read_no_more_is_forgotten() {
        let mut seen = Seen::begin(at(0));
        for second in 0..10_000_i64 {
            let number = u128::try_from(second).unwrap();
            seen.take(vec![entry(second, number)], at(second));
        }
        assert_eq!(seen.entries.len(), 301);
    }
}
