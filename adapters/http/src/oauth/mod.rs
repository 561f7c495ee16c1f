//! The OAuth 2 protocol endpoints: introspection (RFC 7662) and revocation (RFC 7009).

mod client;
mod document;
mod error;
mod form;
mod introspect;
mod revoke;

use std::sync::Arc;

use poem::endpoint::make;
use poem::http::Method;
use poem::{Request, Response};

use crate::limits;
use crate::routes::Routes;
use crate::state::State;

use client::authenticate;
pub(crate) use document::{paths, schemas, security_schemes};
pub(crate) use error::OAuthError;
use form::Form;

/// The path of introspection.
const INTROSPECT: &str = "/oauth2/introspect";
/// The path of revocation.
const REVOKE: &str = "/oauth2/revoke";

/// Adds the endpoints.
pub(crate) fn add_routes(routes: &mut Routes, state: &Arc<State>) {
    let shared = state.clone();
    let introspect = make(move |request| introspect(shared.clone(), request));
    routes.add(Method::POST, INTROSPECT, introspect);
    let shared = state.clone();
    routes.add(Method::POST, REVOKE, make(move |request| revoke(shared.clone(), request)));
}

async fn introspect(state: Arc<State>, request: Request) -> Result<Response, OAuthError> {
    let (request, mut body) = request.split();
    let form = Form::read(&request, &mut body).await?;
    limits::admit(&request, authenticate(&state.settings.clients, request.headers(), &form)).await?;
    introspect::answer(&state.app, &state.settings.issuer, &form).await
}

async fn revoke(state: Arc<State>, request: Request) -> Result<Response, OAuthError> {
    let (request, mut body) = request.split();
    let form = Form::read(&request, &mut body).await?;
    let client = limits::admit(&request, authenticate(&state.settings.clients, request.headers(), &form)).await?;
    revoke::answer(&state, client, &form, &request).await
}
