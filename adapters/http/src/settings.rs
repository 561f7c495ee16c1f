//! What the operator sets.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use portcullis_domain::ports::ambient::{Clock, Randomness};
use portcullis_domain::ports::limits::{Quota, RateLimiter};
use portcullis_domain::ports::security::Mac;
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
    /// Who may call `/oauth2/introspect`, `/oauth2/revoke` and `/api/v1/revocations` besides the clients in the store. They
    /// get no tokens.
    pub clients: Vec<Client>,
    /// The origins besides our own whose pages may call this service with cookies (CORS and CSRF): `scheme://host[:port]`.
    pub allowed_origins: Vec<String>,
    /// The proxies in front: only they are believed about whom they speak for. `X-Forwarded-For` is read from the right
    /// up to the first address that is none of them, and `Forwarded` (RFC 7239) when there is no such header: a proxy
    /// that writes `Forwarded` must remove `X-Forwarded-For`.
    pub trusted_proxies: Vec<IpNet>,
    /// Counts requests.
    pub limiter: Arc<dyn RateLimiter>,
    /// How many requests are too many.
    pub quotas: Quotas,
    /// Makes CSRF tokens.
    pub mac: Arc<dyn Mac>,
    /// The longest request body, in bytes.
    pub body_limit: usize,
    /// The longest time a request may take, its body's arrival included.
    pub request_timeout: Duration,
    /// Whether every request is logged at level INFO; otherwise it is at level DEBUG.
    pub access_log: bool,
    /// Where events are published, for the AsyncAPI document.
    pub events: EventExchange,
    /// The version of the program, for the documents.
    pub version: &'static str,
    /// The time, for request ids.
    pub clock: Arc<dyn Clock>,
    /// Chance, for request ids.
    pub random: Arc<dyn Randomness>,
}

/// How often one address (an IPv6 network of 64 bits), one client, or one account may ask; `None` is as often as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// `POST /api/v1/auth/login`, `/api/v1/auth/set-password` and `/api/v1/setup`, by address; likewise, in a bucket of their
    /// own, credentials of clients and API keys that this replica does not know to be good.
    pub login: Option<Quota>,
    /// `POST /api/v1/auth/register`, by address.
    pub register: Option<Quota>,
    /// `POST /api/v1/auth/refresh`, and `POST /oauth2/token` with a refresh token, by address.
    pub refresh: Option<Quota>,
    /// What clients ask (introspection, revocation, tokens in their own name, news of revocations), by client; failed
    /// client authentication by address, and as other requests when this is `None`.
    pub introspect: Option<Quota>,
    /// What changes the own account, and `POST /api/v1/auth/logout-all`, by address.
    pub change: Option<Quota>,
    /// What those in charge change: accounts of others, roles, API keys and clients, by address.
    pub manage: Option<Quota>,
    /// What writes out everything (`/api/v1/me/export`, `/api/v1/users/export`, `/api/v1/users/{id}/export`,
    /// `/api/v1/audit/export`), by the account that asks; besides what `other` counts by address.
    pub export: Option<Quota>,
    /// Token checks for proxies, keys, documents and health are free; everything else, by address.
    pub other: Option<Quota>,
}

/// Where events are published, as far as everybody may know: nothing here tells where the broker is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventExchange {
    /// The durable topic exchange.
    pub name: String,
    /// The durable queue that receives everything, if there is one.
    pub queue: Option<String>,
    /// `amqp` or `amqps`; `None` without a broker.
    pub protocol: Option<&'static str>,
}

/// An OAuth 2 client that authenticates with a secret (RFC 6749 §2.3.1).
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: SecretString,
}
