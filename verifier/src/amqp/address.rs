//! Where the broker is and who we are there, read from a URL (RabbitMQ URI specification).

use std::fmt;
use std::time::Duration;

use amqprs::connection::OpenConnectionArguments;
use amqprs::tls::TlsAdaptor;
use percent_encoding::percent_decode_str;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{AmqpFeedError, tls};

/// In seconds; two missed ones end the connection.
const HEARTBEAT: u16 = 5;

/// A broker's address. `Display` is `host:port/vhost`, without the credentials.
pub(crate) struct Address {
    /// As the URL has it: an IPv6 address in brackets.
    host: String,
    port: u16,
    vhost: String,
    user: String,
    password: String,
    /// Present for `amqps`.
    tls: Option<TlsConnector>,
}

impl Address {
    /// Reads `amqp(s)://[user[:password]@]host[:port][/vhost][?cacertfile=…]`. Without credentials it is the broker's
    /// own development account, which RabbitMQ lets in from its own host only.
    pub(crate) fn parse(text: &str) -> Result<Self, AmqpFeedError> {
        let url = Url::parse(text).map_err(|_| AmqpFeedError::Url("it cannot be read as a URL"))?;
        let is_secure = match url.scheme() {
            "amqp" => false,
            "amqps" => true,
            _ => return Err(AmqpFeedError::Url("its scheme is neither amqp nor amqps")),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = decoded(host.ok_or(AmqpFeedError::Url("it names no host"))?)?;
        let (user, password) = match (url.username(), url.password()) {
            ("", None) => ("guest".to_owned(), "guest".to_owned()),
            (user, password) => (decoded(user)?, decoded(password.unwrap_or_default())?),
        };
        let vhost = match url.path().strip_prefix('/') {
            None | Some("") => "/".to_owned(),
            Some(path) if path.contains('/') => {
                return Err(AmqpFeedError::Url("its virtual host holds a slash that is not written %2F"));
            }
            Some(path) => decoded(path)?,
        };
        let mut authorities = None;
        for (key, value) in url.query_pairs() {
            match &*key {
                "cacertfile" => authorities = Some(value.into_owned()),
                _ => return Err(AmqpFeedError::Url("it has a parameter other than cacertfile")),
            }
        }
        let tls = is_secure.then(|| tls::connector(authorities.as_deref())).transpose()?;
        Ok(Self { port: url.port().unwrap_or(if is_secure { 5671 } else { 5672 }), host, vhost, user, password, tls })
    }

    pub(crate) fn arguments(&self) -> OpenConnectionArguments {
        let mut arguments = OpenConnectionArguments::new(&self.host, self.port, &self.user, &self.password);
        arguments.virtual_host(&self.vhost).heartbeat(HEARTBEAT);
        arguments.connection_name(concat!("portcullis-verifier ", env!("CARGO_PKG_VERSION")));
        if let Some(connector) = &self.tls {
            let name = self.host.trim_start_matches('[').trim_end_matches(']');
            arguments.tls_adaptor(TlsAdaptor::new(connector.clone(), name.to_owned()));
        }
        arguments
    }

    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_secs(HEARTBEAT.into())
    }

    /// `text` with the password taken out, without control characters and cut to a line's length: what a broker says
    /// is not to be trusted in a log.
    pub(crate) fn censor(&self, text: &str) -> String {
        let text = if self.password.is_empty() || self.password == self.user {
            text.to_owned()
        } else {
            text.replace(&self.password, "[redacted]")
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

/// Short enough for the protocol, and without what it separates with (RFC 4616 §2).
fn decoded(text: &str) -> Result<String, AmqpFeedError> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| AmqpFeedError::Url("it is not UTF-8"))?;
    if text.len() > 255 || text.chars().any(char::is_control) {
        return Err(AmqpFeedError::Url("a part of it is too long, or holds control characters"));
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_rabbitmq_specifies_it() {
        let address = Address::parse("amqp://us%40er:p%2Fw%3A@broker.example:5673/my%2Fhost").expect("a URL");
        assert_eq!((address.host.as_str(), address.port), ("broker.example", 5673));
        assert_eq!((address.user.as_str(), address.password.as_str()), ("us@er", "p/w:"));
        assert_eq!(address.vhost, "my/host");
        let plain = Address::parse("amqp://localhost").expect("a URL");
        assert_eq!((plain.port, plain.vhost.as_str(), plain.user.as_str()), (5672, "/", "guest"));
        let secure = Address::parse("amqps://a:b@[::1]/%2f").expect("a URL");
        assert_eq!((secure.host.as_str(), secure.port, secure.vhost.as_str()), ("[::1]", 5671, "/"));
        assert!(secure.tls.is_some());
    }

    #[test]
    fn whatever_is_not_an_amqp_url_is_refused_without_being_repeated() {
        let long = format!("amqp://u:Pa55-canary@h/{}", "v".repeat(256));
        for wrong in [
            "",
            "localhost",
            "http://u:Pa55-canary@h/",
            "amqp:///v",
            "amqp://u:Pa55-canary@h/a/b",
            "amqp://u:Pa55-canary@h/?verify=none",
            "amqp://u%00:Pa55-canary@h/",
            "amqp://u:Pa55-canary%ff@h/",
            "amqps://u:Pa55-canary@h/?cacertfile=/nowhere/ca.pem",
            &long,
        ] {
            let error = Address::parse(wrong).err().unwrap_or_else(|| panic!("{wrong} is refused"));
            assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let address = Address::parse("amqp://user:Pa55-canary@localhost:1/v").expect("a URL");
        assert_eq!(address.to_string(), "localhost:1/v");
        assert_eq!(address.censor("echo \0user\0Pa55-canary\r\n"), "echo  user [redacted]  ");
    }
}
