//! Fresh databases: a SQLite file in a folder of its own, a PostgreSQL schema of its own, both gone afterwards.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod log;
pub(crate) mod samples;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portcullis_domain::ports::ambient::Randomness;
use portcullis_sql::{SqlSettings, SqlStore};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use sqlx::{Connection, Executor};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A name that no other test, and no other run, uses.
pub(crate) fn unique_name() -> String {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("portcullis_{}_{time}_{count}", std::process::id())
}

/// Bytes that differ at each call; the tests need no more.
pub(crate) struct Counter;

impl Randomness for Counter {
    fn fill(&self, buf: &mut [u8]) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        for chunk in buf.chunks_mut(8) {
            let next = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// A folder that goes when this is dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(unique_name()))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("data").join("portcullis.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.0.exists() {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

/// The server that tests use.
#[expect(clippy::disallowed_methods, reason = "tests find their servers by the environment")]
pub(crate) fn server() -> String {
    std::env::var("PORTCULLIS_TEST_POSTGRES").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

/// Runs statements on a connection of its own.
pub(crate) async fn on_server(sql: String) {
    let server = server();
    let mut connection = sqlx::PgConnection::connect(&server).await.unwrap_or_else(|error| {
        panic!("the tests need PostgreSQL at {server} (PORTCULLIS_TEST_POSTGRES): {error}");
    });
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// A schema that goes when this is dropped.
pub(crate) struct Schema(pub(crate) String);

impl Schema {
    pub(crate) async fn new() -> Self {
        let name = unique_name();
        on_server(format!("CREATE SCHEMA {name}")).await;
        Self(name)
    }

    pub(crate) fn url(&self) -> String {
        let server = server();
        let separator = if server.contains('?') { '&' } else { '?' };
        format!("{server}{separator}options=-csearch_path%3D{}", self.0)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.0);
        // A thread of its own: the test's runtime waits here.
        let dropped = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(on_server(drop));
        });
        dropped.join().unwrap();
    }
}

/// A database without tables.
pub(crate) enum Fresh {
    Sqlite(Folder),
    Postgres(Schema),
}

impl Fresh {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(Folder::new())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(Schema::new().await)
    }

    pub(crate) async fn both() -> [Self; 2] {
        [Self::sqlite(), Self::postgres().await]
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.url(),
            Self::Postgres(schema) => schema.url(),
        }
    }

    pub(crate) fn file(&self) -> &Path {
        match self {
            Self::Sqlite(folder) => &folder.0,
            Self::Postgres(_) => panic!("a PostgreSQL database has no file"),
        }
    }

    pub(crate) async fn connect(&self) -> Arc<SqlStore> {
        self.connect_with(SqlSettings::default()).await
    }

    pub(crate) async fn connect_with(&self, settings: SqlSettings) -> Arc<SqlStore> {
        Arc::new(SqlStore::connect(&self.url(), settings, Arc::new(Counter)).await.unwrap())
    }

    pub(crate) async fn migrated(&self) -> Arc<SqlStore> {
        let store = self.connect().await;
        store.migrate().await.unwrap();
        store
    }
}

/// Runs a statement beside the store.
pub(crate) async fn damage(fresh: &Fresh, sql: &str) {
    match fresh {
        Fresh::Sqlite(folder) => {
            let mut connection = sqlx::SqliteConnection::connect(&folder.url()).await.unwrap();
            connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
            connection.close().await.unwrap();
        }
        Fresh::Postgres(schema) => on_server(format!("SET search_path = {}; {sql}", schema.0)).await,
    }
}

/// Keeps every other connection from writing into a SQLite file: what they do takes as long as this.
pub(crate) struct Busy(sqlx::SqliteConnection);

impl Busy {
    pub(crate) async fn new(folder: &Folder) -> Self {
        let mut connection = sqlx::SqliteConnection::connect(&folder.url()).await.unwrap();
        connection.execute("BEGIN IMMEDIATE").await.unwrap();
        Self(connection)
    }

    pub(crate) async fn end(mut self) {
        self.0.execute("ROLLBACK").await.unwrap();
        self.0.close().await.unwrap();
    }
}

/// A connection for the migrator alone.
pub(crate) async fn migrator(fresh: &Fresh) -> DatabaseConnection {
    let url = match fresh {
        Fresh::Sqlite(folder) => {
            std::fs::create_dir_all(folder.file().parent().unwrap()).unwrap();
            format!("{}?mode=rwc", folder.url())
        }
        Fresh::Postgres(schema) => schema.url(),
    };
    let mut options = ConnectOptions::new(url);
    options.max_connections(1);
    Database::connect(options).await.unwrap()
}
