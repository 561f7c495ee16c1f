//! The store.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::{Store, StoreError, Tx};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::Notify;

use crate::error::{at, store_error, unavailable};
use crate::link::{Kind, Link};
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::unit::Unit;

/// How long the store may take to show that it can serve a read.
const PING: Duration = Duration::from_secs(2);

/// All state of the service, in a SQLite or PostgreSQL database.
pub struct SqlStore {
    shared: Arc<Shared>,
}

/// What the store and its units of work share.
pub(crate) struct Shared {
    /// The database.
    pub(crate) database: Database,
    /// Where it is, without a password.
    pub(crate) address: Arc<str>,
    /// For the ids of events.
    pub(crate) random: Arc<dyn Randomness>,
    /// Signalled after a commit with effects.
    pub(crate) committed: Notify,
    /// Whether there was one since the last claim.
    pub(crate) announced: AtomicBool,
}

/// The databases that can be used.
pub(crate) enum Database {
    /// SQLite.
    Sqlite(Sqlite),
    /// PostgreSQL.
    Postgres(Postgres),
}

impl SqlStore {
    pub(crate) fn over(database: Database, address: String, random: Arc<dyn Randomness>) -> Self {
        let address = address.into();
        let (committed, announced) = (Notify::new(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { database, address, random, committed, announced }) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Waits for what is being committed and closes all connections; SQLite's log is written back into its file.
    /// Whatever is asked afterwards is answered with `Unavailable`.
    pub async fn close(&self) {
        match &self.shared.database {
            Database::Sqlite(sqlite) => sqlite.close().await,
            Database::Postgres(postgres) => {
                postgres.ear().close().await;
                if let Err(error) = postgres.pool().connection().close_by_ref().await {
                    tracing::warn!(%error, "the connections did not close in order");
                }
            }
        }
    }
}

impl Shared {
    /// The way for reading.
    pub(crate) fn reading(&self) -> Link {
        let kind = match &self.database {
            Database::Postgres(postgres) => Kind::Pool(postgres.pool().clone()),
            Database::Sqlite(sqlite) => match sqlite.readers() {
                Some(readers) => Kind::Readers(readers.clone()),
                None => Kind::Turns(sqlite.turns().clone()),
            },
        };
        Link::new(kind, self.address.clone())
    }

    /// A way for writing: a transaction, or a turn in the writer's.
    pub(crate) async fn writing(&self) -> Result<Link, DbErr> {
        let kind = match &self.database {
            Database::Postgres(postgres) => {
                Kind::Transaction(postgres.pool().begin().await.map_err(|error| at(&self.address, error))?)
            }
            Database::Sqlite(sqlite) => Kind::Turn(sqlite.turns().take()),
        };
        Ok(Link::new(kind, self.address.clone()))
    }
}

impl Shared {
    /// A way for writing that begins with the use of a refresh token.
    pub(crate) fn rotating(&self) -> Link {
        let turns = match &self.database {
            Database::Postgres(postgres) => postgres.turns(),
            Database::Sqlite(sqlite) => sqlite.turns(),
        };
        Link::new(Kind::Turn(turns.take()), self.address.clone())
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        Ok(Box::new(Unit::new(self.shared.clone())))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let link = self.shared.reading();
        let question = link.statement("SELECT 1", []);
        match tokio::time::timeout(PING, link.query_one_raw(question)).await {
            Ok(answer) => answer.map(drop).map_err(store_error),
            Err(_) => Err(unavailable(format!("the database at {} does not answer", self.shared.address))),
        }
    }
}
