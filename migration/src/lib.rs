//! The database schema, one file a table group, the same on SQLite and PostgreSQL.
//!
//! Names that the code depends on, those of unique constraints above all, are written out. A migration that has been
//! released is never changed: the next one corrects it.

mod dialect;
mod m20251121_000001_accounts;
mod m20251121_000002_sessions;
mod m20251121_000003_keys;
mod m20251121_000004_outbox;
mod m20261121_000005_attempts;
mod m20261121_000006_audit;
mod m20261121_000007_clients;
mod m20261121_000008_access;
mod m20261122_000009_order;
mod m20261122_000010_refusals;
mod m20261122_000011_makers;

pub use sea_orm_migration::MigratorTrait;

use sea_orm_migration::MigrationTrait;

/// All migrations, the oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20251121_000001_accounts::Migration),
            Box::new(m20251121_000002_sessions::Migration),
            Box::new(m20251121_000003_keys::Migration),
            Box::new(m20251121_000004_outbox::Migration),
            Box::new(m20261121_000005_attempts::Migration),
            Box::new(m20261121_000006_audit::Migration),
            Box::new(m20261121_000007_clients::Migration),
            Box::new(m20261121_000008_access::Migration),
            Box::new(m20261122_000009_order::Migration),
            Box::new(m20261122_000010_refusals::Migration),
            Box::new(m20261122_000011_makers::Migration),
        ]
    }
}

impl Migrator {
    /// The names of all migrations, the oldest first.
    pub fn names() -> Vec<String> {
        Self::migrations().iter().map(|migration| migration.name().to_owned()).collect()
    }
}
