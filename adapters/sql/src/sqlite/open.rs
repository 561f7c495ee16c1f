//! Opening the database file.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sea_orm::DbBackend;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor, SqlitePool};
use tokio::sync::mpsc;

use super::Sqlite;
use super::readers::Readers;
use super::writer::Writer;
use crate::connect::ConnectError;
use crate::error::is_busy_file;
use crate::settings::SqlSettings;
use crate::turn::Turns;

/// How many texts a connection keeps prepared. The same statement comes with and without the words that open or end a
/// transaction.
const PREPARED: usize = 256;
/// How many rows a connection's thread may be ahead of whoever reads them: it does not stop for each.
const ROWS_AHEAD: usize = 1024;
/// How many units of work may wait for their turn before the next one waits for a place in the queue.
const QUEUE: usize = 1024;
/// How long a connection waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(5);

/// Opens the connection that writes, again and again if need be.
pub(super) enum Opener {
    /// Of a file.
    File(PathBuf),
    /// In memory.
    Memory,
}

/// Opens a file, making it and its folder when they are absent.
pub(crate) async fn open_file(path: PathBuf, settings: SqlSettings) -> Result<Sqlite, ConnectError> {
    let unusable = |why: String| ConnectError::File { path: path.clone(), why };
    prepare(&path).await.map_err(|error| unusable(error.to_string()))?;
    let opener = Opener::File(path.clone());
    let writer = opener.writer().await.map_err(|error| unusable(error.to_string()))?;
    let readers = Readers::new(options(&path).pragma("query_only", "ON"), settings.acquire_timeout);
    Ok(start(opener, writer, Some(readers), settings))
}

/// Opens a database in memory.
pub(crate) async fn open_memory(settings: SqlSettings) -> Result<Sqlite, ConnectError> {
    let writer = Opener::Memory.writer().await;
    let writer =
        writer.map_err(|error| ConnectError::File { path: PathBuf::from(":memory:"), why: error.to_string() })?;
    Ok(start(Opener::Memory, writer, None, settings))
}

fn start(opener: Opener, writer: SqlitePool, readers: Option<Readers>, settings: SqlSettings) -> Sqlite {
    let (queue, entries) = mpsc::channel(QUEUE);
    let (control, controls) = mpsc::channel(1);
    let writer = Writer::new(opener, writer, entries, controls, settings.stall_timeout);
    tokio::spawn(writer.run());
    Sqlite { readers, turns: Turns::new(queue, settings.acquire_timeout, DbBackend::Sqlite), control }
}

/// Makes the folder and the file, for their owner only.
async fn prepare(path: &Path) -> std::io::Result<()> {
    let private = path.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let mut folder = std::fs::DirBuilder::new();
        let mut file = std::fs::OpenOptions::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
            folder.mode(0o700);
            file.mode(0o600);
        }
        if let Some(parent) = private.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
            folder.recursive(true).create(parent)?;
        }
        file.create(true).append(true).open(&private).map(drop)
    });
    made.await.map_err(std::io::Error::other)?
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .disable_statement_logging()
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(PREPARED)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("temp_store", "MEMORY")
}

impl Opener {
    /// The connection that writes.
    pub(super) async fn writer(&self) -> Result<SqlitePool, sqlx::Error> {
        let options = match self {
            Self::File(path) => options(path)
                .journal_mode(SqliteJournalMode::Wal)
                // What was deleted is overwritten, not only forgotten.
                .pragma("secure_delete", "ON")
                // A longer log than by default: pages that change again and again are written back less often.
                .pragma("wal_autocheckpoint", "12000")
                .pragma("journal_size_limit", "67108864")
                .pragma("cache_size", "-16000"),
            Self::Memory => options(Path::new(":memory:")).in_memory(true),
        };
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false);
        let started = Instant::now();
        loop {
            // The change to WAL does not wait for the lock of another process that starts at the same time.
            match pool.clone().connect_with(options.clone()).await {
                Err(error) if is_busy_file(&error) && started.elapsed() < BUSY => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Writes the log back into the file.
    pub(super) async fn checkpoint(&self, pool: &SqlitePool) -> Result<(), sqlx::Error> {
        match self {
            Self::File(_) => pool.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.map(drop),
            Self::Memory => Ok(()),
        }
    }
}
