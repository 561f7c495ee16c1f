//! Why the service does not start.

use std::io::ErrorKind;
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
    /// A port cannot be opened.
    #[error("the address {address} cannot be opened: {cause}; {}", remedy(*.address, .cause, .setting))]
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

    pub(crate) fn hasher(error: impl std::fmt::Display) -> Self {
        Self::Config(ConfigError::new("passwords", "the configuration", error.to_string()))
    }
}

fn remedy(address: SocketAddr, cause: &std::io::Error, setting: &str) -> String {
    if cause.kind() == ErrorKind::AddrNotAvailable {
        let (ip, host) =
            (address.ip(), if setting == "PORT" { "PORTCULLIS__SERVER__HOST" } else { "PORTCULLIS__MANAGEMENT__HOST" });
        return format!("{ip} is no address of this machine: choose one that is with {host}, or 0.0.0.0 for all");
    }
    format!("choose another port with {setting}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_another_machine_is_told_from_a_port_that_is_taken() {
        let said = |kind: ErrorKind, setting| {
            let address = SocketAddr::from(([8, 8, 8, 8], 80));
            StartError::Listen { address, cause: kind.into(), setting }.to_string()
        };
        let elsewhere = said(ErrorKind::AddrNotAvailable, "PORT");
        assert!(elsewhere.contains("8.8.8.8 is no address of this machine"), "{elsewhere}");
        assert!(elsewhere.contains("PORTCULLIS__SERVER__HOST") && !elsewhere.contains("another port"), "{elsewhere}");
        let management = said(ErrorKind::AddrNotAvailable, "PORTCULLIS__MANAGEMENT__PORT");
        assert!(management.contains("PORTCULLIS__MANAGEMENT__HOST"), "{management}");
        let taken = said(ErrorKind::AddrInUse, "PORT");
        assert!(taken.contains("8.8.8.8:80") && taken.contains("choose another port with PORT"), "{taken}");
    }
}
