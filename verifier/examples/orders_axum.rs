//! An orders service on axum that trusts the tokens of a Portcullis.
//!
//! ```text
//! portcullis dev                                                      # the issuer, on localhost:8080
//! cargo run -p portcullis-verifier --features tower,amqp,poll --example orders_axum
//! curl -i localhost:3000/orders -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `ISSUER`, `AUDIENCE` and `LISTEN` say otherwise. Revocations come over `AMQP_URL`, or from the issuer itself to the
//! client of `CLIENT_ID` and `CLIENT_SECRET`; without either, revoked tokens live until they expire.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Extension, Router};
use portcullis_verifier::amqp::AmqpFeed;
use portcullis_verifier::poll::PollFeed;
use portcullis_verifier::tower::{bearer, require};
use portcullis_verifier::{Claims, Subject, Verifier};

/// Who ordered what.
type Orders = Arc<Mutex<Vec<(String, String)>>>;

/// One's own orders, for a user: any valid token will do. A service sees those of all.
async fn list(Extension(claims): Extension<Claims>, State(orders): State<Orders>) -> String {
    let all = orders.lock().unwrap_or_else(PoisonError::into_inner);
    let is_theirs = |owner: &str| match claims.speaks_for() {
        Subject::User { id, .. } => owner == id,
        Subject::Client { .. } => true,
    };
    all.iter().filter(|(owner, _)| is_theirs(owner)).map(|(_, item)| format!("{item}\n")).collect()
}

/// A new order, the body: the token must allow `orders:write`.
async fn create(Extension(claims): Extension<Claims>, State(orders): State<Orders>, item: String) -> StatusCode {
    let mut all = orders.lock().unwrap_or_else(PoisonError::into_inner);
    all.push((claims.subject().to_owned(), item));
    StatusCode::CREATED
}

/// Whether tokens can be verified at all; how well revocations are heard.
async fn ready(verifier: Verifier) -> (StatusCode, String) {
    let status = verifier.status();
    let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{} keys; revocations: {:?}\n", status.keys, status.feed))
}

/// The service, with whatever verifier it is given.
pub(crate) fn routes(verifier: Verifier) -> Router {
    let probe = verifier.clone();
    Router::new()
        .route("/orders", post(create).layer(require("orders:write")).get(list))
        .layer(bearer(verifier))
        .route("/readyz", get(move || ready(probe)))
        .with_state(Orders::default())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = setting("ISSUER").unwrap_or_else(|| "http://localhost:8080".to_owned());
    let audience = setting("AUDIENCE").unwrap_or_else(|| "portcullis".to_owned());
    let mut builder = Verifier::builder(&issuer).audience(audience).leeway(Duration::from_secs(5));
    if let Some(url) = setting("AMQP_URL") {
        builder = builder.feed(AmqpFeed::new(&url)?);
    } else if let (Some(id), Some(secret)) = (setting("CLIENT_ID"), setting("CLIENT_SECRET")) {
        builder = builder.feed(PollFeed::new(&issuer, &id, &secret)?);
    }
    let verifier = builder.build()?;
    let listen = setting("LISTEN").unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    axum::serve(tokio::net::TcpListener::bind(listen).await?, routes(verifier)).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example finds its settings in the environment")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
