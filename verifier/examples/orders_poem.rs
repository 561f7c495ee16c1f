//! An orders service on poem that trusts the tokens of a Portcullis.
//!
//! ```text
//! portcullis dev                                                      # the issuer, on localhost:8080
//! cargo run -p portcullis-verifier --features poem,amqp,poll --example orders_poem
//! curl -i localhost:3000/orders -H "Authorization: Bearer $TOKEN"
//! ```
//!
//! `ISSUER`, `AUDIENCE` and `LISTEN` say otherwise. Revocations come over `AMQP_URL`, or from the issuer itself to the
//! client of `CLIENT_ID` and `CLIENT_SECRET`; without either, revoked tokens live until they expire.
#![expect(clippy::needless_pass_by_value, reason = "poem passes what it extracts by value")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use poem::http::StatusCode;
use poem::listener::TcpListener;
use poem::web::{Data, Json};
use poem::{Endpoint, EndpointExt, Route, Server, get, handler};
use portcullis_verifier::amqp::AmqpFeed;
use portcullis_verifier::poem::{bearer, require};
use portcullis_verifier::poll::PollFeed;
use portcullis_verifier::{Claims, Subject, Verifier};
use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize, Serialize)]
struct Order {
    item: String,
}

/// Who ordered what.
#[derive(Default)]
struct Orders(Mutex<Vec<(String, Order)>>);

/// One's own orders, for a user: any valid token will do. A service sees those of all.
#[handler]
fn list(claims: Claims, orders: Data<&Arc<Orders>>) -> Json<Vec<Order>> {
    let all = orders.0.0.lock().unwrap_or_else(PoisonError::into_inner);
    let is_theirs = |owner: &str| match claims.speaks_for() {
        Subject::User { id, .. } => owner == id,
        Subject::Client { .. } => true,
    };
    Json(all.iter().filter(|(owner, _)| is_theirs(owner)).map(|(_, order)| order.clone()).collect())
}

/// A new order: the token must allow `orders:write`.
#[handler]
fn create(claims: Claims, order: Json<Order>, orders: Data<&Arc<Orders>>) -> StatusCode {
    let mut all = orders.0.0.lock().unwrap_or_else(PoisonError::into_inner);
    all.push((claims.subject().to_owned(), order.0));
    StatusCode::CREATED
}

/// Whether tokens can be verified at all; how well revocations are heard.
#[handler]
fn ready(verifier: Data<&Verifier>) -> (StatusCode, String) {
    let status = verifier.status();
    let code = if status.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{} keys; revocations: {:?}\n", status.keys, status.feed))
}

/// The service, with whatever verifier it is given.
pub(crate) fn routes(verifier: Verifier) -> impl Endpoint {
    let orders = get(list).post(create.with(require("orders:write"))).with(bearer(verifier.clone()));
    let routes = Route::new().at("/orders", orders).at("/readyz", get(ready));
    routes.data(verifier).data(Arc::new(Orders::default()))
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
    Server::new(TcpListener::bind(listen)).run(routes(verifier)).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an example finds its settings in the environment")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
