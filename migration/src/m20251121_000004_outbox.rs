//! Committed effects on their way out.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

/// The table `outbox`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// `due_at` is null until the first claim; then it is the instant from which the row may be claimed again: the end of
// its lease, or of its pause after a failure. AUTOINCREMENT, because a number is not given twice even after its row
// has gone.
const SQLITE: &str = "
    CREATE TABLE outbox (
        sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL,
        subject text NOT NULL,
        event text NOT NULL,
        occurred_at INTEGER NOT NULL,
        traceparent text,
        attempts INTEGER NOT NULL DEFAULT 0,
        due_at INTEGER,
        parked INTEGER NOT NULL DEFAULT 0,
        why text
    ) STRICT";
const POSTGRES: &str = "
    CREATE TABLE outbox (
        sequence bigserial NOT NULL PRIMARY KEY,
        id uuid NOT NULL,
        subject text NOT NULL,
        event text NOT NULL,
        occurred_at bigint NOT NULL,
        traceparent text,
        attempts bigint NOT NULL DEFAULT 0,
        due_at bigint,
        parked boolean NOT NULL DEFAULT false,
        why text
    )";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        let id = "CREATE UNIQUE INDEX outbox_id ON outbox (id)";
        // Only rows that have been claimed can hold others of their subject back, and those are few.
        let held = "CREATE INDEX outbox_held ON outbox (subject, sequence) WHERE due_at IS NOT NULL";
        dialect::run(manager, &[table, id, held]).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // The table lives on inserts and deletes: it is cleaned early.
            let storage = "ALTER TABLE outbox SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, \
                autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)";
            dialect::run(manager, &[storage]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE outbox"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
