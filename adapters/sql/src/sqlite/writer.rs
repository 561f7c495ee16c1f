//! The one writer of a SQLite database.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DbErr, RuntimeErr, SqlxSqliteConnector};
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use super::batch::{Batch, Broken};
use super::open::Opener;
use super::{Borrowed, Control};
use crate::error::is_busy;
use crate::turn::{Entry, MOST, Passenger};

/// Owns the connection that writes; runs until it is told to close or nobody can ask any more.
pub(super) struct Writer {
    opener: Opener,
    /// A pool of one: it can be lent to those who want a pool.
    pool: SqlitePool,
    /// The one, kept from turn to turn: each time it went back it would be asked whether it still lives.
    held: Option<PoolConnection<Sqlite>>,
    queue: mpsc::Receiver<Entry>,
    /// Taken from the queue while others were gathered, and not one of them.
    next: Option<Entry>,
    control: mpsc::Receiver<Control>,
    stall: Duration,
}

impl Writer {
    pub(super) const fn new(
        opener: Opener,
        pool: SqlitePool,
        queue: mpsc::Receiver<Entry>,
        control: mpsc::Receiver<Control>,
        stall: Duration,
    ) -> Self {
        Self { opener, pool, held: None, queue, next: None, control, stall }
    }

    pub(super) async fn run(mut self) {
        loop {
            let entry = match self.next.take() {
                Some(entry) => entry,
                None => tokio::select! {
                    biased;
                    control = self.control.recv() => match control {
                        Some(Control::Lend(to)) => {
                            self.lend(to).await;
                            continue;
                        }
                        Some(Control::Close(done)) => return self.close(Some(done)).await,
                        None => return self.close(None).await,
                    },
                    entry = self.queue.recv() => match entry {
                        Some(entry) => entry,
                        None => return self.close(None).await,
                    },
                },
            };
            self.batch(entry).await;
        }
    }

    /// One transaction for all who wait.
    async fn batch(&mut self, first: Entry) {
        let mut connection = match self.held.take() {
            Some(connection) => connection,
            None => match self.pool.acquire().await {
                Ok(connection) => connection,
                Err(error) => {
                    let error = DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)));
                    self.recover(&error).await;
                    return first.first.refuse(error);
                }
            },
        };
        let outcome = self.serve(&mut connection, first).await;
        self.held = Some(connection);
        if let Err(error) = outcome {
            self.recover(&error).await;
        }
    }

    async fn serve(&mut self, connection: &mut PoolConnection<Sqlite>, first: Entry) -> Result<(), DbErr> {
        let mut batch = Batch::new(connection);
        let mut next = Some(first);
        while let Some(entry) = next {
            if let Err(Broken(error)) = self.turn(&mut batch, entry).await {
                batch.fail(&error).await;
                return Err(error);
            }
            if batch.is_full() {
                break;
            }
            next = self.waiting();
        }
        batch.commit().await
    }

    /// Who waits, if anybody.
    fn waiting(&mut self) -> Option<Entry> {
        self.next.take().or_else(|| self.queue.try_recv().ok())
    }

    /// The turn of one unit, or of all those waiting that use refresh tokens of different sessions.
    async fn turn(&mut self, batch: &mut Batch<'_>, entry: Entry) -> Result<(), Broken> {
        let mut passengers: Vec<Passenger> = Vec::new();
        let mut next = Some(entry);
        while let Some(entry) = next {
            match Passenger::try_from(entry) {
                Ok(passenger) if passenger.reply.is_closed() => {}
                Ok(passenger) if passengers.iter().all(|other| other.row.session != passenger.row.session) => {
                    passengers.push(passenger);
                }
                Ok(passenger) => {
                    self.next = Some(passenger.into_entry());
                    break;
                }
                Err(entry) if passengers.is_empty() => return batch.serve(entry, self.stall, &self.queue).await,
                Err(entry) => {
                    self.next = Some(entry);
                    break;
                }
            }
            if passengers.len() == MOST {
                break;
            }
            next = self.waiting();
        }
        if passengers.is_empty() { Ok(()) } else { batch.fly(passengers, self.stall, &self.queue).await }
    }

    /// After a failure of the transaction itself the connection's state is unknown: a new one takes its place. A
    /// database in memory lives in its connection and has no such failures.
    async fn recover(&mut self, error: &DbErr) {
        if is_busy(error) || matches!(self.opener, Opener::Memory) {
            return;
        }
        tracing::error!(%error, "the database file could not be written; its connection is opened anew");
        self.held = None;
        self.pool.close().await;
        match self.opener.writer().await {
            Ok(pool) => self.pool = pool,
            // The next batch fails on the closed connection, and tries again.
            Err(error) => tracing::error!(%error, "the database file could not be opened again"),
        }
    }

    async fn lend(&mut self, to: oneshot::Sender<Borrowed>) {
        self.held = None;
        let (back, mut returned) = mpsc::channel(1);
        let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(self.pool.clone());
        if to.send(Borrowed { connection, _back: back }).is_ok() {
            // Ends when the other end is dropped: nothing is ever sent.
            let _returned = returned.recv().await;
        }
    }

    async fn close(mut self, done: Option<oneshot::Sender<()>>) {
        self.queue.close();
        self.held = None;
        if let Err(error) = self.opener.checkpoint(&self.pool).await {
            tracing::warn!(%error, "the log could not be written back into the database file; the next start does it");
        }
        self.pool.close().await;
        if let Some(done) = done {
            let _gone = done.send(());
        }
    }
}
