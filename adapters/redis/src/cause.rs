//! Why Redis is away, and what an operator can do about it.

use std::fmt;
use std::time::Duration;

use redis::{ErrorKind, RedisError};

use crate::address::Address;

/// Why something with Redis did not go well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The connection was not made; the system's or the TLS library's words.
    NotOpened(String),
    /// No answer in time.
    Slow(Duration),
    /// The connection ended.
    Lost,
    /// Redis said no; its code and words.
    Refused { code: String, text: String },
    /// What answered is not Redis, or not one that we know.
    Garbled(String),
}

/// Causes that tell an operator the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It cannot be reached, or not in time.
    Away,
    /// It answers, but not as we need it.
    Unwilling,
}

impl Cause {
    pub(crate) fn of(error: RedisError, address: &Address) -> Self {
        match error.kind() {
            ErrorKind::Io => Self::Lost,
            ErrorKind::AuthenticationFailed => {
                Self::Refused { code: "WRONGPASS".to_owned(), text: address.censor(&error.to_string()) }
            }
            ErrorKind::Server(_) | ErrorKind::Extension => Self::refused(error, address),
            _ => Self::Garbled(address.censor(&error.to_string())),
        }
    }

    /// In the words of Redis; of several answers the first that is a refusal.
    fn refused(error: RedisError, address: &Address) -> Self {
        let unnamed = address.censor(&error.to_string());
        match error.into_server_errors().as_deref() {
            Some([(_, first), ..]) => {
                let text = format!("{} {}", first.code(), first.details().unwrap_or_default());
                Self::Refused { code: first.code().to_owned(), text: address.censor(text.trim_end()) }
            }
            _ => Self::Refused { code: String::new(), text: unnamed },
        }
    }

    /// Whether it was Redis that said no, so that another connection would not help.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// What to compare causes by.
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::NotOpened(_) | Self::Slow(_) | Self::Lost => Kind::Away,
            Self::Refused { .. } | Self::Garbled(_) => Kind::Unwilling,
        }
    }

    /// What to do about it, where there is something to do.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::NotOpened(text) if says(text, &["certificate", "tls", "handshake", "corrupt"]) => {
                "check that the port speaks TLS and that its certificate is issued for this host by an authority we trust (?cacertfile=…)"
            }
            Self::NotOpened(_) => "check that a Redis listens there and that it can be reached from here",
            Self::Slow(_) => {
                "check that no firewall drops the packets and that rediss:// is used for a TLS port only, and look for slow commands (SLOWLOG GET) and saturated CPUs"
            }
            Self::Lost => {
                "look into the log of Redis; if it is at once lost again, check that rediss:// is used for a TLS port"
            }
            Self::Refused { code, .. } => for_code(code),
            Self::Garbled(_) => "check that it is a Redis 6.2 or later, and that rediss:// is used for a TLS port only",
        }
    }
}

fn for_code(code: &str) -> &'static str {
    match code {
        "NOAUTH" | "WRONGPASS" => "check user and password in the URL",
        "NOPERM" => {
            "grant the user +@connection +@read +@write +@scripting +publish +subscribe +time on the keys and channels of our prefix"
        }
        "OOM" => "give Redis more memory (maxmemory), or a policy that evicts",
        "READONLY" => "use the address of the primary, not of a replica",
        "LOADING" | "BUSY" => "wait: Redis is loading its data or runs a long script",
        "MISCONF" => "Redis cannot write its snapshot: look at its disk",
        "MOVED" | "CLUSTERDOWN" | "CROSSSLOT" => "use a Redis without cluster mode",
        _ => "check that it is a Redis 6.2 or later, and that the database of the URL exists",
    }
}

fn says(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpened(text) => write!(f, "no connection: {text}"),
            Self::Slow(waited) => write!(f, "no answer within {} ms", waited.as_millis()),
            Self::Lost => f.write_str("the connection was lost"),
            Self::Refused { text, .. } => write!(f, "Redis refuses: {text}"),
            Self::Garbled(text) => write!(f, "the answer was not understood: {text}"),
        }
    }
}
