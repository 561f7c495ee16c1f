//! A transaction of the writer, in which many units of work take their turn.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, Statement};

use crate::turn::{Command, Entry, Reply};

/// A batch is committed after so many units, even when more are waiting.
const MOST_UNITS: usize = 256;
/// A batch is committed after so long, even when more are waiting.
const LONGEST: Duration = Duration::from_millis(20);

/// Changes nothing, and says so: SQLite would else count the rows of an earlier statement for each savepoint too.
const COUNT_FROM_ZERO: &str = "DELETE FROM outbox WHERE 0; ";

/// The transaction itself is lost, and with it the work of every unit in it.
pub(super) struct Broken(pub(super) DbErr);

/// An open transaction.
pub(super) struct Batch {
    pub(super) transaction: DatabaseTransaction,
    opened: Instant,
    pub(super) savepoint: Savepoint,
    /// Those who wait for the COMMIT.
    pub(super) waiting: Vec<Reply<()>>,
}

/// What is at the top of the transaction's stack of savepoints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Savepoint {
    /// Nothing.
    None,
    /// A savepoint with nothing after it, free for the next unit.
    Free,
    /// A savepoint with the work of the unit whose turn it is.
    Taken,
    /// A savepoint with the work of a unit that waits for the COMMIT.
    Done,
}

impl Savepoint {
    /// What opens one for the next unit.
    const fn opening(self) -> &'static str {
        match self {
            Self::None => "SAVEPOINT unit; ",
            Self::Free | Self::Taken => "",
            Self::Done => "RELEASE unit; SAVEPOINT unit; ",
        }
    }
}

impl Batch {
    pub(super) const fn new(transaction: DatabaseTransaction, opened: Instant) -> Self {
        Self { transaction, opened, savepoint: Savepoint::None, waiting: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_UNITS || self.opened.elapsed() > LONGEST
    }

    /// A unit's turn: until it asks for the COMMIT, fails, is given up, or does nothing for `stall`.
    pub(super) async fn serve(&mut self, entry: Entry, stall: Duration) -> Result<(), Broken> {
        let Entry { first: mut command, mut rest } = entry;
        if command.is_abandoned() {
            return self.roll_back_unit().await;
        }
        loop {
            let goes_on = match command {
                Command::Execute(statement, reply) => {
                    let outcome = self.execute(statement).await;
                    let fine = outcome.is_ok();
                    reply.send(outcome).is_ok() && fine
                }
                Command::Rotate(row, reply) => {
                    let statement = self.behind_savepoint(row.statement(DbBackend::Sqlite));
                    let outcome = self.transaction.query_one_raw(statement).await;
                    let fine = outcome.is_ok();
                    reply.send(outcome).is_ok() && fine
                }
                Command::One(statement, reply) => {
                    let statement = self.behind_savepoint(statement);
                    let outcome = self.transaction.query_one_raw(statement).await;
                    let fine = outcome.is_ok();
                    reply.send(outcome).is_ok() && fine
                }
                Command::All(statement, reply) => {
                    let statement = self.behind_savepoint(statement);
                    let outcome = self.transaction.query_all_raw(statement).await;
                    let fine = outcome.is_ok();
                    reply.send(outcome).is_ok() && fine
                }
                Command::Commit(statements, reply) => return self.finish_unit(statements, reply).await,
            };
            if !goes_on {
                return self.roll_back_unit().await;
            }
            command = match tokio::time::timeout(stall, rest.recv()).await {
                Ok(Some(command)) => command,
                Ok(None) => return self.roll_back_unit().await,
                Err(_) => {
                    tracing::warn!("a unit of work held up the others and is rolled back");
                    rest.close();
                    return self.roll_back_unit().await;
                }
            };
        }
    }

    /// Makes the work of all units true, and tells them.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        if self.waiting.is_empty() {
            return self.transaction.rollback().await;
        }
        let outcome = self.transaction.commit().await;
        for reply in self.waiting {
            // A unit that does not wait for the answer is committed all the same.
            let _gone = reply.send(outcome.clone());
        }
        outcome
    }

    /// Tells all units that their work is lost.
    pub(super) fn fail(self, error: &DbErr) {
        for reply in self.waiting {
            let _gone = reply.send(Err(error.clone()));
        }
    }

    async fn finish_unit(&mut self, statements: Vec<Statement>, reply: Reply<()>) -> Result<(), Broken> {
        for statement in statements {
            if let Err(error) = self.execute(statement).await {
                let _gone = reply.send(Err(error));
                return self.roll_back_unit().await;
            }
        }
        self.savepoint = Savepoint::Done;
        self.waiting.push(reply);
        Ok(())
    }

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = self.behind_savepoint(statement);
        self.transaction.execute_raw(statement).await
    }

    /// Both in one trip to the connection's thread.
    pub(super) fn behind_savepoint(&mut self, mut statement: Statement) -> Statement {
        let opening = self.savepoint.opening();
        if !opening.is_empty() {
            statement.sql = format!("{COUNT_FROM_ZERO}{opening}{}", statement.sql);
        }
        self.savepoint = Savepoint::Taken;
        statement
    }

    /// Undoes the work of the unit whose turn it is. When that cannot be done, SQLite has rolled back everything by
    /// itself (a full disk, an I/O error).
    pub(super) async fn roll_back_unit(&mut self) -> Result<(), Broken> {
        if self.savepoint != Savepoint::Taken {
            return Ok(());
        }
        let undo = Statement::from_sql_and_values(DbBackend::Sqlite, "ROLLBACK TO unit", []);
        self.transaction.execute_raw(undo).await.map_err(Broken)?;
        self.savepoint = Savepoint::Free;
        Ok(())
    }
}
