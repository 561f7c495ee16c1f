//! The state of the way out: the supervisor writes it, publishers read it, each change is one line in the log.

use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::address::Address;
use crate::cause::{Cause, Kind};
use crate::in_flight::Reply;
use crate::message::Message;

/// One publish on its way to the session.
pub(crate) struct Order {
    pub(crate) message: Message,
    pub(crate) reply: Reply,
}

/// Where orders go while a session can take them.
pub(crate) type Link = mpsc::Sender<Order>;

/// What the way out is like.
#[derive(Clone)]
pub(crate) enum State {
    /// There is no session; why.
    Down(String),
    /// Publishes are taken.
    Open(Link),
    /// Publishes are taken one at a time: the last session ended without a confirm, and this one waits for its first.
    Unproven(Link),
    /// The broker takes no publishes; why.
    Blocked(String),
    /// The publisher is being closed, or is.
    Leaving,
    /// The supervisor has ended.
    Closed,
}

impl State {
    /// Where to send an order, or why there is nowhere.
    pub(crate) fn link(&self) -> Result<&Link, &str> {
        match self {
            Self::Open(link) | Self::Unproven(link) => Ok(link),
            Self::Down(why) | Self::Blocked(why) => Err(why),
            Self::Leaving | Self::Closed => Err("the publisher is closed"),
        }
    }

    /// Why the way out is not open; `None` when it is.
    pub(crate) fn trouble(&self) -> Option<&str> {
        match self {
            Self::Open(_) => None,
            Self::Unproven(_) => Some("the broker has not confirmed anything since the last timeout"),
            other => other.link().err(),
        }
    }
}

/// Shows the state.
pub(crate) struct Board {
    address: String,
    state: watch::Sender<State>,
    /// The trouble that is in the log and not over.
    told: Mutex<Option<Kind>>,
}

impl Board {
    pub(crate) fn new(address: &Address) -> Self {
        let state = watch::Sender::new(State::Down("not connected yet".to_owned()));
        Self { address: address.to_string(), state, told: Mutex::default() }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Orders are taken. After a session that ended without a confirm (`doubtful`) it is no news until there is one.
    pub(crate) fn connected(&self, link: Link, doubtful: bool) {
        if !doubtful {
            self.tell(None);
            tracing::info!(broker = %self.address, "connected to RabbitMQ");
        }
        self.state.send_replace(State::Open(link));
    }

    /// The first publish of a doubtful session is under way.
    pub(crate) fn unproven(&self, link: Link) {
        self.state.send_replace(State::Unproven(link));
    }

    /// A doubtful session has confirmed.
    pub(crate) fn proven(&self, link: Link) {
        self.tell(None);
        tracing::info!(broker = %self.address, "RabbitMQ confirms again");
        self.state.send_replace(State::Open(link));
    }

    pub(crate) fn blocked(&self, reason: &str) {
        tracing::warn!(broker = %self.address, reason, "RabbitMQ takes no publishes until its alarm is over");
        self.state.send_replace(State::Blocked(format!("RabbitMQ at {} is blocked: {reason}", self.address)));
    }

    pub(crate) fn unblocked(&self, link: Link) {
        tracing::info!(broker = %self.address, "RabbitMQ takes publishes again");
        self.state.send_replace(State::Open(link));
    }

    /// There is no session any more. Attempts that fail for the same kind of cause are one line in the log.
    pub(crate) fn down(&self, cause: &Cause) {
        if self.tell(Some(cause.kind())) {
            let remedy = cause.remedy();
            tracing::warn!(broker = %self.address, reason = %cause, remedy, "RabbitMQ is not available; trying again");
        }
        self.state.send_replace(State::Down(format!("RabbitMQ at {}: {cause}", self.address)));
    }

    /// From here on publishes are refused; those in flight are waited for.
    pub(crate) fn leaving(&self) {
        self.state.send_replace(State::Leaving);
    }

    pub(crate) fn closed(&self) {
        tracing::info!(broker = %self.address, "disconnected from RabbitMQ");
        self.state.send_replace(State::Closed);
    }

    /// Whether `trouble` is news.
    fn tell(&self, trouble: Option<Kind>) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *told, trouble) != trouble
    }
}
