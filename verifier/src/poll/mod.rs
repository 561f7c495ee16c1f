//! The revocation feed from the issuer itself, for services without a broker.
//!
//! ```no_run
//! use portcullis_verifier::Verifier;
//! use portcullis_verifier::poll::PollFeed;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let feed = PollFeed::new("https://auth.example.com", "orders", "pcs_…")?;
//! let verifier = Verifier::builder("https://auth.example.com").audience("orders").feed(feed).build()?;
//! # Ok(()) }
//! ```

mod answer;
mod bulletin;
mod endpoint;
mod listening;

use std::fmt;

use crate::revocations::{Feed, FeedGuard, FeedSink};
use crate::task::Task;
use endpoint::Endpoint;
use listening::Listening;

/// Asks the issuer, again and again, what has been revoked: `GET {issuer}/api/v1/revocations`. The issuer answers as
/// soon as there is news, so a revocation is known within moments.
///
/// The first answer holds everything that still matters, and a cursor leads from one answer to the next, also from one
/// replica of the issuer to another: nothing is missed, not before the start and not while the issuer is away. What is
/// away too long is a matter of [`Staleness`](crate::Staleness).
///
/// It tells of what was revoked, not of changed roles: what a token says of roles and permissions then holds until it
/// expires, unless the service hears of changes in another way ([`Verifier::sink`](crate::Verifier::sink)).
///
/// The service needs a client of its own at the issuer (`portcullis clients create`).
pub struct PollFeed {
    endpoint: Endpoint,
}

/// The feed cannot be made of these settings. What it says repeats nothing of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PollFeedError {
    /// The issuer is no URL to send a secret to.
    #[error("the issuer must be an https URL without query and fragment (or http on this host)")]
    Url,
    /// `client_id` or secret is empty, or longer than 1 KiB.
    #[error("the client's id and secret must have 1 to 1024 bytes")]
    Credentials,
    /// There is no HTTP client: TLS could not be set up.
    #[error("there is no HTTP client: {0}")]
    Client(String),
}

impl PollFeed {
    /// From the issuer at this URL, under its own name or another one, as the client of this id and secret
    /// (`client_secret_basic`, RFC 6749 §2.3.1).
    pub fn new(issuer: &str, client_id: &str, client_secret: &str) -> Result<Self, PollFeedError> {
        Endpoint::new(issuer, client_id, client_secret, false).map(|endpoint| Self { endpoint })
    }

    /// As [`PollFeed::new`], and over plain http from other hosts than this one as well. Whoever sits on the way can
    /// read the secret and hide revocations: for networks that are encrypted below.
    pub fn over_plain_http(issuer: &str, client_id: &str, client_secret: &str) -> Result<Self, PollFeedError> {
        Endpoint::new(issuer, client_id, client_secret, true).map(|endpoint| Self { endpoint })
    }
}

impl fmt::Debug for PollFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PollFeed({})", self.endpoint)
    }
}

impl Feed for PollFeed {
    /// Outside a tokio runtime nothing is ever heard, and the log says so.
    fn start(self: Box<Self>, sink: FeedSink) -> FeedGuard {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => Box::new(Task::of(runtime.spawn(Listening::new(self.endpoint, sink).run()))),
            Err(_) => {
                tracing::error!("the revocation feed needs a tokio runtime: build the verifier inside one");
                Box::new(())
            }
        }
    }
}
