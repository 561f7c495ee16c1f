//! For the tests of services that consume tokens: an issuer, a clock and a feed, without network and runtime.
//!
//! ```
//! use std::time::Duration;
//! use portcullis_verifier::Rejected;
//! use portcullis_verifier::testing::TestIssuer;
//!
//! let issuer = TestIssuer::new("orders");
//! let verifier = issuer.verifier();
//!
//! // A token says what one wants it to say.
//! let token = issuer.token().subject("alice").scope("orders:read").mint();
//! assert_eq!(verifier.verify(&token)?.subject(), "alice");
//!
//! // A client's own token involves no user.
//! assert_eq!(verifier.verify(&issuer.client_token("reports").mint())?.user(), None);
//!
//! // Every way in which a token is bad has a name.
//! assert_eq!(verifier.verify(&issuer.expired()), Err(Rejected::Expired));
//! assert_eq!(verifier.verify(&issuer.wrong_audience()), Err(Rejected::Audience));
//! assert_eq!(verifier.verify(&issuer.revoked()), Err(Rejected::Revoked));
//!
//! // Time passes when the test says so.
//! issuer.clock().advance(Duration::from_secs(900));
//! assert_eq!(verifier.verify(&token), Err(Rejected::Expired));
//! # Ok::<(), Rejected>(())
//! ```

mod clock;
mod issuer;
mod mint;
mod signer;
mod tokens;

pub use clock::ManualClock;
pub use issuer::TestIssuer;
pub use mint::TokenBuilder;
