//! SQLite: several readers, one writer that commits for many.

mod batch;
mod flight;
mod lane;
mod open;
mod readers;
mod transaction;
mod writer;

use sea_orm::DatabaseConnection;
use tokio::sync::{mpsc, oneshot};

pub(crate) use open::{open_file, open_memory};
pub(crate) use readers::Readers;

use crate::turn::Turns;

/// An open SQLite database.
pub(crate) struct Sqlite {
    /// `None` for a database in memory: its one connection belongs to the writer.
    readers: Option<Readers>,
    turns: Turns,
    control: mpsc::Sender<Control>,
}

/// What the writer is asked for between two batches.
enum Control {
    /// The connection itself.
    Lend(oneshot::Sender<Borrowed>),
    /// The end.
    Close(oneshot::Sender<()>),
}

impl Sqlite {
    /// The readers, unless the database is in memory.
    pub(crate) const fn readers(&self) -> Option<&Readers> {
        self.readers.as_ref()
    }

    /// Turns at writing.
    pub(crate) const fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The writer's connection, borrowed between two batches; nobody else writes until it is given back.
    pub(crate) async fn borrow_writer(&self) -> Option<Borrowed> {
        let (lend, borrowed) = oneshot::channel();
        self.control.send(Control::Lend(lend)).await.ok()?;
        borrowed.await.ok()
    }

    /// Waits for the open batch, writes the log back into the file and closes it.
    pub(crate) async fn close(&self) {
        if let Some(readers) = &self.readers
            && let Err(error) = readers.close().await
        {
            tracing::warn!(%error, "the readers did not close in order");
        }
        let (closed, done) = oneshot::channel();
        if self.control.send(Control::Close(closed)).await.is_ok() {
            // An error means that the writer has gone already.
            let _gone = done.await;
        }
    }
}

/// The writer's connection, until it is dropped.
pub(crate) struct Borrowed {
    /// The connection.
    pub(crate) connection: DatabaseConnection,
    /// Dropping it wakes the writer.
    _back: mpsc::Sender<()>,
}
