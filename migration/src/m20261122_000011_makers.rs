//! Who made a link that works once.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;

use crate::dialect;

/// The columns `maker_kind` and `maker_id` of `one_time_tokens`, named as the audit trail names who acts. Links from before,
/// and those of replicas of the release before, are of nobody who may do anything: they are made anew.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UP: [&str; 2] = [
    "ALTER TABLE one_time_tokens ADD COLUMN maker_kind text NOT NULL DEFAULT 'anonymous'",
    "ALTER TABLE one_time_tokens ADD COLUMN maker_id text",
];
const DOWN: [&str; 2] =
    ["ALTER TABLE one_time_tokens DROP COLUMN maker_id", "ALTER TABLE one_time_tokens DROP COLUMN maker_kind"];

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &DOWN).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
