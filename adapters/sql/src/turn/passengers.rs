//! Uses of refresh tokens that take their turn together.
//!
//! Each is a unit of work of its own, and almost every one does nothing else and commits. As they are of different
//! sessions, none can see what another did: one statement serves them all. When one is given up or goes on with other
//! things, the statement is undone and repeated for the others.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::{QueryResult, Statement};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{Command, Entry, Reply};
use crate::rotate::RotationRow;

/// The most that fly together.
pub(crate) const MOST: usize = 64;

/// A use of a refresh token that waits for its turn.
pub(crate) struct Passenger {
    pub(crate) row: RotationRow,
    pub(crate) reply: Reply<Option<QueryResult>>,
    pub(crate) rest: mpsc::Receiver<Command>,
}

/// A unit whose token was rotated and that wants something else than the commit.
pub(crate) struct Onward {
    pub(crate) row: RotationRow,
    pub(crate) entry: Entry,
}

/// What the units wanted once they knew the outcome.
#[derive(Default)]
pub(crate) struct Arrivals {
    /// Rotated and to be committed.
    pub(crate) committing: Vec<(RotationRow, Vec<Statement>, Reply<()>)>,
    /// Rotated and going on.
    pub(crate) onward: Vec<Onward>,
    /// Not rotated and going on: nothing of theirs has to be repeated.
    pub(crate) fresh: Vec<Entry>,
    /// How many were rotated and then given up.
    pub(crate) lost: usize,
}

impl Passenger {
    /// A unit whose first wish is the use of a refresh token; any other is given back.
    #[expect(clippy::result_large_err, reason = "it is no error but goes on to somebody else")]
    pub(crate) fn try_from(entry: Entry) -> Result<Self, Entry> {
        match entry {
            Entry { first: Command::Rotate(row, reply), rest, waiting } => {
                if let Some(waiting) = waiting {
                    // Who has given up has dropped its end of `reply` and `rest` too.
                    let _gone = waiting.send(());
                }
                Ok(Self { row, reply, rest })
            }
            other => Err(other),
        }
    }

    /// As it came.
    pub(crate) fn into_entry(self) -> Entry {
        Entry { first: Command::Rotate(self.row, self.reply), rest: self.rest, waiting: None }
    }
}

/// Tells each passenger the row that `found` has for its session, and hears what it wants then.
pub(crate) async fn arrivals(
    passengers: Vec<Passenger>,
    mut found: HashMap<Uuid, QueryResult>,
    stall: Duration,
) -> Arrivals {
    let mut flying = Vec::with_capacity(passengers.len());
    for Passenger { row, reply, rest } in passengers {
        let rotated = found.remove(&row.session);
        let changed = rotated.is_some();
        // Who does not wait for the answer has dropped its end of `rest` too.
        let _gone = reply.send(Ok(rotated));
        flying.push((row, rest, changed));
    }
    let mut arrivals = Arrivals::default();
    let deadline = Instant::now() + stall;
    for (row, mut rest, changed) in flying {
        match timeout_at(deadline, rest.recv()).await {
            Ok(Some(Command::Commit(statements, reply))) if changed => {
                arrivals.committing.push((row, statements, reply));
            }
            Ok(Some(first)) if changed => {
                arrivals.onward.push(Onward { row, entry: Entry { first, rest, waiting: None } });
            }
            Ok(Some(first)) => arrivals.fresh.push(Entry { first, rest, waiting: None }),
            Ok(None) if changed => arrivals.lost += 1,
            Ok(None) => {}
            Err(_) => {
                tracing::warn!("a unit of work held up the others and is rolled back");
                arrivals.lost += usize::from(changed);
            }
        }
    }
    arrivals
}
