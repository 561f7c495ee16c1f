//! Bringing the schema up to date.

use portcullis_migration::{Migrator, MigratorTrait};
use sea_orm::TransactionTrait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement, TransactionOptions};

use crate::error::{at, explained, is_no_table};
use crate::store::{Database, Shared, SqlStore};

const APPLIED: &str = "SELECT version FROM seaql_migrations ORDER BY version";
/// One start after the other, those of another schema aside. There is time for as long as it takes.
const LOCK: &str = "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true), \
    pg_advisory_xact_lock(hashtext('portcullis.migration'), hashtext(current_schema()))::text";

/// A migration of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its name; the names sort in the order of application.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Why the schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A newer release has migrated this database.
    #[error(
        "the database at {address} is newer than this program: it has the migration {newest}; \
         start the release that made it, or a later one"
    )]
    Newer {
        /// Where, without a password.
        address: String,
        /// The last migration that this program does not know.
        newest: String,
    },
    /// The database did not do it; nothing has changed.
    #[error("the database at {address} could not be migrated, and is as it was: {why}")]
    Failed {
        /// Where, without a password.
        address: String,
        /// What it said.
        why: String,
    },
}

impl SqlStore {
    /// Applies the migrations that the database lacks, all of them or none, while others that start at the same time
    /// wait; the names of those applied. When there is nothing to do this is one short query.
    pub async fn migrate(&self) -> Result<Vec<String>, MigrateError> {
        let shared = self.shared();
        if missing(shared, &applied(shared, &shared.reading()).await?)?.is_empty() {
            return Ok(Vec::new());
        }
        match &shared.database {
            Database::Postgres(postgres) => apply(shared, postgres.pool().connection(), Some(LOCK)).await,
            Database::Sqlite(sqlite) => match sqlite.borrow_writer().await {
                Some(writer) => apply(shared, &writer.connection, None).await,
                None => Err(failed(shared, "the store is closed")),
            },
        }
    }

    /// All migrations of this program, the oldest first, and whether the database has them.
    pub async fn migration_status(&self) -> Result<Vec<MigrationStatus>, MigrateError> {
        let shared = self.shared();
        let missing = missing(shared, &applied(shared, &shared.reading()).await?)?;
        let status = |name: String| MigrationStatus { applied: !missing.contains(&name), name };
        Ok(Migrator::names().into_iter().map(status).collect())
    }
}

async fn apply(
    shared: &Shared,
    connection: &DatabaseConnection,
    lock: Option<&str>,
) -> Result<Vec<String>, MigrateError> {
    let explain = |error: DbErr| failed(shared, &explained(&error));
    // On SQLite this is the lock.
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = connection.begin_with_options(options).await.map_err(explain)?;
    if let Some(lock) = lock {
        let lock = Statement::from_string(transaction.get_database_backend(), lock);
        transaction.query_one_raw(lock).await.map_err(explain)?;
    }
    // Under the lock the table exists or nobody is making it: a failed look would end PostgreSQL's transaction.
    Migrator::install(&transaction).await.map_err(explain)?;
    let missing = missing(shared, &applied(shared, &transaction).await?)?;
    Migrator::up(&transaction, None).await.map_err(explain)?;
    transaction.commit().await.map_err(explain)?;
    Ok(missing)
}

/// The migrations that a database has; none when it has no list of them.
async fn applied(shared: &Shared, connection: &impl ConnectionTrait) -> Result<Vec<String>, MigrateError> {
    let query = Statement::from_string(connection.get_database_backend(), APPLIED);
    let rows = match connection.query_all_raw(query).await {
        Ok(rows) => rows,
        Err(error) if is_no_table(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(shared, &explained(&at(&shared.address, error)))),
    };
    let names = rows.iter().map(|row| row.try_get_by_index::<String>(0));
    names.collect::<Result<_, _>>().map_err(|error| failed(shared, &error.to_string()))
}

/// The migrations that a database lacks, if it has none that this program does not know.
fn missing(shared: &Shared, applied: &[String]) -> Result<Vec<String>, MigrateError> {
    let known = Migrator::names();
    if let Some(newest) = applied.iter().rfind(|name| !known.contains(name)) {
        return Err(MigrateError::Newer { address: shared.address.to_string(), newest: newest.clone() });
    }
    Ok(known.into_iter().filter(|name| !applied.contains(name)).collect())
}

fn failed(shared: &Shared, why: &str) -> MigrateError {
    MigrateError::Failed { address: shared.address.to_string(), why: why.to_owned() }
}
