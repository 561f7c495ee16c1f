//! The first connection.

use std::path::PathBuf;
use std::sync::Arc;

use portcullis_domain::ports::ambient::Randomness;

use crate::address::Address;
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
    /// The server does not answer, or refuses.
    #[error(
        "the database at {address} cannot be used: {why}; check that it runs and that address, user and password are right"
    )]
    Server {
        /// Where, without the password.
        address: String,
        /// What it said.
        why: String,
    },
}

impl SqlStore {
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
}
