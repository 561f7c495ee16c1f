//! Orders that no index had: the holders of a role by the age of their accounts, and the trail by any action.

use async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::dialect;

/// The column `user_roles.user_created_at`, which the database itself fills in, so that replicas of the release before go
/// on beside it, with its index; and an index of `audit` by all actions in the place of the one by some. While that is built,
/// entries can be read, but not written, and roles wait.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

// The creation of an account never changes. Null would be that of no account, which its foreign key has to name.
const COLUMN: [&str; 2] = [
    "ALTER TABLE user_roles ADD COLUMN user_created_at {int}",
    "UPDATE user_roles SET user_created_at = (SELECT created_at FROM users WHERE users.id = user_roles.user_id)",
];
const INDEX: [&str; 2] =
    ["DROP INDEX user_roles_role", "CREATE INDEX user_roles_role ON user_roles (role, user_created_at, user_id)"];

// First what takes its time, and under a name of its own: what drops the other keeps readers out.
const TRAIL: [&str; 2] = ["CREATE INDEX audit_by_action ON audit (action, at, id)", "DROP INDEX audit_action"];

// The function looks for `users` where the tables are, whoever calls it.
const POSTGRES: [&str; 2] = [
    "CREATE FUNCTION user_roles_created_at() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        BEGIN
            NEW.user_created_at := (SELECT created_at FROM users WHERE id = NEW.user_id);
            RETURN NEW;
        END
    $$",
    "CREATE TRIGGER user_roles_created_at BEFORE INSERT ON user_roles
        FOR EACH ROW EXECUTE FUNCTION user_roles_created_at()",
];
const SQLITE: [&str; 1] = ["CREATE TRIGGER user_roles_created_at AFTER INSERT ON user_roles BEGIN
        UPDATE user_roles SET user_created_at = (SELECT created_at FROM users WHERE id = NEW.user_id)
        WHERE user_id = NEW.user_id AND role = NEW.role;
    END"];

const BACK: [&str; 5] = [
    "DROP INDEX audit_by_action",
    "CREATE INDEX audit_action ON audit (action, at, id) \
        WHERE action NOT IN ('session.login', 'session.revoke', 'account.register', 'token.grant')",
    "DROP INDEX user_roles_role",
    "ALTER TABLE user_roles DROP COLUMN user_created_at",
    "CREATE INDEX user_roles_role ON user_roles (role, user_id)",
];

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Roles before the trail, as requests take them: neither waits for the other in a circle.
        dialect::run(manager, &COLUMN).await?;
        dialect::run(manager, &INDEX).await?;
        match manager.get_database_backend() {
            DbBackend::Postgres => dialect::run(manager, &POSTGRES).await?,
            _ => dialect::run(manager, &SQLITE).await?,
        }
        dialect::run(manager, &TRAIL).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => dialect::run(manager, &["DROP FUNCTION user_roles_created_at CASCADE"]).await?,
            _ => dialect::run(manager, &["DROP TRIGGER user_roles_created_at"]).await?,
        }
        dialect::run(manager, &BACK).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
