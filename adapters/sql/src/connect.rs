//! The first connection.

use std::path::PathBuf;
use std::sync::Arc;

use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::store::StoreError;
use sea_orm::ConnectionTrait;

use crate::address::Address;
use crate::error::{is_no_table, remedy, said, store_error};
use crate::store::{Database, SqlStore};
use crate::{SqlSettings, postgres, sqlite};

/// Why there is no connection to the database. It never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read.
    #[error(
        "the database address is not understood: {why}; it has the form sqlite://data/portcullis.db or \
         postgres://user:password@host:5432/database"
    )]
    Address {
        /// What is wrong with it.
        why: String,
    },
    /// The folder of the database file cannot be made, or the file not be opened.
    #[error("the database file {} cannot be used: {why}; check that the folder exists and may be written", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no database file, and none is to be made.
    #[error("there is no database at {}", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
    },
    /// The server does not answer, or refuses.
    #[error("the database at {address} cannot be used: {why}; {remedy}")]
    Server {
        /// Where, without the password.
        address: String,
        /// What it said.
        why: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl ConnectError {
    /// What the server at `address` said.
    pub(crate) fn server(address: &str, cause: &sqlx::Error) -> Self {
        Self::Server { address: address.to_owned(), why: said(cause), remedy: remedy(cause) }
    }
}

impl SqlStore {
    /// Whether `url` can be understood; nothing is opened.
    pub fn check_address(url: &str) -> Result<(), ConnectError> {
        Address::parse(url).map(drop).map_err(|why| ConnectError::Address { why })
    }

    /// Connects, without migrating. For SQLite the file and its folder are made when they are absent, readable for
    /// their owner only. `random` gives the ids of events.
    pub async fn connect(url: &str, settings: SqlSettings, random: Arc<dyn Randomness>) -> Result<Self, ConnectError> {
        let address = Address::parse(url).map_err(|why| ConnectError::Address { why })?;
        let name = address.to_string();
        let database = match address {
            Address::Postgres(options) => Database::Postgres(postgres::connect(*options, &name, settings).await?),
            Address::File(path) => Database::Sqlite(sqlite::open_file(path, settings).await?),
            Address::Memory => Database::Sqlite(sqlite::open_memory(settings).await?),
        };
        Ok(Self::over(database, name, random))
    }

    /// Connects like [`Self::connect`], but to a SQLite file only when it is there; nothing is made.
    pub async fn connect_existing(
        url: &str,
        settings: SqlSettings,
        random: Arc<dyn Randomness>,
    ) -> Result<Self, ConnectError> {
        if let Ok(Address::File(path)) = Address::parse(url)
            && let Ok(false) = path.try_exists()
        {
            return Err(ConnectError::Missing { path: std::path::absolute(&path).unwrap_or(path) });
        }
        Self::connect(url, settings, random).await
    }

    /// Whether something is sealed with the master key: signing keys, or the secrets of webhooks. The schema need not be
    /// up to date, nor be there.
    pub async fn has_sealed(&self) -> Result<bool, StoreError> {
        let link = self.shared().reading();
        for look in ["SELECT 1 FROM signing_keys LIMIT 1", "SELECT 1 FROM webhooks LIMIT 1"] {
            match link.query_one_raw(link.statement(look, [])).await {
                Ok(Some(_)) => return Ok(true),
                Ok(None) => {}
                Err(error) if is_no_table(&error) => {}
                Err(error) => return Err(store_error(error)),
            }
        }
        Ok(false)
    }
}
