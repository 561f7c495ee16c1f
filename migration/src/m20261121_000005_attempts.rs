//! Failed attempts at passwords.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The table `attempts`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const ATTEMPTS: &str = "
    CREATE TABLE attempts (
        key {bytes} NOT NULL PRIMARY KEY,
        failures {int} NOT NULL,
        last_at {int} NOT NULL
    ) {end_keyed}";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[ATTEMPTS, "CREATE INDEX attempts_last_at ON attempts (last_at)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE attempts"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
