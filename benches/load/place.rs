//! Fresh databases and folders for the runs, on a real disk.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectOptions, ConnectionTrait, Database};

/// A folder, and a database in it or on PostgreSQL.
pub(crate) struct Place {
    dir: PathBuf,
    postgres: Option<String>,
}

impl Place {
    /// An embedded database that does not exist yet.
    pub(crate) fn sqlite() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique());
        std::fs::create_dir_all(&dir).expect("the folder can be made");
        Self { dir, postgres: None }
    }

    /// An empty PostgreSQL database.
    pub(crate) async fn postgres() -> Self {
        let name = unique();
        administer(&format!("CREATE DATABASE {name}")).await;
        Self { postgres: Some(name), ..Self::sqlite() }
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What `DATABASE_URL` says.
    pub(crate) fn url(&self) -> String {
        match &self.postgres {
            Some(name) => {
                let mut url = url::Url::parse(&server()).expect("PORTCULLIS_TEST_POSTGRES is a URL");
                url.set_path(name);
                url.into()
            }
            None => format!("sqlite://{}", self.dir.join("portcullis.db").display()),
        }
    }

    /// Removes everything.
    pub(crate) async fn remove(self) {
        std::fs::remove_dir_all(&self.dir).expect("the folder can be removed");
        if let Some(name) = &self.postgres {
            administer(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

/// A variable of the environment; none when it is not set.
#[expect(clippy::disallowed_methods, reason = "the bench is told by the environment where the servers are")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("portcullis_load_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn server() -> String {
    variable("PORTCULLIS_TEST_POSTGRES").unwrap_or_else(|| "postgres://postgres@127.0.0.1:5432/test".to_owned())
}

async fn administer(statement: &str) {
    let server = server();
    let connection = Database::connect(ConnectOptions::new(&server)).await;
    let connection = connection.unwrap_or_else(|error| panic!("the bench needs PostgreSQL at {server}: {error}"));
    connection.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("the connection closes");
}
