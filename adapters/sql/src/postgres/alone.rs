//! A unit of work that began with the use of a refresh token and has a transaction of its own.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use tokio::sync::mpsc;

use super::{Pool, commit};
use crate::rotate::RotationRow;
use crate::turn::{Command, Entry};

/// Serves a unit to its end. `repeat` is what it did before in another transaction that was rolled back: when that
/// does not succeed again, somebody was faster and the unit fails with a conflict.
pub(super) async fn serve(pool: Pool, entry: Entry, repeat: Option<RotationRow>, stall: Duration) {
    let Some((command, rest)) = entry.take_up() else { return };
    match begin(&pool, repeat).await {
        Ok(transaction) => converse(transaction, command, rest, stall).await,
        Err(error) => command.refuse(error),
    }
}

/// Serves a unit to its end in the transaction that it began in and has for itself now.
pub(super) async fn serve_on(transaction: DatabaseTransaction, entry: Entry, stall: Duration) {
    if let Some((command, rest)) = entry.take_up() {
        converse(transaction, command, rest, stall).await;
    }
}

async fn converse(
    transaction: DatabaseTransaction,
    mut command: Command,
    mut rest: mpsc::Receiver<Command>,
    stall: Duration,
) {
    loop {
        let goes_on = match command {
            Command::Commit(statements, reply) => {
                // A unit that does not wait for the answer is committed all the same.
                let _gone = reply.send(commit(transaction, statements).await);
                return;
            }
            Command::Last(statement, reply) => {
                let outcome = match transaction.query_all_raw(statement).await {
                    Ok(rows) => transaction.commit().await.map(|()| rows),
                    Err(error) => Err(error),
                };
                let _gone = reply.send(outcome);
                return;
            }
            Command::Execute(statement, reply) => {
                let outcome = transaction.execute_raw(statement).await;
                let fine = outcome.is_ok();
                reply.send(outcome).is_ok() && fine
            }
            Command::Rotate(row, reply) => {
                let outcome = transaction.query_one_raw(row.statement(DbBackend::Postgres)).await;
                let fine = outcome.is_ok();
                reply.send(outcome).is_ok() && fine
            }
            Command::One(statement, reply) => {
                let outcome = transaction.query_one_raw(statement).await;
                let fine = outcome.is_ok();
                reply.send(outcome).is_ok() && fine
            }
            Command::All(statement, reply) => {
                let outcome = transaction.query_all_raw(statement).await;
                let fine = outcome.is_ok();
                reply.send(outcome).is_ok() && fine
            }
        };
        // The transaction is rolled back when it is dropped.
        if !goes_on {
            return;
        }
        command = match tokio::time::timeout(stall, rest.recv()).await {
            Ok(Some(next)) => next,
            Ok(None) => return,
            Err(_) => {
                tracing::warn!("a unit of work did nothing for too long and is rolled back");
                return;
            }
        };
    }
}

async fn begin(pool: &Pool, repeat: Option<RotationRow>) -> Result<DatabaseTransaction, DbErr> {
    let transaction = pool.begin().await?;
    if let Some(row) = repeat
        && transaction.query_one_raw(row.statement(DbBackend::Postgres)).await?.is_none()
    {
        return Err(DbErr::RecordNotUpdated);
    }
    Ok(transaction)
}
