//! OAuth 2 clients, and webhooks with what waits for them.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

/// The tables `clients`, `webhooks` and `webhook_deliveries`. The column `session_id` of `revocations` keeps its name, for
/// replicas of the release before may still run; it holds ids of tokens too.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// A deleted client stays as a row: its id is not given again.
const CLIENTS: &str = "
    CREATE TABLE clients (
        id text NOT NULL PRIMARY KEY,
        name text,
        secret {bytes} NOT NULL,
        previous_secret {bytes},
        previous_until {int},
        scope text NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        deleted_at {int},
        version {int} NOT NULL,
        CONSTRAINT clients_previous_whole CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
    ) {end}";

// `events` is a JSON array of names.
const WEBHOOKS: &str = "
    CREATE TABLE webhooks (
        id {id} NOT NULL PRIMARY KEY,
        url text NOT NULL,
        events text NOT NULL,
        sealed_secret {bytes} NOT NULL,
        previous_secret {bytes},
        previous_until {int},
        disabled_at {int},
        disabled_why text,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        version {int} NOT NULL,
        CONSTRAINT webhooks_previous_whole CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
        CONSTRAINT webhooks_disabled_whole CHECK ((disabled_at IS NULL) = (disabled_why IS NULL))
    ) {end}";

// `due_at` is the instant from which the row may be claimed: that of its commit, then the end of its lease, or of its
// pause after a failure. The rows of a webhook that fails wait here for days, so that the outbox stays short.
const DELIVERIES: &str = "
    CREATE TABLE webhook_deliveries (
        sequence {sequence},
        webhook_id {id} NOT NULL,
        event_id {id} NOT NULL,
        subject text NOT NULL,
        event text NOT NULL,
        occurred_at {int} NOT NULL,
        traceparent text,
        attempts {int} NOT NULL DEFAULT 0,
        due_at {int} NOT NULL,
        why text,
        CONSTRAINT webhook_deliveries_webhook FOREIGN KEY (webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE
    ) {end}";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            CLIENTS,
            "CREATE INDEX clients_updated_at ON clients (updated_at)",
            WEBHOOKS,
            DELIVERIES,
            "CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (webhook_id, event_id)",
            "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at, sequence)",
        ];
        dialect::run(manager, &statements).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // The table lives on inserts and deletes: it is cleaned early.
            let storage = "ALTER TABLE webhook_deliveries SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, \
                autovacuum_vacuum_threshold = 5000)";
            dialect::run(manager, &[storage]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = ["DROP TABLE webhook_deliveries", "DROP TABLE webhooks", "DROP TABLE clients"];
        dialect::run(manager, &statements).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
