//! Where the broker is and who we are there, read from a URL (RabbitMQ URI specification).

use std::fmt;

use percent_encoding::percent_decode_str;
use portcullis_domain::secret::SecretString;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::settings::{AmqpConfigError, name};
use crate::tls;

const DEFAULT_HEARTBEAT: u16 = 10;

/// A broker's address. `Display` is `host:port/vhost`; neither it nor `Debug` shows the credentials.
pub(crate) struct Address {
    /// As the URL has it: an IPv6 address in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
    pub(crate) user: String,
    pub(crate) password: SecretString,
    /// In seconds; two missed ones end the connection.
    pub(crate) heartbeat: u16,
    /// Present for `amqps`.
    pub(crate) tls: Option<TlsConnector>,
}

impl Address {
    /// Reads `amqp(s)://[user[:password]@]host[:port][/vhost][?parameters]`. Without credentials it is the broker's
    /// own development account, which RabbitMQ lets in from its own host only.
    pub(crate) fn parse(text: &str) -> Result<Self, AmqpConfigError> {
        let url = Url::parse(text).map_err(|_| AmqpConfigError::Url("it cannot be read as a URL"))?;
        let secure = match url.scheme() {
            "amqp" => false,
            "amqps" => true,
            _ => return Err(AmqpConfigError::Url("its scheme is neither amqp nor amqps")),
        };
        let host = match url.host_str() {
            Some(host) if !host.is_empty() => decoded(host, "its host is not UTF-8")?,
            _ => return Err(AmqpConfigError::Url("it names no host")),
        };
        let (user, password) = match (url.username(), url.password()) {
            ("", None) => ("guest".to_owned(), "guest".to_owned()),
            (user, password) => (
                decoded(user, "its user name is not UTF-8")?,
                decoded(password.unwrap_or_default(), "its password is not UTF-8")?,
            ),
        };
        // SASL PLAIN separates the two by NUL (RFC 4616 §2).
        if user.contains('\0') || password.contains('\0') {
            return Err(AmqpConfigError::Url("its credentials hold a NUL"));
        }
        let vhost = match url.path().strip_prefix('/') {
            None | Some("") => "/".to_owned(),
            Some(path) if path.contains('/') => {
                return Err(AmqpConfigError::Url("its virtual host holds a slash that is not written %2F"));
            }
            Some(path) => decoded(path, "its virtual host is not UTF-8")?,
        };
        name("host", &host)?;
        name("virtual host", &vhost)?;
        let parameters = Parameters::read(&url)?;
        let tls = secure.then(|| tls::connector(&parameters.files)).transpose()?;
        Ok(Self {
            port: url.port().unwrap_or(if secure { 5671 } else { 5672 }),
            heartbeat: parameters.heartbeat,
            password: SecretString::new(password),
            host,
            vhost,
            user,
            tls,
        })
    }

    /// `text` with the password taken out, without control characters and cut to a line's length: what a broker says
    /// is not to be trusted in a log.
    pub(crate) fn censor(&self, text: &str) -> String {
        let password = self.password.expose();
        let text = if password.is_empty() || password == self.user {
            text.to_owned()
        } else {
            text.replace(password, "[redacted]")
        };
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vhost = if self.vhost == "/" { "" } else { &self.vhost };
        write!(f, "{}:{}/{vhost}", self.host, self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self}, tls: {})", self.tls.is_some())
    }
}

/// What stands behind the `?`.
struct Parameters {
    heartbeat: u16,
    files: tls::Files,
}

impl Parameters {
    fn read(url: &Url) -> Result<Self, AmqpConfigError> {
        let mut read = Self { heartbeat: DEFAULT_HEARTBEAT, files: tls::Files::default() };
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                // Below 2 s the client has no interval to beat in.
                "heartbeat" => match value.parse() {
                    Ok(seconds @ 2..=600) => read.heartbeat = seconds,
                    _ => return Err(AmqpConfigError::Url("its heartbeat is not a number of seconds from 2 to 600")),
                },
                "cacertfile" => read.files.authorities = Some(value.as_ref().into()),
                "certfile" => read.files.certificate = Some(value.as_ref().into()),
                "keyfile" => read.files.key = Some(value.as_ref().into()),
                unknown => return Err(AmqpConfigError::UnknownParameter(unknown.chars().take(40).collect())),
            }
        }
        Ok(read)
    }
}

fn decoded(text: &str, otherwise: &'static str) -> Result<String, AmqpConfigError> {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(AmqpConfigError::Url(otherwise)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::parse(text).expect("a URL that is valid")
    }

    #[test]
    fn a_url_is_read_as_rabbitmq_specifies_it() {
        let address = read("amqp://us%40er:p%2Fw%3A@broker.example:5673/my%2Fhost?heartbeat=30");
        assert_eq!((address.host.as_str(), address.port), ("broker.example", 5673));
        assert_eq!((address.user.as_str(), address.password.expose()), ("us@er", "p/w:"));
        assert_eq!((address.vhost.as_str(), address.heartbeat), ("my/host", 30));
        assert!(address.tls.is_none());
    }

    #[test]
    fn what_a_url_leaves_out_has_its_usual_value() {
        let plain = read("amqp://localhost");
        assert_eq!((plain.port, plain.vhost.as_str(), plain.heartbeat), (5672, "/", DEFAULT_HEARTBEAT));
        assert_eq!((plain.user.as_str(), plain.password.expose()), ("guest", "guest"));
        let secure = read("amqps://a:b@[::1]/%2f");
        assert_eq!((secure.host.as_str(), secure.port, secure.vhost.as_str()), ("[::1]", 5671, "/"));
        assert!(secure.tls.is_some());
        assert_eq!(read("amqp://user@localhost").password.expose(), "");
    }

    #[test]
    fn whatever_is_not_an_amqp_url_is_refused_without_being_repeated() {
        let long = format!("amqp://u:Pa55-canary@h/{}", "v".repeat(256));
        for wrong in [
            "",
            "localhost",
            "http://u:Pa55-canary@h/",
            "amqp:///v",
            "amqp://u:Pa55-canary@/v",
            "amqp://u:Pa55-canary@h/a/b",
            "amqp://u:Pa55-canary@h/?heartbeat=0",
            "amqp://u:Pa55-canary@h/?heartbeat=x",
            "amqp://u:Pa55-canary@h/?verify=none",
            "amqp://u%00:Pa55-canary@h/",
            "amqp://u:Pa55-canary%ff@h/",
            "amqp://u:Pa55-canary@h/a%0ab",
            "amqp://u:Pa55-canary@h:99999/",
            &long,
        ] {
            let error = Address::parse(wrong).expect_err(wrong);
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = read("amqp://user:Pa55-canary@localhost:1/v");
        assert_eq!(address.to_string(), "localhost:1/v");
        assert_eq!(format!("{address:?}"), "Address(localhost:1/v, tls: false)");
        assert_eq!(address.censor("echo \0user\0Pa55-canary\r\n"), "echo  user [redacted]  ");
    }
}
