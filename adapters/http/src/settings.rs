//! What the operator sets.

use std::sync::Arc;
use std::time::Duration;

use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_domain::secret::SecretString;
use portcullis_domain::tokens::Scope;

/// The settings of the public listener.
pub struct HttpSettings {
    /// The public base URL without a slash at its end; never taken from a request.
    pub issuer: String,
    /// The `client_id` of sessions that begin at `/api/v1/auth/login`.
    pub first_party_client: String,
    /// What the access tokens of such sessions allow.
    pub first_party_scope: Scope,
    /// Who may call `/oauth2/introspect` and `/oauth2/revoke`.
    pub clients: Vec<Client>,
    /// The longest request body, in bytes.
    pub body_limit: usize,
    /// The longest time a request may take, its body's arrival included.
    pub request_timeout: Duration,
    /// Whether every request is logged at level INFO; otherwise it is at level DEBUG.
    pub access_log: bool,
    /// The version of the program, for the documents.
    pub version: &'static str,
    /// The time, for request ids.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request ids.
    pub random: Arc<dyn Randomness>,
}

/// An OAuth 2 client that authenticates with a secret (RFC 6749 §2.3.1).
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: SecretString,
}
