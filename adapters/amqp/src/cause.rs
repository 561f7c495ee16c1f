//! Why a session ended, and what an operator can do about it.

use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

/// Why there is no session any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The publisher was closed.
    Asked,
    /// The connection was not made; the client's words.
    NotOpened(String),
    /// The connection was not made in time.
    Slow(Duration),
    /// The broker closed the connection.
    ConnectionClosed { code: u16, text: String },
    /// The broker closed the channel.
    ChannelClosed { code: u16, text: String },
    /// The socket was closed, or heartbeats were missed.
    Lost,
    /// A confirm did not come.
    NoConfirm(Duration),
    /// The broker spoke of a publish that is not in flight.
    Miscounted(&'static str),
    /// A message came back although our own queue takes everything: somebody deleted the queue or its binding.
    QueueGone,
    /// The AMQP client failed on something the broker sent.
    ClientFailed,
    /// The operating system refused us something.
    Local(String),
}

/// Causes that tell an operator the same, whatever the system calls them this time.
pub(crate) type Kind = (Discriminant<Cause>, Option<&'static str>);

impl Cause {
    /// What to compare causes by.
    pub(crate) fn kind(&self) -> Kind {
        (discriminant(self), self.remedy())
    }

    /// What to do about it, where there is something to do.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::ConnectionClosed { code, .. } | Self::ChannelClosed { code, .. } => for_code(*code),
            Self::NotOpened(text) => Some(for_text(text)),
            Self::Slow(_) => Some("check that a RabbitMQ listens there and that no firewall drops the packets"),
            Self::NoConfirm(_) => Some(
                "look for a memory or disk alarm of the broker (rabbitmq-diagnostics alarms) and for a queue without a majority",
            ),
            _ => None,
        }
    }
}

/// AMQP 0-9-1 reply codes (§1.2).
const fn for_code(code: u16) -> Option<&'static str> {
    match code {
        403 => Some(
            "check user and password, and grant the user the permissions to configure, write and read the exchange and the queue",
        ),
        406 => Some("it exists with other properties: delete it on the broker, or choose another name in the settings"),
        530 => {
            Some("create the virtual host, and grant the user access to it (rabbitmqctl add_vhost, set_permissions)")
        }
        540 => Some("quorum queues need RabbitMQ 3.8 or later"),
        _ => None,
    }
}

/// The client gives its reasons for a failed connection as text only.
fn for_text(text: &str) -> &'static str {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["certificate", "tls", "handshake", "invalidcontenttype"]) {
        "check that the port speaks TLS and that its certificate is issued for this host by an authority we trust (?cacertfile=…)"
    } else if says(&["not_allowed", "530", "vhost"]) {
        "create the virtual host, and grant the user access to it (rabbitmqctl add_vhost, set_permissions)"
    } else if says(&["peer shutdown", "interrupted", "access_refused", "reset by peer"]) {
        "check user and password (guest is let in from the broker's own host only), and that amqps:// is used for a TLS port"
    } else {
        "check that a RabbitMQ listens there and that it can be reached from here"
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("the publisher was closed"),
            Self::NotOpened(text) => write!(f, "no connection: {text}"),
            Self::Slow(waited) => write!(f, "no connection within {} s", waited.as_secs()),
            Self::ConnectionClosed { code, text } => write!(f, "the broker closed the connection: {code} {text}"),
            Self::ChannelClosed { code, text } => write!(f, "the broker closed the channel: {code} {text}"),
            Self::Lost => f.write_str("the connection was lost"),
            Self::NoConfirm(waited) => write!(f, "no confirm within {} ms", waited.as_millis()),
            Self::Miscounted(what) => write!(f, "the broker sent {what} for a message that is not in flight"),
            Self::QueueGone => f.write_str("the queue or its binding is gone; it is declared again"),
            Self::ClientFailed => f.write_str("the AMQP client failed on what the broker sent"),
            Self::Local(text) => write!(f, "the operating system refused: {text}"),
        }
    }
}
