//! The keys that sign access tokens.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The table `signing_keys`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SIGNING_KEYS: &str = "
    CREATE TABLE signing_keys (
        kid text NOT NULL PRIMARY KEY,
        algorithm text NOT NULL,
        ordinal {int} NOT NULL,
        public {bytes} NOT NULL,
        sealed_private {bytes} NOT NULL,
        created_at {int} NOT NULL,
        activates_at {int} NOT NULL,
        retires_at {int}
    ) {end}";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let ordinal = "CREATE UNIQUE INDEX signing_keys_ordinal ON signing_keys (algorithm, ordinal)";
        dialect::run(manager, &[SIGNING_KEYS, ordinal]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE signing_keys"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
