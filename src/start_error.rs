//! Why the service does not start.

use std::net::SocketAddr;

use portcullis_domain::Failure;
use portcullis_domain::tokens::KeysError;

use crate::config::ConfigError;

/// Why the service does not start: what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// The database cannot be reached or used.
    #[error("database: {0}")]
    Database(String),
    /// The signing keys cannot be used.
    #[error("signing keys: {0}")]
    Keys(String),
    /// The broker's settings cannot be used.
    #[error("events: {0}")]
    Broker(String),
    /// The settings of Redis cannot be used.
    #[error("redis: {0}")]
    Redis(String),
    /// A port cannot be opened.
    #[error("the address {address} cannot be opened: {cause}; choose another port with {setting}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
        /// The setting that decides it.
        setting: &'static str,
    },
}

impl StartError {
    pub(crate) fn database(error: impl std::fmt::Display) -> Self {
        Self::Database(error.to_string())
    }

    /// What every replica must know cannot be read: told with the cause, which names the row that cannot be.
    pub(crate) fn learning(failure: &Failure) -> Self {
        let cause = std::error::Error::source(failure).map(ToString::to_string).unwrap_or_default();
        Self::Database(format!("{failure}: {cause}"))
    }

    pub(crate) fn broker(error: impl std::fmt::Display) -> Self {
        Self::Broker(error.to_string())
    }

    pub(crate) fn redis(error: impl std::fmt::Display) -> Self {
        Self::Redis(error.to_string())
    }

    pub(crate) fn hasher(error: impl std::fmt::Display) -> Self {
        Self::Config(ConfigError::new("passwords", "the configuration", error.to_string()))
    }
}

impl From<KeysError> for StartError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Sealed { .. } => Self::Keys(format!(
                "{error}. Start with the SECRET_KEY (or key file) that this database was first started with"
            )),
            other => Self::Keys(other.to_string()),
        }
    }
}
