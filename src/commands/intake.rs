//! Takes rows in: several at once, told in the order of the file.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use portcullis_domain::accounts::{Import, Imported, NotImported};
use portcullis_domain::{App, Failure};
use tokio::sync::mpsc::Receiver;

use super::report::Report;
use super::serve::shutdown;
use crate::exchange::{Place, Row};

/// How often a row is tried while the database is away.
const TRIES: u32 = 6;
/// How long the first pause between two tries is; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of the rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) added: u64,
    pub(super) present: u64,
    pub(super) refused: u64,
}

/// How it ended.
pub(super) enum End {
    /// Every row was looked at.
    Complete,
    /// Somebody wanted it to end.
    Interrupted,
    /// This row could not be brought in, for a reason that is not its own.
    Failed(Place, Failure),
}

impl End {
    pub(super) const fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}

/// A running import.
pub(super) struct Intake {
    app: Arc<App>,
    jobs: usize,
    dry_run: bool,
    report: Report,
    tally: Tally,
    /// The names of the accounts under way: two rows with one name take their turns, so that the first in the file
    /// wins.
    names: HashSet<String>,
}

impl Intake {
    pub(super) fn new(app: Arc<App>, jobs: usize, dry_run: bool, report: Report) -> Self {
        Self { app, jobs, dry_run, report, tally: Tally::default(), names: HashSet::new() }
    }

    /// Takes all rows in. What has begun is always finished, unless a second signal asks for the end at once.
    pub(super) async fn run(mut self, mut rows: Receiver<Row>) -> std::io::Result<(Tally, End)> {
        let mut signal = pin!(shutdown()?);
        let mut under_way = FuturesOrdered::new();
        let (mut next, mut more, mut end) = (None, true, End::Complete);
        while more || next.is_some() || !under_way.is_empty() {
            if let Some(row) = next.take_if(|row| under_way.len() < self.jobs && !self.is_under_way(row)) {
                self.names.extend(names(&row));
                under_way.push_back(take_in(self.app.clone(), row, self.dry_run));
            }
            tokio::select! {
                biased;
                () = &mut signal => {
                    if matches!(end, End::Interrupted) {
                        break;
                    }
                    (next, more, end) = (None, false, End::Interrupted);
                    signal.set(shutdown()?);
                }
                Some(done) = under_way.next(), if !under_way.is_empty() => {
                    if let Some(failed) = self.settle(done)? && end.is_complete() {
                        (next, more, end) = (None, false, failed);
                    }
                }
                row = rows.recv(), if more && next.is_none() => {
                    more = row.is_some();
                    next = row;
                }
            }
        }
        self.report.finish()?;
        Ok((self.tally, end))
    }

    fn is_under_way(&self, row: &Row) -> bool {
        names(row).any(|name| self.names.contains(&name))
    }

    fn settle(&mut self, done: Done) -> std::io::Result<Option<End>> {
        for name in &done.names {
            self.names.remove(name);
        }
        let mut refuse = |why: String| {
            self.tally.refused += 1;
            self.report.refuse(&format!("{}: {why}", done.place))
        };
        match done.fate {
            Ok(Imported::Added) => self.tally.added += 1,
            Ok(Imported::Present) => self.tally.present += 1,
            Err(Refused::Row(why)) => refuse(why)?,
            Err(Refused::Account(NotImported::Failure(failure))) => return Ok(Some(End::Failed(done.place, failure))),
            Err(Refused::Account(error)) => refuse(error.to_string())?,
        }
        let Tally { added, present, refused } = self.tally;
        self.report.progress(added + present + refused, refused);
        Ok(None)
    }
}

/// What one account may not share with another.
fn names(row: &Row) -> impl Iterator<Item = String> + use<> {
    let account = row.account.as_ref().ok();
    let email = account.map(|account| format!("email {}", account.email.key()));
    let username = account.and_then(|account| account.username.as_ref()).map(|name| format!("username {}", name.key()));
    let id = account.and_then(|account| account.id).map(|id| format!("id {id}"));
    [email, username, id].into_iter().flatten()
}

/// A row that was looked at.
struct Done {
    place: Place,
    names: Vec<String>,
    fate: Result<Imported, Refused>,
}

enum Refused {
    /// The file says something impossible.
    Row(String),
    /// The account cannot be one here.
    Account(NotImported),
}

async fn take_in(app: Arc<App>, row: Row, dry_run: bool) -> Done {
    let names = names(&row).collect();
    let fate = match row.account {
        Ok(account) => bring_in(&app, account, dry_run).await.map_err(Refused::Account),
        Err(why) => Err(Refused::Row(why)),
    };
    Done { place: row.place, names, fate }
}

async fn bring_in(app: &App, account: Import, dry_run: bool) -> Result<Imported, NotImported> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match app.accounts.import(account.clone(), dry_run).await {
            Err(NotImported::Failure(Failure::Unavailable(_) | Failure::Overloaded)) => {}
            other => return other,
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    app.accounts.import(account, dry_run).await
}
