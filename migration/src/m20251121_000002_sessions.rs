//! Sessions with the state of their refresh tokens, and the list of revoked ones.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

/// The tables `sessions` and `revocations`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// `ends_from` is never after the end of the session. Unlike the end it does not move at a refresh, so that the index
// for purging need not be written each time.
const SESSIONS: &str = "
    CREATE TABLE sessions (
        id {id} NOT NULL PRIMARY KEY,
        user_id {id} NOT NULL,
        client_id text NOT NULL,
        scope text NOT NULL,
        authenticated_at {int} NOT NULL,
        created_at {int} NOT NULL,
        last_seen_at {int} NOT NULL,
        idle_expires_at {int} NOT NULL,
        expires_at {int} NOT NULL,
        revoked_at {int},
        revoked_reason text,
        ip text,
        user_agent text,
        generation {int} NOT NULL,
        refresh_digest {bytes} NOT NULL,
        used_at_1 {int},
        used_at_2 {int},
        used_at_3 {int},
        used_at_4 {int},
        ends_from {int} NOT NULL,
        CONSTRAINT sessions_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT sessions_revoked_whole CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
    ) {end}";

const REVOCATIONS: &str = "
    CREATE TABLE revocations (
        session_id {id} NOT NULL PRIMARY KEY,
        revoked_at {int} NOT NULL,
        until {int} NOT NULL
    ) {end}";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            SESSIONS,
            "CREATE INDEX sessions_of_user ON sessions (user_id, created_at, id)",
            "CREATE INDEX sessions_ends_from ON sessions (ends_from)",
            REVOCATIONS,
            "CREATE INDEX revocations_revoked_at ON revocations (revoked_at)",
            "CREATE INDEX revocations_until ON revocations (until)",
        ];
        dialect::run(manager, &statements).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Room in each page for the next version of a refreshed session, without touching its indexes.
            dialect::run(manager, &["ALTER TABLE sessions SET (fillfactor = 70)"]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE revocations", "DROP TABLE sessions"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
