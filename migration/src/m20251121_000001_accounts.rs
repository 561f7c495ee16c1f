//! Accounts and their passwords.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

/// The tables `users` and `credentials`.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const USERS: &str = "
    CREATE TABLE users (
        id {id} NOT NULL PRIMARY KEY,
        username text,
        username_key text,
        email text NOT NULL,
        email_key text NOT NULL,
        email_verified {bool} NOT NULL,
        status text NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        version {int} NOT NULL,
        CONSTRAINT users_username_whole CHECK ((username IS NULL) = (username_key IS NULL))
    ) {end}";
const EMAIL: &str = "CREATE UNIQUE INDEX users_email_key ON users (email_key)";
const USERNAME: &str = "CREATE UNIQUE INDEX users_username_key ON users (username_key)";
const CREDENTIALS: &str = "
    CREATE TABLE credentials (
        user_id {id} NOT NULL PRIMARY KEY,
        hash text NOT NULL,
        CONSTRAINT credentials_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
    ) {end}";

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A row that breaks both is reported by the first index on PostgreSQL and by the last on SQLite: the address
        // shall win on both.
        let statements = match manager.get_database_backend() {
            DbBackend::Postgres => [USERS, EMAIL, USERNAME, CREDENTIALS],
            _ => [USERS, USERNAME, EMAIL, CREDENTIALS],
        };
        dialect::run(manager, &statements).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &["DROP TABLE credentials", "DROP TABLE users"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
