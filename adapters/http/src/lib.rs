//! The HTTP adapter: the only place where HTTP has a meaning.
//!
//! [`public`] is the API for the world, [`management`] the listener for operators, [`openapi`] the document that
//! describes the former. A request enters through the door (request id, limits, panics, error dialect, headers,
//! metrics), is parsed into domain types, and calls one use case of [`App`].
//!
//! Errors are RFC 9457 problems, under `/oauth2` RFC 6749 error objects; nothing in them tells of the inside.

mod access;
mod accounts;
mod administration;
mod answer;
mod body;
mod caller;
mod client_address;
mod cookies;
mod cors;
mod csrf;
mod discovery;
mod documents;
mod door;
mod health;
mod keys;
mod limits;
mod management;
mod metering;
mod oauth;
mod openapi;
mod origin;
mod page;
mod path;
mod places;
mod precondition;
mod problem;
mod revocations;
mod routes;
mod schema;
mod sessions;
mod settings;
mod setup;
mod state;

use std::sync::Arc;

use poem::Endpoint;
use portcullis_domain::App;

pub use client_address::{TrustedProxies, network_of};
pub use documents::asyncapi;
pub use health::{Check, Health, Probe};
pub use management::management;
pub use openapi::openapi;
pub use settings::{Client, EventExchange, HttpSettings, Quotas};

use door::Door;
use routes::Routes;
use state::State;

/// The API for the world: first-party REST, OAuth 2, metadata, health and documents.
///
/// Metrics are recorded through the recorder of the `metrics` crate that is installed when a route is first used.
pub fn public(
    app: Arc<App>,
    settings: Arc<HttpSettings>,
    health: Arc<Health>,
) -> impl Endpoint<Output = poem::Response> + 'static {
    let state = Arc::new(State { app, settings });
    let mut routes = Routes::new();
    routes.add_api(accounts::AccountApi(state.clone()));
    routes.add_api(sessions::SessionApi(state.clone()));
    routes.add_api(access::AccessApi);
    routes.add_api(access::OwnKeyApi(state.clone()));
    routes.add_api(access::KeyApi(state.clone()));
    administration::add_routes(&mut routes, &state);
    setup::add_routes(&mut routes, &state);
    oauth::add_routes(&mut routes, &state);
    revocations::add_routes(&mut routes, &state, &health);
    keys::add_routes(&mut routes, &state);
    discovery::add_routes(&mut routes, &state.settings);
    health::add_routes(&mut routes, health);
    documents::add_routes(&mut routes, &state.settings);
    Door::new(routes, state)
}
