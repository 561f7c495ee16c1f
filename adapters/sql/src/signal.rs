//! Word from other replicas.

use async_trait::async_trait;
use portcullis_domain::ports::sessions::RevocationSignal;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

use crate::link::Link;
use crate::postgres::listen::CHANNEL;
use crate::store::{Database, SqlStore};

#[async_trait]
impl RevocationSignal for SqlStore {
    async fn heard(&self) {
        match &self.shared().database {
            Database::Postgres(postgres) => postgres.ear().heard().await,
            // One process serves a SQLite file: there is nobody to hear of.
            Database::Sqlite(_) => std::future::pending().await,
        }
    }

    fn is_connected(&self) -> bool {
        match &self.shared().database {
            Database::Postgres(postgres) => postgres.ear().is_connected(),
            Database::Sqlite(_) => true,
        }
    }
}

/// A change of rows that every replica knows by heart: it gives a row for each, and on PostgreSQL the other replicas
/// hear of it when it is committed.
pub(crate) fn telling<const N: usize>(link: &Link, change: &str, values: [Value; N]) -> Statement {
    let told = match link.get_database_backend() {
        DbBackend::Postgres => format!("{change} RETURNING pg_notify({CHANNEL}, '')::text"),
        _ => format!("{change} RETURNING ''"),
    };
    link.statement(&told, values)
}
