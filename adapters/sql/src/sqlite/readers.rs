//! The connections that read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::lane;

/// How many read at once.
const READERS: u32 = 4;

/// Connections that read, opened when they are needed. A general pool would ask each one after each use whether it still
/// lives: a second trip to its thread for every look at the database.
#[derive(Clone)]
pub(crate) struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    options: SqliteConnectOptions,
    patience: Duration,
    places: Semaphore,
    /// The last one used is the next one: what it has in its cache is what is asked for now.
    idle: Mutex<Vec<SqliteConnection>>,
}

/// A connection, until it is dropped.
struct Reader<'a> {
    shared: &'a Shared,
    connection: Option<SqliteConnection>,
    _place: SemaphorePermit<'a>,
}

impl Readers {
    /// Readers of a database, each of which is waited for at most `patience`.
    pub(super) fn new(options: SqliteConnectOptions, patience: Duration) -> Self {
        let places = Semaphore::new(READERS as usize);
        Self { shared: Arc::new(Shared { options, patience, places, idle: Mutex::default() }) }
    }

    /// Changes nothing, for it may not.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut reader = self.reader().await?;
        let outcome = lane::execute(reader.connection().await?, statement).await;
        reader.judge(outcome)
    }

    /// Reads a row.
    pub(crate) async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut reader = self.reader().await?;
        let outcome = lane::query_one(reader.connection().await?, statement).await;
        reader.judge(outcome)
    }

    /// Reads rows.
    pub(crate) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut reader = self.reader().await?;
        let outcome = lane::query_all(reader.connection().await?, statement).await;
        reader.judge(outcome)
    }

    /// Waits for those who read and closes all of them.
    pub(super) async fn close(&self) -> Result<(), sqlx::Error> {
        // An error means that this has been done before.
        let all = self.shared.places.acquire_many(READERS).await;
        self.shared.places.close();
        drop(all);
        let idle = std::mem::take(&mut *self.shared.idle());
        for connection in idle {
            connection.close().await?;
        }
        Ok(())
    }

    async fn reader(&self) -> Result<Reader<'_>, DbErr> {
        let shared = &*self.shared;
        let place = tokio::time::timeout(shared.patience, shared.places.acquire()).await;
        let place = place.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        let place = place.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))?;
        let connection = shared.idle().pop();
        Ok(Reader { shared, connection, _place: place })
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    async fn connection(&mut self) -> Result<&mut SqliteConnection, DbErr> {
        let unopened = |error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shared.options.connect().await.map_err(unopened)?,
        };
        Ok(self.connection.insert(connection))
    }

    /// A connection that is lost is not used again.
    fn judge<T>(&mut self, outcome: Result<T, DbErr>) -> Result<T, DbErr> {
        if outcome.as_ref().is_err_and(crate::error::is_lost) {
            self.connection = None;
        }
        outcome
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // A look that was given up half-way runs to its end on the connection's thread, before the next one.
        if let Some(connection) = self.connection.take() {
            self.shared.idle().push(connection);
        }
    }
}
