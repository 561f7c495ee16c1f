//! How often the broker has refused an event.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The column `outbox.refusals`, which replicas of the release before leave alone.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// What is parked was refused that often at least, and stays parked.
const UP: [&str; 2] = [
    "ALTER TABLE outbox ADD COLUMN refusals {int} NOT NULL DEFAULT 0",
    "UPDATE outbox SET refusals = attempts WHERE parked",
];

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["ALTER TABLE outbox DROP COLUMN refusals"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
