//! The OAuth 2 protocol endpoints: tokens (RFC 6749), introspection (RFC 7662) and revocation (RFC 7009).

mod client;
mod credentials;
mod document;
mod error;
mod form;
mod introspect;
mod revoke;
mod schemas;
mod token;

use std::sync::Arc;

use poem::endpoint::make;
use poem::http::Method;
use poem::{Request, RequestBody, Response};

use crate::limits;
use crate::routes::Routes;
use crate::state::{State, Visit};

pub(crate) use client::authenticate;
pub(crate) use document::{CLIENT_SCHEME, paths, security_schemes};
pub(crate) use error::OAuthError;
use form::Form;
pub(crate) use form::decode;
pub(crate) use schemas::schemas;
pub(crate) use token::GRANT_TYPES;

/// The path of the token endpoint.
pub(crate) const TOKEN: &str = "/oauth2/token";
/// The path of introspection.
pub(crate) const INTROSPECT: &str = "/oauth2/introspect";
/// The path of revocation.
pub(crate) const REVOKE: &str = "/oauth2/revoke";

/// How a client with a secret authenticates, by the names of RFC 8414.
pub(crate) const SECRET_METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];
/// How one does that has none.
pub(crate) const NO_SECRET: &str = "none";

/// Adds the endpoints.
pub(crate) fn add_routes(routes: &mut Routes, state: &Arc<State>) {
    let shared = state.clone();
    routes.add(Method::POST, TOKEN, make(move |request| token(shared.clone(), request)));
    let shared = state.clone();
    let introspect = make(move |request| introspect(shared.clone(), request));
    routes.add(Method::POST, INTROSPECT, introspect);
    let shared = state.clone();
    routes.add(Method::POST, REVOKE, make(move |request| revoke(shared.clone(), request)));
}

/// The parameters of a request. What is none is counted, for nobody has proved anything yet.
async fn read_form(request: &Request, body: &mut RequestBody) -> Result<Form, OAuthError> {
    match Form::read(request, body).await {
        Ok(form) => Ok(form),
        Err(error) => {
            limits::count_stranger(Visit::of(request)?).await?;
            Err(error)
        }
    }
}

async fn token(state: Arc<State>, request: Request) -> Result<Response, OAuthError> {
    let (request, mut body) = request.split();
    let form = read_form(&request, &mut body).await?;
    token::answer(&state, &form, &request).await
}

async fn introspect(state: Arc<State>, request: Request) -> Result<Response, OAuthError> {
    let (request, mut body) = request.split();
    let form = read_form(&request, &mut body).await?;
    authenticate(&request, Some(&form)).await?;
    introspect::answer(&state, &form, &request).await
}

async fn revoke(state: Arc<State>, request: Request) -> Result<Response, OAuthError> {
    let (request, mut body) = request.split();
    let form = read_form(&request, &mut body).await?;
    let client = authenticate(&request, Some(&form)).await?;
    revoke::answer(&state, &client, &form, &request).await
}
