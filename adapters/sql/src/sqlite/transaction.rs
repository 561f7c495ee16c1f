//! A transaction of the writer: what opens it, and the savepoint of the unit whose turn it is.

use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sqlx::SqliteConnection;

use super::lane;
use crate::error::is_busy;

/// One transaction after the other on one connection. The words that open and end it go with the units' own statements,
/// so that a unit that is alone costs no trip more than it has questions.
pub(super) struct Transaction<'a> {
    connection: &'a mut SqliteConnection,
    state: State,
    savepoint: Savepoint,
}

/// The state of the transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is none.
    None,
    /// The text that should have opened it failed, at its first word or at a later one.
    Failed {
        /// Another process has the file: there is no transaction.
        busy: bool,
    },
    /// It is open.
    Open,
}

/// What is at the top of the transaction's stack of savepoints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Savepoint {
    /// None: all that was done is the work of the unit whose turn it is, the first one.
    Absent,
    /// None: all that was done is the work of the first unit, which waits for the COMMIT.
    Due,
    /// A savepoint with nothing after it, free for the next unit.
    Free,
    /// A savepoint with the work of the unit whose turn it is.
    Taken,
    /// A savepoint with the work of a unit that waits for the COMMIT.
    Done,
}

/// How a transaction begins.
#[derive(Clone, Copy)]
struct Beginning(&'static str, Savepoint);

/// The first unit needs no savepoint: when it is given up, so is the transaction.
const PLAIN: Beginning = Beginning("BEGIN IMMEDIATE; ", Savepoint::Absent);
/// What may be undone in part and repeated must not let another process in between.
const WITH_SAVEPOINT: Beginning = Beginning("BEGIN IMMEDIATE; SAVEPOINT unit; ", Savepoint::Taken);

impl<'a> Transaction<'a> {
    /// None is open yet.
    pub(super) const fn new(connection: &'a mut SqliteConnection) -> Self {
        Self { connection, state: State::None, savepoint: Savepoint::Absent }
    }

    /// Whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.state == State::None
    }

    /// A COMMIT that went with a unit's statements has succeeded.
    pub(super) const fn ended(&mut self) {
        (self.state, self.savepoint) = (State::None, Savepoint::Absent);
    }

    /// Ends it with these words.
    pub(super) async fn end(&mut self, words: &str) -> Result<(), DbErr> {
        let outcome = self.send(words).await;
        if outcome.is_err() {
            // It may be open still. An error means that SQLite has rolled back by itself.
            let _closed = self.send("ROLLBACK").await;
        }
        self.ended();
        outcome
    }

    /// The work of the unit whose turn it was stays.
    pub(super) const fn settle(&mut self) {
        self.savepoint = match self.savepoint {
            Savepoint::Absent => Savepoint::Due,
            Savepoint::Taken => Savepoint::Done,
            other => other,
        };
    }

    /// Changes something.
    pub(super) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = self.opening(statement, PLAIN);
        let outcome = lane::execute(self.connection, statement).await;
        self.judge(outcome, PLAIN)
    }

    /// Reads, or changes and reads, a row.
    pub(super) async fn query_one(&mut self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = self.opening(statement, PLAIN);
        let outcome = lane::query_one(self.connection, statement).await;
        self.judge(outcome, PLAIN)
    }

    /// Reads, or changes and reads, rows.
    pub(super) async fn query_all(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = self.opening(statement, PLAIN);
        let outcome = lane::query_all(self.connection, statement).await;
        self.judge(outcome, PLAIN)
    }

    /// Rows of a statement that can be undone and repeated.
    pub(super) async fn query_all_repeatably(&mut self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = self.opening(statement, WITH_SAVEPOINT);
        let outcome = lane::query_all(self.connection, statement).await;
        self.judge(outcome, WITH_SAVEPOINT)
    }

    /// Puts before it what opens the transaction, or a savepoint for the unit.
    fn opening(&self, mut statement: Statement, beginning: Beginning) -> Statement {
        let words = match (self.state, self.savepoint) {
            (State::None | State::Failed { .. }, _) => beginning.0,
            (State::Open, Savepoint::Absent | Savepoint::Free | Savepoint::Taken) => "",
            (State::Open, Savepoint::Due) => "SAVEPOINT unit; ",
            (State::Open, Savepoint::Done) => "RELEASE unit; SAVEPOINT unit; ",
        };
        if !words.is_empty() {
            statement.sql.insert_str(0, words);
        }
        statement
    }

    fn judge<T>(&mut self, outcome: Result<T, DbErr>, beginning: Beginning) -> Result<T, DbErr> {
        self.savepoint = match (self.state, self.savepoint) {
            (State::None | State::Failed { .. }, _) => beginning.1,
            (State::Open, Savepoint::Absent) => Savepoint::Absent,
            (State::Open, _) => Savepoint::Taken,
        };
        self.state = match (self.state, &outcome) {
            (State::Open, _) | (_, Ok(_)) => State::Open,
            (_, Err(error)) => State::Failed { busy: is_busy(error) },
        };
        outcome
    }

    /// Undoes the work of the unit whose turn it is. When that cannot be done, SQLite has rolled back everything by
    /// itself (a full disk, an I/O error).
    pub(super) async fn roll_back_unit(&mut self) -> Result<(), DbErr> {
        match (self.state, self.savepoint) {
            (State::Failed { busy }, _) => {
                // The unit was the first one: nobody else's work is in it. Without a transaction this is an error.
                let undone = self.roll_back().await;
                if busy { Ok(()) } else { undone }
            }
            (State::Open, Savepoint::Absent) => self.roll_back().await,
            (State::Open, Savepoint::Taken) => {
                self.send("ROLLBACK TO unit").await?;
                self.savepoint = Savepoint::Free;
                Ok(())
            }
            (State::None, _) | (State::Open, Savepoint::Due | Savepoint::Free | Savepoint::Done) => Ok(()),
        }
    }

    async fn roll_back(&mut self) -> Result<(), DbErr> {
        (self.state, self.savepoint) = (State::None, Savepoint::Absent);
        self.send("ROLLBACK").await
    }

    /// Sends words that concern the transaction as a whole.
    async fn send(&mut self, words: &str) -> Result<(), DbErr> {
        lane::execute(self.connection, written(words)).await.map(drop)
    }
}

/// Words without parameters.
pub(super) fn written(words: &str) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, words, [])
}
