//! What is sent through a connection. Each of these is one trip to the connection's thread, however many statements
//! the text has.

use std::sync::Arc;

use futures_util::TryStreamExt;
use sea_orm::sea_query::Values;
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::query::Query;
use sqlx::{Either, Executor, Sqlite, SqliteConnection};

/// Changes something; what the last statement of the text has changed.
pub(super) async fn execute(connection: &mut SqliteConnection, statement: Statement) -> Result<ExecResult, DbErr> {
    let mut results = connection.fetch_many(query(statement));
    let mut last = None;
    while let Some(result) = results.try_next().await.map_err(failure)? {
        if let Either::Left(done) = result {
            last = Some(done);
        }
    }
    last.map(Into::into).ok_or_else(|| DbErr::Exec(RuntimeErr::Internal("a text without statements".to_owned())))
}

/// Reads, or changes and reads, a row. Of the text nothing is run after the statement that has one.
pub(super) async fn query_one(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Option<QueryResult>, DbErr> {
    let row = connection.fetch_optional(query(statement)).await.map_err(failure)?;
    Ok(row.map(Into::into))
}

/// Reads, or changes and reads, rows.
pub(super) async fn query_all(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Vec<QueryResult>, DbErr> {
    let rows = connection.fetch_all(query(statement)).await.map_err(failure)?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Statements with parameters are prepared once for each text; so is this one, which may have none.
fn query(statement: Statement) -> Query<'static, Sqlite, SqlxValues> {
    let values = statement.values.unwrap_or(Values(Vec::new()));
    sqlx::query_with(sqlx::AssertSqlSafe(statement.sql), SqlxValues(values))
}

fn failure(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
