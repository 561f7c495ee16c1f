//! Word from other replicas.

use async_trait::async_trait;
use portcullis_domain::ports::sessions::RevocationSignal;

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
