//! Roles, API keys, secrets that work once, and what administration has to find.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

/// The tables `roles`, `user_roles`, `api_keys`, `api_key_roles`, `one_time_tokens`, `erasures` and `erasure_keys`; columns
/// and indexes for the accounts, sessions and entries that are there already. Replicas of the release before go on beside it: no
/// column of theirs changes, and each new one has a value when they leave it out.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// `permissions` is a JSON array of texts, here and below.
const ROLES: &str = "
    CREATE TABLE roles (
        name text NOT NULL PRIMARY KEY,
        description text NOT NULL,
        permissions text NOT NULL,
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        version {int} NOT NULL
    ) {end}";

// The role `user`, which everybody has, is never in it.
const USER_ROLES: &str = "
    CREATE TABLE user_roles (
        user_id {id} NOT NULL,
        role text NOT NULL,
        PRIMARY KEY (user_id, role),
        CONSTRAINT user_roles_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT user_roles_role FOREIGN KEY (role) REFERENCES roles (name) ON DELETE CASCADE
    ) {end_keyed}";

// `networks` are separated by spaces; `quota_period` is in microseconds; `ends_at` is the earlier of `expires_at` and
// `revoked_at`. The use of a key changes no column that an index has.
const API_KEYS: &str = "
    CREATE TABLE api_keys (
        id {id} NOT NULL PRIMARY KEY,
        owner {id} NOT NULL,
        name text NOT NULL,
        secret {bytes} NOT NULL,
        previous_secret {bytes},
        previous_until {int},
        permissions text NOT NULL,
        networks text NOT NULL,
        quota_burst {int},
        quota_period {int},
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL,
        expires_at {int},
        revoked_at {int},
        ends_at {int},
        version {int} NOT NULL,
        uses {int} NOT NULL DEFAULT 0,
        last_used_at {int},
        CONSTRAINT api_keys_owner FOREIGN KEY (owner) REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT api_keys_previous_whole CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
        CONSTRAINT api_keys_quota_whole CHECK ((quota_burst IS NULL) = (quota_period IS NULL))
    ) {end}";

const API_KEY_ROLES: &str = "
    CREATE TABLE api_key_roles (
        key_id {id} NOT NULL,
        role text NOT NULL,
        PRIMARY KEY (key_id, role),
        CONSTRAINT api_key_roles_key FOREIGN KEY (key_id) REFERENCES api_keys (id) ON DELETE CASCADE,
        CONSTRAINT api_key_roles_role FOREIGN KEY (role) REFERENCES roles (name) ON DELETE CASCADE
    ) {end_keyed}";

// `user_version` is the version of the account that the token was made for.
const ONE_TIME_TOKENS: &str = "
    CREATE TABLE one_time_tokens (
        digest {bytes} NOT NULL PRIMARY KEY,
        purpose text NOT NULL,
        user_id {id},
        user_version {int},
        created_at {int} NOT NULL,
        expires_at {int} NOT NULL,
        CONSTRAINT one_time_tokens_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
    ) {end}";

// Accounts whose traces have still to be removed from the audit trail. They are deleted: there is no foreign key.
const ERASURES: &str = "CREATE TABLE erasures (user_id {id} NOT NULL PRIMARY KEY) {end}";

// Their API keys, whose acts are theirs; in text, as the trail has its actors.
const ERASURE_KEYS: &str = "
    CREATE TABLE erasure_keys (
        user_id {id} NOT NULL,
        key_id text NOT NULL,
        PRIMARY KEY (user_id, key_id)
    ) {end_keyed}";

const TABLES: [&str; 14] = [
    ROLES,
    USER_ROLES,
    "CREATE INDEX user_roles_role ON user_roles (role, user_id)",
    API_KEYS,
    "CREATE INDEX api_keys_owner ON api_keys (owner, id)",
    "CREATE INDEX api_keys_ends_at ON api_keys (ends_at) WHERE ends_at IS NOT NULL",
    API_KEY_ROLES,
    "CREATE INDEX api_key_roles_role ON api_key_roles (role, key_id)",
    ONE_TIME_TOKENS,
    // One an account and purpose, and one a purpose for those who have no account yet.
    "CREATE UNIQUE INDEX one_time_tokens_of_user ON one_time_tokens (user_id, purpose) WHERE user_id IS NOT NULL",
    "CREATE UNIQUE INDEX one_time_tokens_of_nobody ON one_time_tokens (purpose) WHERE user_id IS NULL",
    "CREATE INDEX one_time_tokens_expires_at ON one_time_tokens (expires_at)",
    ERASURES,
    ERASURE_KEYS,
];

// `credentials.state` says whether sessions start with the password: 0 yes, 1 it has to be changed first, 2 the account
// may not be used. A login writes none of the new indexes: those on sessions and on the trail hold what is rare.
const CHANGES: [&str; 11] = [
    "ALTER TABLE users ADD COLUMN status_reason text",
    "ALTER TABLE users ADD COLUMN must_change_password {bool} NOT NULL DEFAULT FALSE",
    "ALTER TABLE credentials ADD COLUMN state {small} NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN impersonator {id}",
    "ALTER TABLE sessions ADD COLUMN impersonation_read_only {bool} \
        CONSTRAINT sessions_impersonation_whole CHECK ((impersonator IS NULL) = (impersonation_read_only IS NULL))",
    "ALTER TABLE audit ADD COLUMN impersonator {id}",
    "CREATE INDEX users_created_at ON users (created_at, id)",
    "CREATE INDEX users_disabled ON users (created_at, id) WHERE status = 'disabled'",
    "CREATE INDEX sessions_impersonator ON sessions (impersonator) WHERE impersonator IS NOT NULL",
    "CREATE INDEX audit_action ON audit (action, at, id) \
        WHERE action NOT IN ('session.login', 'session.revoke', 'account.register', 'token.grant')",
    "CREATE INDEX audit_impersonator ON audit (impersonator, at, id) WHERE impersonator IS NOT NULL",
];

// The order of the names is that of their bytes, whatever the database's collation. The type of the columns stays: with
// another collation the statements that older replicas have prepared would fail. What is equal is the same either way,
// so that these indexes serve every statement that the ones before did.
const NAMES_BY_BYTES: [&str; 4] = [
    "DROP INDEX users_email_key",
    "DROP INDEX users_username_key",
    "CREATE UNIQUE INDEX users_email_key ON users (email_key text_pattern_ops)",
    "CREATE UNIQUE INDEX users_username_key ON users (username_key text_pattern_ops)",
];
const NAMES_BY_COLLATION: [&str; 4] = [
    "DROP INDEX users_email_key",
    "DROP INDEX users_username_key",
    "CREATE UNIQUE INDEX users_email_key ON users (email_key)",
    "CREATE UNIQUE INDEX users_username_key ON users (username_key)",
];

const BACK: [&str; 18] = [
    "DROP INDEX audit_impersonator",
    "DROP INDEX audit_action",
    "DROP INDEX sessions_impersonator",
    "DROP INDEX users_disabled",
    "DROP INDEX users_created_at",
    "ALTER TABLE audit DROP COLUMN impersonator",
    "ALTER TABLE sessions DROP COLUMN impersonation_read_only",
    "ALTER TABLE sessions DROP COLUMN impersonator",
    "ALTER TABLE credentials DROP COLUMN state",
    "ALTER TABLE users DROP COLUMN must_change_password",
    "ALTER TABLE users DROP COLUMN status_reason",
    "DROP TABLE erasure_keys",
    "DROP TABLE erasures",
    "DROP TABLE one_time_tokens",
    "DROP TABLE api_key_roles",
    "DROP TABLE api_keys",
    "DROP TABLE user_roles",
    "DROP TABLE roles",
];

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &TABLES).await?;
        dialect::run(manager, &CHANGES).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::run(manager, &NAMES_BY_BYTES).await?;
            // Room in each page for the next version of a key that was used.
            dialect::run(manager, &["ALTER TABLE api_keys SET (fillfactor = 80)"]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            dialect::run(manager, &NAMES_BY_COLLATION).await?;
        }
        dialect::run(manager, &BACK).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
