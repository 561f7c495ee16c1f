//! What the publisher needs to know, and what is wrong with it.

use std::time::Duration;

use portcullis_domain::secret::SecretString;
use url::Url;

use crate::address::Address;

/// The longest a name may be in AMQP 0-9-1 (a short string, in bytes).
const MAX_NAME: usize = 255;
/// The publisher port promises an answer within this time.
const LONGEST_PUBLISH: Duration = Duration::from_secs(10);

/// How to reach RabbitMQ and what to declare there.
#[derive(Clone, Debug)]
pub struct AmqpSettings {
    /// `amqp://user:password@host:5672/vhost` or `amqps://…` (default port 5671); user, password and vhost percent-encoded,
    /// several parameters after `?`: `heartbeat` (seconds, 2 to 600, default 10), and for TLS `cacertfile` (PEM with the
    /// authorities to trust instead of the public ones), `certfile` and `keyfile` (PEM, client certificate).
    pub url: SecretString,
    /// The durable topic exchange to publish to and to declare, at most 255 bytes.
    pub exchange: String,
    /// The durable quorum queue to declare and to bind to every event of the exchange, at most 255 bytes; `None`: no queue.
    pub queue: Option<String>,
    /// The CloudEvents `source`: the issuer URL.
    pub source: String,
    /// How long the broker may take to confirm a publish once it was sent, more than 0 and at most 10 s. A caller waits for
    /// twice as long at most, its turn included, and never for more than 10 s.
    pub confirm_timeout: Duration,
    /// What the broker's overview calls this connection, at most 255 bytes.
    pub connection_name: String,
}

/// Why a publisher cannot start. No variant holds the URL or a part of its credentials.
#[derive(Debug, thiserror::Error)]
pub enum AmqpConfigError {
    /// The URL is not an AMQP URL.
    #[error("the AMQP URL is not valid: {0}")]
    Url(&'static str),
    /// The URL has a parameter that is not known here.
    #[error("the AMQP URL has the unknown parameter {0:?}; known are heartbeat, cacertfile, certfile and keyfile")]
    UnknownParameter(String),
    /// A name that the broker would refuse.
    #[error("the AMQP {what} is not valid: {why}")]
    Name {
        /// Which name.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The issuer is not an absolute URL.
    #[error("the event source is not an absolute URL")]
    Source,
    /// Zero, or longer than the publisher port allows.
    #[error("the confirm timeout must be more than 0 and at most 10 seconds")]
    ConfirmTimeout,
    /// A certificate or key could not be used.
    #[error("TLS for the AMQP URL cannot be set up: {0}")]
    Tls(String),
    /// The operating system refused the supervisor its thread or its poll handle.
    #[error("the AMQP supervisor cannot start")]
    Supervisor(#[source] std::io::Error),
}

/// Settings that hold: everything is parsed and within its limits.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) address: Address,
    pub(crate) exchange: String,
    pub(crate) queue: Option<String>,
    pub(crate) source: String,
    pub(crate) confirm_timeout: Duration,
    pub(crate) connection_name: String,
}

impl TryFrom<AmqpSettings> for Plan {
    type Error = AmqpConfigError;

    fn try_from(settings: AmqpSettings) -> Result<Self, AmqpConfigError> {
        let AmqpSettings { url, exchange, queue, source, confirm_timeout, connection_name } = settings;
        declarable("exchange", &exchange)?;
        if let Some(queue) = &queue {
            declarable("queue", queue)?;
        }
        name("connection name", &connection_name)?;
        if Url::parse(&source).is_err() {
            return Err(AmqpConfigError::Source);
        }
        if confirm_timeout.is_zero() || confirm_timeout > LONGEST_PUBLISH {
            return Err(AmqpConfigError::ConfirmTimeout);
        }
        let address = Address::parse(url.expose())?;
        Ok(Self { address, exchange, queue, source, confirm_timeout, connection_name })
    }
}

impl Plan {
    /// How long a caller waits: for its turn to be sent, and then for the confirm.
    pub(crate) fn patience(&self) -> Duration {
        self.confirm_timeout.saturating_mul(2).min(LONGEST_PUBLISH)
    }
}

/// A name of ours: the broker keeps `amq.` for itself.
fn declarable(what: &'static str, text: &str) -> Result<(), AmqpConfigError> {
    if text.starts_with("amq.") {
        return Err(AmqpConfigError::Name { what, why: "names that begin with \"amq.\" belong to the broker" });
    }
    name(what, text)
}

/// The AMQP client panics on names that do not fit a short string, so nothing longer gets past here.
pub(crate) fn name(what: &'static str, text: &str) -> Result<(), AmqpConfigError> {
    let why = if text.is_empty() {
        "it is empty"
    } else if text.len() > MAX_NAME {
        "it is longer than 255 bytes"
    } else if text.chars().any(char::is_control) {
        "it holds control characters"
    } else {
        return Ok(());
    };
    Err(AmqpConfigError::Name { what, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_waits_for_twice_the_confirm_timeout_and_never_longer_than_the_port_promises() {
        for (confirm_timeout, patience) in [(1, 2), (5, 10), (6, 10), (10, 10)] {
            let plan = Plan::try_from(AmqpSettings {
                url: "amqp://user:secret@127.0.0.1:1/v".to_owned().into(),
                exchange: "events".to_owned(),
                queue: None,
                source: "https://auth.example".to_owned(),
                confirm_timeout: Duration::from_secs(confirm_timeout),
                connection_name: "test".to_owned(),
            });
            assert_eq!(plan.expect("they are valid").patience(), Duration::from_secs(patience));
        }
    }
}
