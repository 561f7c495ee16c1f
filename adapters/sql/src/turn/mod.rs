//! Units of work that take their turn in a transaction that somebody else holds and may hold for several.
//!
//! On SQLite that is the one writer; on PostgreSQL uses of refresh tokens fly together. Here is the units' side of the
//! conversation: because the statements run elsewhere, a call that is given up half-way breaks nothing.

mod command;
mod passengers;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio::sync::{mpsc, oneshot};

pub(crate) use command::{Command, Entry, Reply};
pub(crate) use passengers::{Arrivals, MOST, Onward, Passenger, arrivals};

use crate::rotate::RotationRow;

/// Hands out turns at writing.
#[derive(Clone)]
pub(crate) struct Turns {
    queue: mpsc::Sender<Entry>,
    patience: Duration,
    backend: DbBackend,
}

impl Turns {
    /// Turns that are asked for through `queue` and waited for at most `patience`; what is done in them takes as long as it
    /// takes.
    pub(crate) const fn new(queue: mpsc::Sender<Entry>, patience: Duration, backend: DbBackend) -> Self {
        Self { queue, patience, backend }
    }

    /// A turn; it is waited for at the first statement.
    pub(crate) fn take(&self) -> Turn {
        let (commands, rest) = mpsc::channel(1);
        Turn { turns: self.clone(), commands, unstarted: Mutex::new(Some(rest)) }
    }
}

/// A turn at writing. Dropped without [`Turn::commit`], what it did is rolled back.
pub(crate) struct Turn {
    turns: Turns,
    commands: mpsc::Sender<Command>,
    /// The other end of `commands`, until the writer has it.
    unstarted: Mutex<Option<mpsc::Receiver<Command>>>,
}

impl Turn {
    /// The database.
    pub(crate) const fn backend(&self) -> DbBackend {
        self.turns.backend
    }

    /// Changes something.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.ask(|reply| Command::Execute(statement, reply)).await
    }

    /// Uses a refresh token; the session when it was the live one.
    pub(crate) async fn rotate(&self, row: RotationRow) -> Result<Option<QueryResult>, DbErr> {
        self.ask(|reply| Command::Rotate(row, reply)).await
    }

    /// Reads, or changes and reads, a row.
    pub(crate) async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.ask(|reply| Command::One(statement, reply)).await
    }

    /// Reads, or changes and reads, rows.
    pub(crate) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.ask(|reply| Command::All(statement, reply)).await
    }

    /// Reads, or changes and reads, rows, and makes all of it true; returns after the COMMIT.
    pub(crate) async fn query_last(self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.ask(|reply| Command::Last(statement, reply)).await
    }

    /// Runs the statements and makes all of it true; returns after the COMMIT, which is on the disk then.
    pub(crate) async fn commit(self, statements: Vec<Statement>) -> Result<(), DbErr> {
        self.ask(|reply| Command::Commit(statements, reply)).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, DbErr> {
        let (reply, answer) = oneshot::channel();
        let unstarted = self.unstarted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let answer = match unstarted {
            Some(rest) => {
                self.wait(command(reply), rest).await?;
                answer.await
            }
            None => {
                let stalled = |_| refusal("the unit of work held up the others and was rolled back");
                self.commands.send(command(reply)).await.map_err(stalled)?;
                answer.await
            }
        };
        answer.unwrap_or_else(|_| Err(refusal("the writer has gone")))
    }

    /// Waits until the turn has come, or whoever had to give it has gone.
    async fn wait(&self, first: Command, rest: mpsc::Receiver<Command>) -> Result<(), DbErr> {
        let (waiting, mut taken_up) = oneshot::channel();
        let entry = Entry { first, rest, waiting: Some(waiting) };
        let turn = async {
            self.turns.queue.send(entry).await.map_err(|_| refusal("the store is closed"))?;
            // An error means that the turn is refused: the answer says why.
            let _refused = (&mut taken_up).await;
            Ok(())
        };
        match tokio::time::timeout(self.turns.patience, turn).await {
            Ok(turn) => turn,
            Err(_) => {
                // From here on it cannot come any more; it may have come just now.
                taken_up.close();
                taken_up.try_recv().map_err(|_| refusal("too many are waiting to write"))
            }
        }
    }
}

fn refusal(why: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}
