//! Refresh tokens used at the same time: one statement for all of them.
//!
//! Each use is a unit of work of its own, and almost every one of them does nothing else and commits. As they are of
//! different sessions, none can see what another did, so that they may take their turn together: one trip to the
//! connection's thread instead of many. When one is given up or goes on with other things, the statement is undone
//! and repeated for the others.

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, RuntimeErr};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::batch::{Batch, Broken, Savepoint};
use super::command::{Command, Entry, Reply};
use crate::rotate::{RotationRow, many};

/// The most that fly together.
pub(super) const MOST: usize = 64;

/// A use of a refresh token that waits for its turn.
pub(super) struct Passenger {
    pub(super) row: RotationRow,
    pub(super) reply: Reply<Option<QueryResult>>,
    pub(super) rest: mpsc::Receiver<Command>,
}

/// A unit whose token was rotated and that wants something else than the commit.
struct Onward {
    row: RotationRow,
    entry: Entry,
}

/// What the units wanted once they knew the outcome.
#[derive(Default)]
struct Arrivals {
    /// Rotated and to be committed.
    committing: Vec<(RotationRow, Vec<sea_orm::Statement>, Reply<()>)>,
    /// Rotated and going on.
    onward: Vec<Onward>,
    /// Not rotated and going on: nothing of theirs has to be repeated.
    fresh: Vec<Entry>,
    /// How many were rotated and then given up.
    lost: usize,
}

impl Batch {
    /// The turn of all `passengers`, whose sessions are different ones.
    pub(super) async fn fly(&mut self, passengers: Vec<Passenger>, stall: Duration) -> Result<(), Broken> {
        let rows: Vec<_> = passengers.iter().map(|passenger| passenger.row.clone()).collect();
        let mut rotated = match self.rotate_all(&rows).await {
            Ok(rotated) => rotated,
            Err(error) => {
                for passenger in passengers {
                    let _gone = passenger.reply.send(Err(error.clone()));
                }
                return self.roll_back_unit().await;
            }
        };
        let mut flying = Vec::with_capacity(passengers.len());
        for Passenger { row, reply, rest } in passengers {
            let found = rotated.remove(&row.session);
            let changed = found.is_some();
            // Who does not wait for the answer has dropped its end of `rest` too.
            let _gone = reply.send(Ok(found));
            flying.push((row, rest, changed));
        }
        let arrivals = arrivals(flying, stall).await;
        self.land(arrivals, stall).await
    }

    async fn land(&mut self, arrivals: Arrivals, stall: Duration) -> Result<(), Broken> {
        let Arrivals { committing, onward, fresh, lost } = arrivals;
        if lost > 0 || !onward.is_empty() {
            self.roll_back_unit().await?;
            let rows: Vec<_> = committing.iter().map(|(row, ..)| row.clone()).collect();
            self.repeat(&rows).await?;
        }
        let mut replies = Vec::with_capacity(committing.len());
        let mut outcome = Ok(());
        for (_, statements, reply) in committing {
            replies.push(reply);
            for statement in statements {
                if outcome.is_ok() {
                    outcome = self.execute(statement).await.map(drop);
                }
            }
        }
        match outcome {
            Ok(()) if replies.is_empty() => self.roll_back_unit().await?,
            Ok(()) => self.done(replies),
            Err(error) => {
                for reply in replies {
                    let _gone = reply.send(Err(error.clone()));
                }
                self.roll_back_unit().await?;
            }
        }
        for Onward { row, entry } in onward {
            self.repeat(&[row]).await?;
            self.serve(entry, stall).await?;
        }
        for entry in fresh {
            self.serve(entry, stall).await?;
        }
        Ok(())
    }

    /// Does again what succeeded before, with nothing in between that could change the outcome.
    async fn repeat(&mut self, rows: &[RotationRow]) -> Result<(), Broken> {
        if rows.is_empty() {
            return Ok(());
        }
        let rotated = self.rotate_all(rows).await.map_err(Broken)?;
        if rotated.len() == rows.len() {
            return Ok(());
        }
        let why = "a refresh token was not the live one when its use was repeated";
        Err(Broken(DbErr::Exec(RuntimeErr::Internal(why.to_owned()))))
    }

    async fn rotate_all(&mut self, rows: &[RotationRow]) -> Result<HashMap<Uuid, QueryResult>, DbErr> {
        let statement = self.behind_savepoint(many(rows));
        let rows = self.transaction.query_all_raw(statement).await?;
        let id = |row: QueryResult| Ok((row.try_get::<Uuid>("", "id")?, row));
        rows.into_iter().map(id).collect()
    }

    /// These wait for the COMMIT.
    fn done(&mut self, replies: Vec<Reply<()>>) {
        self.waiting.extend(replies);
        self.savepoint = Savepoint::Done;
    }
}

async fn arrivals(flying: Vec<(RotationRow, mpsc::Receiver<Command>, bool)>, stall: Duration) -> Arrivals {
    let mut arrivals = Arrivals::default();
    let deadline = Instant::now() + stall;
    for (row, mut rest, changed) in flying {
        match timeout_at(deadline, rest.recv()).await {
            Ok(Some(Command::Commit(statements, reply))) if changed => {
                arrivals.committing.push((row, statements, reply));
            }
            Ok(Some(first)) if changed => arrivals.onward.push(Onward { row, entry: Entry { first, rest } }),
            Ok(Some(first)) => arrivals.fresh.push(Entry { first, rest }),
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
