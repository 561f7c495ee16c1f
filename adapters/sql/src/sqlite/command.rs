//! What units of work ask of the writer.

use sea_orm::{DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::{mpsc, oneshot};

use super::Borrowed;
use crate::rotate::RotationRow;

/// Where the answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, DbErr>>;

/// What the writer is asked for between two turns.
pub(super) enum Request {
    /// A turn at writing.
    Turn(Entry),
    /// The connection itself.
    Lend(oneshot::Sender<Borrowed>),
    /// The end.
    Close(oneshot::Sender<()>),
}

/// A unit of work that wants its turn.
pub(super) struct Entry {
    /// What it wants first.
    pub(super) first: Command,
    /// What it wants then; closed when it is given up.
    pub(super) rest: mpsc::Receiver<Command>,
}

/// What a unit of work asks for in its turn.
pub(super) enum Command {
    /// To change something.
    Execute(Statement, Reply<ExecResult>),
    /// To use a refresh token; as a unit's first wish it may be granted to several units at once.
    Rotate(RotationRow, Reply<Option<QueryResult>>),
    /// To read, or change and read, a row.
    One(Statement, Reply<Option<QueryResult>>),
    /// To read, or change and read, rows.
    All(Statement, Reply<Vec<QueryResult>>),
    /// To run the statements and make all of it true; answered after the COMMIT.
    Commit(Vec<Statement>, Reply<()>),
}

impl Command {
    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            Self::Execute(_, reply) => reply.is_closed(),
            Self::Rotate(_, reply) => reply.is_closed(),
            Self::One(_, reply) => reply.is_closed(),
            Self::All(_, reply) => reply.is_closed(),
            Self::Commit(_, reply) => reply.is_closed(),
        }
    }

    /// Answers that it cannot be done. Whoever does not wait any more need not know.
    pub(super) fn refuse(self, error: DbErr) {
        match self {
            Self::Execute(_, reply) => drop(reply.send(Err(error))),
            Self::Rotate(_, reply) => drop(reply.send(Err(error))),
            Self::One(_, reply) => drop(reply.send(Err(error))),
            Self::All(_, reply) => drop(reply.send(Err(error))),
            Self::Commit(_, reply) => drop(reply.send(Err(error))),
        }
    }
}
