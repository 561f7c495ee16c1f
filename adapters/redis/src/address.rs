//! Where Redis is and who we are there, read from a URL.

use std::fmt;

use percent_encoding::percent_decode_str;
use portcullis_domain::secret::SecretString;
use redis::RedisConnectionInfo;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::settings::RedisConfigError;
use crate::tls;

/// A server's address. `Display` is `host:port/db`; neither it nor `Debug` shows the credentials.
pub(crate) struct Address {
    /// A name or an IP address, an IPv6 address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: u16,
    user: Option<String>,
    password: Option<SecretString>,
    /// Present for `rediss`.
    pub(crate) tls: Option<TlsConnector>,
}

impl Address {
    /// Reads `redis(s)://[[user]:password@]host[:port][/db][?parameters]`.
    pub(crate) fn parse(text: &str) -> Result<Self, RedisConfigError> {
        let url = Url::parse(text).map_err(|_| RedisConfigError::Url("it cannot be read as a URL"))?;
        let secure = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(RedisConfigError::Url("its scheme is neither redis nor rediss")),
        };
        let host = host(&url)?;
        let user = match url.username() {
            "" => None,
            user => Some(decoded(user, "its user name is not UTF-8")?),
        };
        let password = url.password().map(|password| decoded(password, "its password is not UTF-8")).transpose()?;
        if user.is_some() && password.is_none() {
            return Err(RedisConfigError::Url(
                "it has a user name and no password; a password alone is written :password@",
            ));
        }
        let database = match url.path().strip_prefix('/') {
            None | Some("") => 0,
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => number
                .parse()
                .map_err(|_| RedisConfigError::Url("its path is not the number of a database, 0 to 65535"))?,
            Some(_) => return Err(RedisConfigError::Url("its path is not the number of a database, 0 to 65535")),
        };
        if url.fragment().is_some() {
            return Err(RedisConfigError::Url("it has a fragment (#…)"));
        }
        let files = files(&url)?;
        if !secure && files != tls::Files::default() {
            return Err(RedisConfigError::Url("it names certificates, but TLS needs rediss://"));
        }
        let tls = secure.then(|| tls::connector(&files)).transpose()?;
        let password = password.map(SecretString::new);
        Ok(Self { host, port: url.port().unwrap_or(6379), database, user, password, tls })
    }

    /// How the client introduces itself on a new connection.
    pub(crate) fn introduction(&self) -> RedisConnectionInfo {
        let info = RedisConnectionInfo::default().set_db(i64::from(self.database));
        let info = match &self.user {
            Some(user) => info.set_username(user),
            None => info,
        };
        match &self.password {
            Some(password) => info.set_password(password.expose()),
            None => info,
        }
    }

    /// `text` with the password taken out, without control characters and cut to a line's length: what a server says is
    /// not to be trusted in a log.
    pub(crate) fn censor(&self, text: &str) -> String {
        let text = match &self.password {
            Some(password) if !password.expose().is_empty() => text.replace(password.expose(), "[redacted]"),
            _ => text.to_owned(),
        };
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}/{}", self.host, self.port, self.database)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self}, tls: {})", self.tls.is_some())
    }
}

fn host(url: &Url) -> Result<String, RedisConfigError> {
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => decoded(name, "its host is not UTF-8")?,
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err(RedisConfigError::Url("it names no host")),
    };
    if host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(RedisConfigError::Url("its host holds control characters or spaces"));
    }
    Ok(host)
}

fn files(url: &Url) -> Result<tls::Files, RedisConfigError> {
    let mut files = tls::Files::default();
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "cacertfile" => files.authorities = Some(value.as_ref().into()),
            "certfile" => files.certificate = Some(value.as_ref().into()),
            "keyfile" => files.key = Some(value.as_ref().into()),
            unknown => return Err(RedisConfigError::UnknownParameter(unknown.chars().take(40).collect())),
        }
    }
    Ok(files)
}

fn decoded(text: &str, otherwise: &'static str) -> Result<String, RedisConfigError> {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(RedisConfigError::Url(otherwise)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::parse(text).expect("a URL that is valid")
    }

    #[test]
    fn a_url_is_read_part_by_part() {
        let address = read("redis://us%40er:p%2Fw%3A@cache.example:6380/12");
        assert_eq!((address.host.as_str(), address.port, address.database), ("cache.example", 6380, 12));
        let introduction = address.introduction();
        assert_eq!((introduction.username(), introduction.password()), (Some("us@er"), Some("p/w:")));
        assert_eq!(introduction.db(), 12);
        assert!(address.tls.is_none());
    }

    #[test]
    fn what_a_url_leaves_out_has_its_usual_value() {
        let plain = read("redis://localhost");
        assert_eq!((plain.port, plain.database, plain.to_string().as_str()), (6379, 0, "localhost:6379/0"));
        assert_eq!((plain.introduction().username(), plain.introduction().password()), (None, None));
        let secure = read("rediss://:secret@[::1]/");
        assert_eq!((secure.host.as_str(), secure.to_string().as_str()), ("::1", "[::1]:6379/0"));
        assert_eq!((secure.introduction().username(), secure.introduction().password()), (None, Some("secret")));
        assert!(secure.tls.is_some());
    }

    #[test]
    fn whatever_is_not_a_redis_url_is_refused_without_being_repeated() {
        for wrong in [
            "",
            "localhost:6379",
            "http://u:Pa55-canary@h/",
            "unix:///run/redis.sock",
            "redis:///0",
            "redis://u:Pa55-canary@/0",
            "redis://Pa55-canary@h/",
            "redis://u:Pa55-canary@h/main",
            "redis://u:Pa55-canary@h/-1",
            "redis://u:Pa55-canary@h/+1",
            "redis://u:Pa55-canary@h/65536",
            "redis://u:Pa55-canary@h/0/1",
            "redis://u:Pa55-canary@h/?timeout=5",
            "redis://u:Pa55-canary@h/?cacertfile=/ca.pem",
            "redis://u:Pa55-canary@h/0#insecure",
            "redis://u:Pa55-canary%ff@h/",
            "redis://u:Pa55-canary@a%0ab/",
            "redis://u:Pa55-canary@h:99999/",
        ] {
            let error = Address::parse(wrong).expect_err(wrong);
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = read("redis://user:Pa55-canary@localhost:1/3");
        assert_eq!(address.to_string(), "localhost:1/3");
        assert_eq!(format!("{address:?}"), "Address(localhost:1/3, tls: false)");
        assert_eq!(address.censor("ERR AUTH user Pa55-canary\r\n"), "ERR AUTH user [redacted]  ");
    }
}
