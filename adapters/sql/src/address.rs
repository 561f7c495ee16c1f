//! Where the database is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;

/// A database address, understood. Shown without its password.
#[derive(Clone)]
pub(crate) enum Address {
    /// A SQLite file.
    File(PathBuf),
    /// A SQLite database in memory, gone when it is closed.
    Memory,
    /// A PostgreSQL database.
    Postgres(Box<PgConnectOptions>),
}

/// What may follow the `?` of a PostgreSQL address.
const PARAMETERS: [&str; 15] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The name of the first parameter that the driver would pass over, telling the log its name and its value.
fn unknown_parameter(rest: &str) -> Option<&str> {
    let (_, query) = rest.split_once('?')?;
    let names = query.split('&').map(|pair| pair.split(['=', '[']).next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).find(|name| !PARAMETERS.contains(name))
}

impl Address {
    /// Reads an address; the error says what is wrong with it and never repeats it, for it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", rest)) => Self::sqlite(url, rest),
            Some(("postgres" | "postgresql", rest)) if unknown_parameter(rest).is_some() => {
                Err(format!("it has an unknown parameter `{}`", unknown_parameter(rest).unwrap_or_default()))
            }
            Some(("postgres" | "postgresql", _)) => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self::Postgres(Box::new(plain_at_home(url, options)))),
                Err(error) => Err(error.to_string()),
            },
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
                Err(format!("there is no database of the kind `{scheme}`"))
            }
            _ => Err("it does not begin with the kind of the database".to_owned()),
        }
    }

    fn sqlite(url: &str, rest: &str) -> Result<Self, String> {
        let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let path = path.trim_start_matches("//");
        if path == ":memory:" {
            return Ok(Self::Memory);
        }
        if path.is_empty() {
            return Err("the path of the file is missing".to_owned());
        }
        // The file is always opened for reading and writing, and made when it is absent.
        if !matches!(parameters, "" | "mode=rwc" | "mode=rw") {
            return Err("a SQLite address takes no parameters".to_owned());
        }
        let options = SqliteConnectOptions::from_str(url).map_err(|error| error.to_string())?;
        Ok(Self::File(options.get_filename().to_owned()))
    }
}

/// What does not leave the machine is not encrypted, unless the address asks for it: a handshake would take longer
/// than everything else at the start. Anywhere else sqlx's default holds, which is TLS if the server has it.
fn plain_at_home(url: &str, options: PgConnectOptions) -> PgConnectOptions {
    let asked = url.contains("sslmode=") || url.contains("ssl-mode=");
    let host = options.get_host();
    let home = options.get_socket().is_some()
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if home && !asked { options.ssl_mode(PgSslMode::Disable) } else { options }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "sqlite://{}", path.display()),
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(f, "postgres://{}/{database}", socket.display()),
                    None => write!(f, "postgres://{}:{}/{database}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address =
            Address::parse("postgresql://gate:hunter2@db.example:6543/auth?options=-csearch_path%3Dx").unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:6543/auth");
        assert_eq!(Address::parse("sqlite://data/portcullis.db").unwrap().to_string(), "sqlite://data/portcullis.db");
        assert_eq!(Address::parse("sqlite::memory:").unwrap().to_string(), "sqlite::memory:");
    }

    #[test]
    fn only_what_stays_on_the_machine_is_plain_unless_asked() {
        let mode = |url: &str| match Address::parse(url).unwrap() {
            Address::Postgres(options) => options.get_ssl_mode(),
            _ => panic!("{url} is a PostgreSQL address"),
        };
        for url in ["postgres://a@127.0.0.1/x", "postgres://a@localhost/x", "postgres://a@[::1]:5432/x"] {
            assert!(matches!(mode(url), PgSslMode::Disable), "{url}");
            assert!(matches!(mode(&format!("{url}?sslmode=require")), PgSslMode::Require), "{url}");
        }
        assert!(matches!(mode("postgres://a@db.example/x"), PgSslMode::Prefer));
        assert!(matches!(mode("postgres://a@10.0.0.1/x?sslmode=verify-full"), PgSslMode::VerifyFull));
    }

    #[test]
    fn an_address_of_another_kind_is_refused_without_being_repeated() {
        for url in [
            "mysql://root:hunter2@db/x",
            "hunter2",
            "",
            "sqlite://",
            "sqlite://x.db?cache=hunter2",
            "postgres://a:b:hunter2@@:x/",
        ] {
            let why = Address::parse(url).err().unwrap_or_else(|| panic!("{url} was understood"));
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
