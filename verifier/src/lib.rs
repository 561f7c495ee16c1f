//! Verifies the access tokens of Portcullis in memory, and learns of revocations at once.
//!
//! A service links this crate, names the issuer and itself, and asks about each token. The issuer's keys are found,
//! fetched and kept fresh in the background; no token costs a request.
//!
//! ```no_run
//! use portcullis_verifier::Verifier;
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::builder("https://auth.example.com").audience("orders").build()?;
//!
//! let claims = verifier.verify_async("eyJ0eXAiOiJhdCtqd3QiLCJhbGci…").await?;
//! if claims.allow("orders:write") {
//!     println!("{} may write", claims.subject());
//! }
//! # Ok(()) }
//! ```
//!
//! JWT (RFC 9068; ES256, EdDSA, RS256) and PASETO (v4.public) go through the same call.
//!
//! # What is checked
//! Form, size (8 KiB), `typ`, the key and its own algorithm, the signature, `iss`, `aud`, `exp`, `nbf`, `iat`, that it
//! is either a user's or a client's own ([`Subject`]), whether it, its session, client or subject was revoked, and
//! whether what it says of roles and permissions still holds. A token is read in one strict spelling only; nothing in it
//! ever chooses where keys come from or how it is verified (RFC 8725). See [`Rejected`] for every reason to refuse.
//!
//! # When the issuer is away
//! Verification goes on with the keys that are known, and fetching is tried again, ever less often. A service that
//! starts meanwhile starts as well: until there are keys, tokens are refused with [`Rejected::NoKeys`], which is the
//! only reason (with [`Rejected::Stale`]) that is a 503 rather than a 401.
//!
//! # Revocations
//! A [`Feed`] tells of ended sessions, deleted accounts and clients, changed roles and withdrawn keys: over RabbitMQ (feature `amqp`,
//! `amqp::AmqpFeed`), by asking the issuer (feature `poll`, `poll::PollFeed`), or from the service itself
//! ([`ManualFeed`]). [`Staleness`] says what happens to tokens that may
//! have been revoked unheard. Without a feed a revoked token lives until it expires.
//!
//! # Features
//! | feature | what it adds |
//! |---|---|
//! | `discovery` (default) | finds and fetches keys over HTTP |
//! | `amqp` | the revocation feed over RabbitMQ |
//! | `poll` | the revocation feed from the issuer itself, without a broker |
//! | `poem` | extractor and middlewares for poem |
//! | `tower` | layers for axum, tonic and others |
//! | `testing` | an issuer, a clock and a feed for the tests of services |

mod algorithm;
#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(any(feature = "discovery", feature = "amqp"))]
mod backoff;
mod base64url;
mod bearer;
mod build;
mod build_error;
mod builder;
mod cache;
mod claims;
mod clock;
mod denied;
#[cfg(feature = "discovery")]
mod discovery;
mod header;
mod instant;
mod issuer_url;
mod jwt;
mod keys;
mod low_s;
mod paseto;
mod payload;
mod permission;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "poll")]
pub mod poll;
mod refresh;
mod rejected;
mod revocations;
mod status;
mod subject;
#[cfg(any(feature = "discovery", feature = "amqp"))]
mod task;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
pub mod tower;
mod verifier;

pub use algorithm::Algorithm;
pub use bearer::bearer_token;
pub use build_error::BuildError;
pub use builder::Builder;
pub use claims::Claims;
pub use clock::{Clock, SystemClock};
pub use denied::Denied;
pub use rejected::Rejected;
pub use revocations::{
    Feed, FeedGuard, FeedSink, FeedStatus, ManualFeed, ManualFeedHandle, Staleness, UnreadableEvent,
};
pub use status::Status;
pub use subject::Subject;
pub use verifier::Verifier;

/// The code of the guide is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../docs/verifier.md")]
struct Guide;
