//! What units of work ask of whoever holds the transaction.

use sea_orm::{DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::{mpsc, oneshot};

use crate::rotate::RotationRow;

/// Where the answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, DbErr>>;

/// A unit of work that wants its turn.
pub(crate) struct Entry {
    /// What it wants first.
    pub(crate) first: Command,
    /// What it wants then; closed when it is given up.
    pub(crate) rest: mpsc::Receiver<Command>,
    /// Hears that the turn has come; `None` when that has been told.
    pub(crate) waiting: Option<oneshot::Sender<()>>,
}

impl Entry {
    /// A unit that has nothing left to do but this.
    pub(crate) fn committing(statements: Vec<Statement>, reply: Reply<()>) -> Self {
        // Nothing comes after a commit.
        let (_, rest) = mpsc::channel(1);
        Self { first: Command::Commit(statements, reply), rest, waiting: None }
    }

    /// The turn has come: from here on the unit waits for the answer, however long that takes. `None` when it has given
    /// up, and nothing is to be done.
    pub(crate) fn take_up(self) -> Option<(Command, mpsc::Receiver<Command>)> {
        let Self { first, rest, waiting } = self;
        let waits = waiting.is_none_or(|waiting| waiting.send(()).is_ok());
        (waits && !first.is_abandoned()).then_some((first, rest))
    }
}

/// What a unit of work asks for in its turn.
pub(crate) enum Command {
    /// To change something.
    Execute(Statement, Reply<ExecResult>),
    /// To use a refresh token; as a unit's first wish it may be granted to several units at once.
    Rotate(RotationRow, Reply<Option<QueryResult>>),
    /// To read, or change and read, a row.
    One(Statement, Reply<Option<QueryResult>>),
    /// To read, or change and read, rows.
    All(Statement, Reply<Vec<QueryResult>>),
    /// To read, or change and read, rows, and make all of it true; answered after the COMMIT.
    Last(Statement, Reply<Vec<QueryResult>>),
    /// To run the statements and make all of it true; answered after the COMMIT.
    Commit(Vec<Statement>, Reply<()>),
}

impl Command {
    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        match self {
            Self::Execute(_, reply) => reply.is_closed(),
            Self::Rotate(_, reply) => reply.is_closed(),
            Self::One(_, reply) => reply.is_closed(),
            Self::All(_, reply) | Self::Last(_, reply) => reply.is_closed(),
            Self::Commit(_, reply) => reply.is_closed(),
        }
    }

    /// Answers that it cannot be done. Whoever does not wait any more need not know.
    pub(crate) fn refuse(self, error: DbErr) {
        match self {
            Self::Execute(_, reply) => drop(reply.send(Err(error))),
            Self::Rotate(_, reply) => drop(reply.send(Err(error))),
            Self::One(_, reply) => drop(reply.send(Err(error))),
            Self::All(_, reply) | Self::Last(_, reply) => drop(reply.send(Err(error))),
            Self::Commit(_, reply) => drop(reply.send(Err(error))),
        }
    }
}
