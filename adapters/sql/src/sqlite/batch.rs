//! A transaction of the writer, in which many units of work take their turn.

use std::time::{Duration, Instant};

use sea_orm::{DbBackend, DbErr, QueryResult, Statement, Value};
use sqlx::SqliteConnection;
use tokio::sync::mpsc;

use super::transaction::{Transaction, written};
use crate::turn::{Command, Entry, Reply};

/// A batch is committed after so many units, even when more are waiting.
const MOST_UNITS: usize = 256;
/// A batch is committed after so long, even when more are waiting.
const LONGEST: Duration = Duration::from_millis(20);

/// The transaction itself is lost, and with it the work of every unit in it.
pub(super) struct Broken(pub(super) DbErr);

/// The units that take their turns, and those that wait for the COMMIT.
pub(super) struct Batch<'a> {
    pub(super) transaction: Transaction<'a>,
    opened: Instant,
    /// Those who wait for the COMMIT.
    waiting: Vec<Answer>,
}

/// What a unit that waits for the COMMIT is told after it.
pub(super) enum Answer {
    /// That it is done.
    Done(Reply<()>),
    /// What its last statement found.
    Found(Vec<QueryResult>, Reply<Vec<QueryResult>>),
}

impl Answer {
    /// Tells it. A unit that does not wait for the answer is committed all the same.
    fn send(self, outcome: Result<(), DbErr>) {
        match self {
            Self::Done(reply) => drop(reply.send(outcome)),
            Self::Found(rows, reply) => drop(reply.send(outcome.map(|()| rows))),
        }
    }
}

impl<'a> Batch<'a> {
    pub(super) fn new(connection: &'a mut SqliteConnection) -> Self {
        Self { transaction: Transaction::new(connection), opened: Instant::now(), waiting: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_UNITS || self.opened.elapsed() > LONGEST
    }

    /// A unit's turn: until it asks for the COMMIT, fails, is given up, or does nothing for `stall`. `others` are those
    /// who want a turn after it.
    pub(super) async fn serve(
        &mut self,
        entry: Entry,
        stall: Duration,
        others: &mpsc::Receiver<Entry>,
    ) -> Result<(), Broken> {
        let Some((mut command, mut rest)) = entry.take_up() else { return self.roll_back_unit().await };
        loop {
            let goes_on = match command {
                Command::Execute(statement, reply) => answer(self.transaction.execute(statement).await, reply),
                Command::Rotate(row, reply) => {
                    answer(self.transaction.query_one(row.statement(DbBackend::Sqlite)).await, reply)
                }
                Command::One(statement, reply) => answer(self.transaction.query_one(statement).await, reply),
                Command::All(statement, reply) => answer(self.transaction.query_all(statement).await, reply),
                Command::Last(statement, reply) => return self.finish_reading(statement, reply, others).await,
                Command::Commit(statements, reply) => return self.finish_unit(statements, reply, others).await,
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
    pub(super) async fn commit(mut self) -> Result<(), DbErr> {
        if self.transaction.is_none() {
            // Units that did nothing have nothing to wait for.
            self.committed();
            return Ok(());
        }
        let words = if self.waiting.is_empty() { "ROLLBACK" } else { "COMMIT" };
        let outcome = self.transaction.end(words).await;
        for answer in self.waiting.drain(..) {
            answer.send(outcome.clone());
        }
        outcome
    }

    /// Tells all units that their work is lost.
    pub(super) async fn fail(mut self, error: &DbErr) {
        // An error means that SQLite has rolled back by itself.
        let _closed = self.transaction.end("ROLLBACK").await;
        for answer in self.waiting.drain(..) {
            answer.send(Err(error.clone()));
        }
    }

    /// Undoes the work of the unit whose turn it is.
    pub(super) async fn roll_back_unit(&mut self) -> Result<(), Broken> {
        self.transaction.roll_back_unit().await.map_err(Broken)
    }

    /// The last statements of a unit. When nobody else wants a turn they take the COMMIT along.
    async fn finish_unit(
        &mut self,
        statements: Vec<Statement>,
        reply: Reply<()>,
        others: &mpsc::Receiver<Entry>,
    ) -> Result<(), Broken> {
        let idle = self.transaction.is_none() && statements.is_empty();
        if idle {
            let _gone = reply.send(Ok(()));
            return Ok(());
        }
        let alone = others.is_empty();
        if alone || !statements.is_empty() {
            let last = alone.then(|| written("COMMIT"));
            if let Err(error) = self.transaction.query_all(joined(statements.into_iter().chain(last))).await {
                let _gone = reply.send(Err(error));
                return self.roll_back_unit().await;
            }
        }
        self.finished(Answer::Done(reply), alone);
        Ok(())
    }

    /// The same for a unit that wants to know what its last statement finds.
    async fn finish_reading(
        &mut self,
        statement: Statement,
        reply: Reply<Vec<QueryResult>>,
        others: &mpsc::Receiver<Entry>,
    ) -> Result<(), Broken> {
        let alone = others.is_empty();
        let last = alone.then(|| written("COMMIT"));
        match self.transaction.query_all(joined(std::iter::once(statement).chain(last))).await {
            Ok(rows) => self.finished(Answer::Found(rows, reply), alone),
            Err(error) => {
                let _gone = reply.send(Err(error));
                return self.roll_back_unit().await;
            }
        }
        Ok(())
    }

    fn finished(&mut self, answer: Answer, committed: bool) {
        self.waiting.push(answer);
        self.transaction.settle();
        if committed {
            self.committed();
        }
    }

    /// Tells all units that their work is true; the next one opens another transaction.
    fn committed(&mut self) {
        self.transaction.ended();
        self.opened = Instant::now();
        for answer in self.waiting.drain(..) {
            answer.send(Ok(()));
        }
    }

    /// These wait for the COMMIT.
    pub(super) fn done(&mut self, replies: Vec<Reply<()>>) {
        self.waiting.extend(replies.into_iter().map(Answer::Done));
        self.transaction.settle();
    }
}

/// Whether the unit goes on.
fn answer<T>(outcome: Result<T, DbErr>, reply: Reply<T>) -> bool {
    let fine = outcome.is_ok();
    reply.send(outcome).is_ok() && fine
}

/// Several statements, whose parameters have no numbers, in one text.
fn joined(statements: impl Iterator<Item = Statement>) -> Statement {
    let mut sql = String::new();
    let mut values: Vec<Value> = Vec::new();
    for statement in statements {
        if !sql.is_empty() {
            sql.push_str("; ");
        }
        sql.push_str(&statement.sql);
        values.extend(statement.values.into_iter().flat_map(|values| values.0));
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
