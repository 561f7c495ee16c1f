//! Where a unit of work sends its statements.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult};
use sea_orm::{QueryResult, Statement};

use crate::error::at;
use crate::postgres::Pool;
use crate::rotate::RotationRow;
use crate::sqlite::Readers;
use crate::turn::{Turn, Turns};

/// A way to the database, on which SeaORM's queries run.
pub(crate) struct Link {
    kind: Kind,
    address: Arc<str>,
}

/// The ways.
pub(crate) enum Kind {
    /// PostgreSQL, each statement for itself.
    Pool(Pool),
    /// PostgreSQL, in a transaction.
    Transaction(DatabaseTransaction),
    /// SQLite, reading.
    Readers(Readers),
    /// SQLite in memory, reading: each statement takes a turn of its own, for there is one connection only.
    Turns(Turns),
    /// SQLite, writing; PostgreSQL, since the use of a refresh token.
    Turn(Turn),
}

impl Link {
    /// A way to the database at `address`.
    pub(crate) const fn new(kind: Kind, address: Arc<str>) -> Self {
        Self { kind, address }
    }

    /// The way itself, and where it leads.
    pub(crate) fn into_parts(self) -> (Kind, Arc<str>) {
        (self.kind, self.address)
    }

    /// Whether it has begun to write.
    pub(crate) const fn is_writing(&self) -> bool {
        matches!(self.kind, Kind::Transaction(_) | Kind::Turn(_))
    }

    /// Uses a refresh token; the row of its session when it was the live one.
    pub(crate) async fn rotate(&self, row: RotationRow) -> Result<Option<QueryResult>, DbErr> {
        match &self.kind {
            Kind::Turn(turn) => turn.rotate(row).await.map_err(|error| at(&self.address, error)),
            _ => self.query_one_raw(row.statement(self.get_database_backend())).await,
        }
    }

    /// A hand-written statement for this database.
    pub(crate) fn statement<const N: usize>(&self, sql: &str, values: [sea_orm::Value; N]) -> Statement {
        Statement::from_sql_and_values(self.get_database_backend(), sql, values)
    }
}

#[async_trait]
impl ConnectionTrait for Link {
    fn get_database_backend(&self) -> DbBackend {
        match &self.kind {
            Kind::Pool(_) | Kind::Transaction(_) => DbBackend::Postgres,
            Kind::Readers(_) | Kind::Turns(_) => DbBackend::Sqlite,
            Kind::Turn(turn) => turn.backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.kind {
            Kind::Pool(pool) => pool.connection().execute_raw(statement).await,
            Kind::Transaction(transaction) => transaction.execute_raw(statement).await,
            Kind::Readers(readers) => readers.execute(statement).await,
            Kind::Turns(turns) => turns.take().execute(statement).await,
            Kind::Turn(turn) => turn.execute(statement).await,
        }
        .map_err(|error| at(&self.address, error))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(self.statement(sql, [])).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.kind {
            Kind::Pool(pool) => pool.query_one(statement).await,
            Kind::Transaction(transaction) => transaction.query_one_raw(statement).await,
            Kind::Readers(readers) => readers.query_one(statement).await,
            Kind::Turns(turns) => turns.take().query_one(statement).await,
            Kind::Turn(turn) => turn.query_one(statement).await,
        }
        .map_err(|error| at(&self.address, error))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.kind {
            Kind::Pool(pool) => pool.query_all(statement).await,
            Kind::Transaction(transaction) => transaction.query_all_raw(statement).await,
            Kind::Readers(readers) => readers.query_all(statement).await,
            Kind::Turns(turns) => turns.take().query_all(statement).await,
            Kind::Turn(turn) => turn.query_all(statement).await,
        }
        .map_err(|error| at(&self.address, error))
    }
}
