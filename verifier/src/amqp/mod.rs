//! The revocation feed over RabbitMQ.
//!
//! ```no_run
//! use portcullis_verifier::Verifier;
//! use portcullis_verifier::amqp::AmqpFeed;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let feed = AmqpFeed::new("amqps://orders:secret@broker.example.com")?;
//! let verifier = Verifier::builder("https://auth.example.com").audience("orders").feed(feed).build()?;
//! # Ok(()) }
//! ```

mod address;
mod listener;
mod session;
mod tls;

use std::fmt;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::revocations::{Feed, FeedGuard, FeedSink};
use crate::task::Task;
use address::Address;

/// The first pause after a lost connection.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(5);

/// Listens to the issuer's events with an exclusive queue of its own, bound to `session.revoked`, `token.revoked`,
/// `client.deleted`, `user.*`, `role.*` and `keys.*` on the exchange. The queue goes with the connection, so nothing piles
/// up at the broker for a service that is gone.
///
/// It connects again by itself. What is said while it is away is lost: the gap is reported ([`FeedStatus`]) until every
/// token that was issued before the reconnection has expired, and [`Staleness`] decides about those tokens by the length
/// of this gap. The same goes for what was said before the start, a gap without bounds.
///
/// The account at the broker needs `configure` and `write` for `^amq\.gen-` (its own queue) and `read` for that and the
/// exchange; it need not be able to publish anything.
///
/// [`FeedStatus`]: crate::FeedStatus
/// [`Staleness`]: crate::Staleness
pub struct AmqpFeed {
    address: Address,
    exchange: String,
}

/// The feed cannot be made of these settings. What it says repeats nothing of the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmqpFeedError {
    /// The broker's URL is none.
    #[error("the broker's URL is not valid: {0}")]
    Url(&'static str),
    /// The exchange's name is empty or longer than 255 bytes.
    #[error("the name of the exchange must have 1 to 255 bytes")]
    Exchange,
    /// A certificate cannot be read.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl AmqpFeed {
    /// From the broker at `amqp(s)://[user[:password]@]host[:port][/vhost][?cacertfile=…]`, exchange `auth.events`.
    /// `amqps` verifies the broker against the public authorities, or those in the PEM file `cacertfile`.
    pub fn new(url: &str) -> Result<Self, AmqpFeedError> {
        Ok(Self { address: Address::parse(url)?, exchange: "auth.events".to_owned() })
    }

    /// Another exchange than `auth.events`.
    pub fn exchange(mut self, name: impl Into<String>) -> Result<Self, AmqpFeedError> {
        self.exchange = name.into();
        if (1..=255).contains(&self.exchange.len()) { Ok(self) } else { Err(AmqpFeedError::Exchange) }
    }
}

impl fmt::Debug for AmqpFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpFeed({}, exchange: {})", self.address, self.exchange)
    }
}

impl Feed for AmqpFeed {
    /// Outside a tokio runtime nothing is ever heard, and the log says so.
    fn start(self: Box<Self>, sink: FeedSink) -> FeedGuard {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => Box::new(Task::of(runtime.spawn(self.run(sink)))),
            Err(_) => {
                tracing::error!("the revocation feed needs a tokio runtime: build the verifier inside one");
                Box::new(())
            }
        }
    }
}

impl AmqpFeed {
    async fn run(self: Box<Self>, sink: FeedSink) {
        let mut backoff = Backoff::new(SHORTEST);
        let mut told = None;
        loop {
            let ended = session::run(&self.address, &self.exchange, &sink).await;
            if ended.was_heard {
                // Nobody knows since when the line was dead: silence is noticed after two heartbeats.
                let ago = if ended.was_silent { self.address.heartbeat() * 2 } else { Duration::ZERO };
                sink.lost(ago);
                backoff.reset();
                told = None;
            }
            let why = self.address.censor(&ended.why);
            if told.as_ref() != Some(&why) {
                tracing::warn!(broker = %self.address, reason = %why, "no revocations from RabbitMQ; trying again");
                told = Some(why);
            }
            tokio::time::sleep(backoff.next(LONGEST)).await;
        }
    }
}
