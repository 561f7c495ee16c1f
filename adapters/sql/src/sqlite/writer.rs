//! The one writer of a SQLite database.

use std::time::{Duration, Instant};

use sea_orm::{DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::sync::{mpsc, oneshot};

use super::Borrowed;
use super::batch::{Batch, Broken};
use super::command::{Command, Entry, Request};
use super::flight::{MOST, Passenger};
use super::open::Opener;
use crate::error::is_busy;

/// Owns the connection that writes; runs until it is told to close or nobody can ask any more.
pub(super) struct Writer {
    opener: Opener,
    connection: DatabaseConnection,
    queue: mpsc::Receiver<Request>,
    stall: Duration,
}

impl Writer {
    pub(super) const fn new(
        opener: Opener,
        connection: DatabaseConnection,
        queue: mpsc::Receiver<Request>,
        stall: Duration,
    ) -> Self {
        Self { opener, connection, queue, stall }
    }

    pub(super) async fn run(mut self) {
        let mut next = self.queue.recv().await;
        while let Some(request) = next {
            let after = match request {
                Request::Turn(entry) => self.batch(entry).await,
                Request::Lend(to) => {
                    self.lend(to).await;
                    None
                }
                Request::Close(done) => return self.close(Some(done)).await,
            };
            next = match after {
                Some(request) => Some(request),
                None => self.queue.recv().await,
            };
        }
        self.close(None).await;
    }

    /// One transaction for all who wait; what came up that is not a turn is given back.
    async fn batch(&mut self, first: Entry) -> Option<Request> {
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = match self.connection.begin_with_options(immediate).await {
            Ok(transaction) => transaction,
            Err(error) => {
                self.recover(&error).await;
                first.first.refuse(error);
                return None;
            }
        };
        let mut batch = Batch::new(transaction, Instant::now());
        let mut next = Some(Request::Turn(first));
        let other = loop {
            let (served, after) = match next.take() {
                Some(Request::Turn(entry)) => self.turn(&mut batch, entry).await,
                other => break other,
            };
            if let Err(Broken(error)) = served {
                batch.fail(&error);
                self.recover(&error).await;
                return after;
            }
            if batch.is_full() {
                break after;
            }
            next = after.or_else(|| self.queue.try_recv().ok());
        };
        if let Err(error) = batch.commit().await {
            self.recover(&error).await;
        }
        other
    }

    /// The turn of one unit, or of all those waiting that use refresh tokens of different sessions; and what came up
    /// after them.
    async fn turn(&mut self, batch: &mut Batch, entry: Entry) -> (Result<(), Broken>, Option<Request>) {
        let mut passengers: Vec<Passenger> = Vec::new();
        let mut next = Some(Request::Turn(entry));
        let after = loop {
            match next.take() {
                Some(Request::Turn(Entry { first: Command::Rotate(row, reply), rest }))
                    if passengers.len() < MOST && passengers.iter().all(|other| other.row.session != row.session) =>
                {
                    if !reply.is_closed() {
                        passengers.push(Passenger { row, reply, rest });
                    }
                    next = self.queue.try_recv().ok();
                }
                Some(Request::Turn(entry)) if passengers.is_empty() => {
                    return (batch.serve(entry, self.stall).await, None);
                }
                other => break other,
            }
        };
        match passengers.len() {
            0 => (Ok(()), after),
            _ => (batch.fly(passengers, self.stall).await, after),
        }
    }

    /// After a failure of the transaction itself the connection's state is unknown: a new one takes its place. A
    /// database in memory lives in its connection and has no such failures.
    async fn recover(&mut self, error: &DbErr) {
        if is_busy(error) {
            return;
        }
        tracing::error!(%error, "the database file could not be written; its connection is opened anew");
        if let Err(error) = self.connection.close_by_ref().await {
            tracing::warn!(%error, "the old connection did not close in order");
        }
        match self.opener.writer().await {
            Ok(connection) => self.connection = connection,
            // The next batch fails on the closed connection, and tries again.
            Err(error) => tracing::error!(%error, "the database file could not be opened again"),
        }
    }

    async fn lend(&self, to: oneshot::Sender<Borrowed>) {
        let (back, mut returned) = mpsc::channel(1);
        if to.send(Borrowed { connection: self.connection.clone(), _back: back }).is_ok() {
            // Ends when the other end is dropped: nothing is ever sent.
            let _returned = returned.recv().await;
        }
    }

    async fn close(mut self, done: Option<oneshot::Sender<()>>) {
        self.queue.close();
        if let Err(error) = self.opener.checkpoint(&self.connection).await {
            tracing::warn!(%error, "the log could not be written back into the database file; the next start does it");
        }
        if let Err(error) = self.connection.close_by_ref().await {
            tracing::warn!(%error, "the database file did not close in order");
        }
        if let Some(done) = done {
            let _gone = done.send(());
        }
    }
}
