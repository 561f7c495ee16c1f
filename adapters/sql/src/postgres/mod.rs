//! PostgreSQL: a pool of connections, flights for what runs most, and an ear for other replicas.

mod alone;
mod flight;
pub(crate) mod listen;

use std::time::Duration;

use listen::Ear;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, SqlxPostgresConnector,
};
use sea_orm::{Statement, TransactionTrait};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::mpsc;

use crate::connect::ConnectError;
use crate::error::is_lost;
use crate::settings::SqlSettings;
use crate::turn::Turns;

/// A connection that was idle for so long is asked whether it still lives before it is used.
const IDLE_PING: Duration = Duration::from_secs(1);

/// How many uses of refresh tokens may wait before the next one waits for a place in the queue.
const QUEUE: usize = 1024;
/// How long one statement may run.
const STATEMENT_TIMEOUT: &str = "10s";
/// How long it may wait for a lock.
const LOCK_TIMEOUT: &str = "5s";

/// A pool of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    connection: DatabaseConnection,
    /// After a restart of the server every pooled connection may be dead: so many tries until a fresh one.
    tries: u32,
}

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    pool: Pool,
    turns: Turns,
    ear: Ear,
}

/// Makes the first connection; the others come when they are needed.
pub(crate) async fn connect(
    options: PgConnectOptions,
    address: &str,
    settings: SqlSettings,
) -> Result<Postgres, ConnectError> {
    // Later than the store's own: it tells the unit why.
    let stall = settings.stall_timeout.as_millis().saturating_mul(2).clamp(1, 86_400_000).to_string();
    let options = options.disable_statement_logging().application_name("portcullis").options([
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", stall.as_str()),
        ("default_transaction_isolation", "read committed"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .acquire_timeout(settings.acquire_timeout)
        .max_lifetime(Duration::from_secs(3600))
        .idle_timeout(Duration::from_secs(300))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= IDLE_PING {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options.clone());
    if let Err(error) = pool.acquire().await {
        return Err(explain(&options, address, settings, error).await);
    }
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let pool = Pool { connection, tries: settings.max_connections.max(1) + 1 };
    let (queue, entries) = mpsc::channel(QUEUE);
    tokio::spawn(flight::dispatch(pool.clone(), entries, settings.stall_timeout));
    let turns = Turns::new(queue, settings.acquire_timeout, DbBackend::Postgres);
    Ok(Postgres { pool, turns, ear: Ear::new(options.application_name("portcullis listener")) })
}

/// The pool waits for a server that does not answer and then forgets why: one connection of its own tells.
async fn explain(options: &PgConnectOptions, address: &str, settings: SqlSettings, error: sqlx::Error) -> ConnectError {
    let cause = match error {
        sqlx::Error::PoolTimedOut => match tokio::time::timeout(settings.acquire_timeout, options.connect()).await {
            Ok(Err(cause)) => cause,
            Ok(Ok(_)) | Err(_) => error,
        },
        other => other,
    };
    ConnectError::server(address, &cause)
}

impl Postgres {
    /// The connections.
    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Turns that begin with the use of a refresh token.
    pub(crate) const fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Word from other replicas.
    pub(crate) const fn ear(&self) -> &Ear {
        &self.ear
    }
}

impl Pool {
    /// The connections as SeaORM has them.
    pub(crate) const fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let mut tries = self.tries;
        loop {
            tries -= 1;
            match self.connection.begin().await {
                Err(error) if tries > 0 && is_lost(&error) => {}
                outcome => return outcome,
            }
        }
    }

    /// Reads a row.
    pub(crate) async fn query_one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut tries = self.tries;
        loop {
            tries -= 1;
            match self.connection.query_one_raw(statement.clone()).await {
                Err(error) if tries > 0 && is_lost(&error) => {}
                outcome => return outcome,
            }
        }
    }

    /// Reads rows.
    pub(crate) async fn query_all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut tries = self.tries;
        loop {
            tries -= 1;
            match self.connection.query_all_raw(statement.clone()).await {
                Err(error) if tries > 0 && is_lost(&error) => {}
                outcome => return outcome,
            }
        }
    }
}

/// Runs the last statements of a transaction and commits it.
pub(crate) async fn commit(transaction: DatabaseTransaction, last: Vec<Statement>) -> Result<(), DbErr> {
    for statement in last {
        transaction.execute_raw(statement).await?;
    }
    transaction.commit().await
}
