//! Where a service under test keeps its state: a fresh folder, and a fresh database in it or on PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

use crate::surroundings::{now, variable};

/// A fresh database with a folder for whatever else belongs to the test. Dropped, it leaves nothing behind,
/// unless the test failed: then the folder stays and is named.
pub(crate) struct Place {
    dir: PathBuf,
    postgres: Option<String>,
}

impl Place {
    /// An embedded database that does not exist yet.
    pub(crate) fn sqlite() -> Self {
        let dir = std::env::temp_dir().join(unique("portcullis"));
        std::fs::create_dir_all(&dir).expect("the temporary folder can be written");
        Self { dir, postgres: None }
    }

    /// An empty PostgreSQL database.
    pub(crate) async fn postgres() -> Self {
        let mut place = Self::sqlite();
        let name = unique("portcullis").replace('-', "_");
        administer(&format!("CREATE DATABASE {name}")).await;
        place.postgres = Some(name);
        place
    }

    /// The folder of this test.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of an embedded database.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.postgres.is_none().then(|| self.dir.join("portcullis.db"))
    }

    /// What `DATABASE_URL` says.
    pub(crate) fn url(&self) -> String {
        match &self.postgres {
            Some(name) => on_server(name),
            None => format!("sqlite://{}", self.dir.join("portcullis.db").display()),
        }
    }

    /// Waits until PostgreSQL has noticed that connections from before this instant are gone: what a dead client had
    /// asked to commit may still be committed until then.
    pub(crate) async fn until_left_alone_by_the_dead(&self, since: Instant) {
        if self.postgres.is_none() {
            return;
        }
        let connection = connect(&self.url()).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let query = format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND pid <> pg_backend_pid() AND backend_start < now() - make_interval(secs => {})",
                since.elapsed().as_secs_f64()
            );
            let statement = Statement::from_string(connection.get_database_backend(), query);
            let row = connection.query_one_raw(statement).await.expect("PostgreSQL answers").expect("a row");
            let left: i64 = row.try_get_by_index(0).expect("a number");
            if left == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "{left} connections of a dead process are still there");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        connection.close().await.expect("the connection closes");
    }

    /// For messages.
    pub(crate) fn kind(&self) -> &'static str {
        if self.postgres.is_some() { "PostgreSQL" } else { "SQLite" }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut err = std::io::stderr();
            let _unwritable =
                std::io::Write::write_fmt(&mut err, format_args!("what it wrote is in {}\n", self.dir.display()));
        } else if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            panic!("the test's folder {} cannot be removed: {error}", self.dir.display());
        }
        if let Some(name) = self.postgres.take() {
            // A runtime of its own: the test's may be gone.
            let dropped = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(administer(&format!("DROP DATABASE {name} WITH (FORCE)")));
            });
            let dropped = dropped.join();
            if !std::thread::panicking() {
                dropped.expect("the test's database can be dropped");
            }
        }
    }
}

/// A name that no other test uses, of letters, digits and dashes.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = now().as_millis();
    format!("{prefix}-{now:x}-{:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A connection of the test's own to a database.
pub(crate) async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap_or_else(|error| panic!("the tests need a database at {url}: {error}"))
}

fn server() -> String {
    variable("PORTCULLIS_TEST_POSTGRES").unwrap_or_else(|| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

fn on_server(database: &str) -> String {
    let mut url = url::Url::parse(&server()).expect("PORTCULLIS_TEST_POSTGRES is a URL");
    url.set_path(database);
    url.into()
}

async fn administer(statement: &str) {
    let connection = connect(&server()).await;
    connection.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("the connection closes");
}
