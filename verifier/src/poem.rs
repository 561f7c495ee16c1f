//! For services on [poem](https://docs.rs/poem): [`Claims`] is an extractor, [`bearer`] and [`require`] are middlewares.
//!
//! ```
//! use poem::{EndpointExt, Route, get, handler, post};
//! use portcullis_verifier::poem::{bearer, require};
//! use portcullis_verifier::{Claims, Verifier};
//!
//! #[handler]
//! fn whoami(claims: Claims) -> String {
//!     claims.subject().to_owned()
//! }
//!
//! #[handler]
//! fn create() -> &'static str {
//!     "created"
//! }
//!
//! fn routes(verifier: Verifier) -> impl poem::Endpoint {
//!     Route::new().at("/me", get(whoami)).at("/orders", post(create.with(require("orders:write")))).with(bearer(verifier))
//! }
//! # use portcullis_verifier::testing::TestIssuer;
//! # let _ = routes(TestIssuer::new("orders").verifier());
//! ```

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Endpoint, Error, FromRequest, Middleware, Request, RequestBody, Response, Result};

use crate::claims::Claims;
use crate::denied::Denied;
use crate::rejected::Rejected;
use crate::verifier::Verifier;

/// Lets nobody pass without a valid token, and with one that is for reading only nothing but safe methods; handlers behind
/// it extract [`Claims`].
pub const fn bearer(verifier: Verifier) -> Bearer {
    Bearer(verifier)
}

/// Lets nobody pass whose token does not allow `needed` ([`Claims::allow`]). Stands behind [`bearer`].
pub fn require(needed: impl Into<String>) -> Require {
    Require(needed.into())
}

/// See [`bearer`].
#[derive(Clone)]
pub struct Bearer(Verifier);

/// See [`require`].
#[derive(Clone)]
pub struct Require(String);

/// The endpoint behind [`Bearer`].
pub struct BearerEndpoint<E> {
    verifier: Verifier,
    inner: E,
}

/// The endpoint behind [`Require`].
pub struct RequireEndpoint<E> {
    needed: String,
    inner: E,
}

impl<E: Endpoint> Middleware<E> for Bearer {
    type Output = BearerEndpoint<E>;

    fn transform(&self, inner: E) -> BearerEndpoint<E> {
        BearerEndpoint { verifier: self.0.clone(), inner }
    }
}

impl<E: Endpoint> Middleware<E> for Require {
    type Output = RequireEndpoint<E>;

    fn transform(&self, inner: E) -> RequireEndpoint<E> {
        RequireEndpoint { needed: self.0.clone(), inner }
    }
}

impl<E: Endpoint> Endpoint for BearerEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<E::Output> {
        let claims = authenticate(&self.verifier, &request).await?;
        let extensions = request.extensions_mut();
        extensions.insert(claims);
        extensions.insert(self.verifier.clone());
        self.inner.call(request).await
    }
}

impl<E: Endpoint> Endpoint for RequireEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, request: Request) -> Result<E::Output> {
        let claims = claims_of(&request).await?;
        let realm = request.data::<Verifier>().map_or("", Verifier::realm);
        claims.require(&self.needed).map_err(|denied| refusal(denied, realm))?;
        self.inner.call(request).await
    }
}

/// The claims of the request's token: behind [`bearer`], or with the [`Verifier`] in the request's data. Without either
/// nobody passes.
impl<'a> FromRequest<'a> for Claims {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        claims_of(request).await
    }
}

async fn claims_of(request: &Request) -> Result<Claims> {
    match (request.data::<Claims>(), request.data::<Verifier>()) {
        (Some(claims), _) => Ok(claims.clone()),
        (None, Some(verifier)) => authenticate(verifier, request).await,
        (None, None) => Err(refusal(Denied::Rejected(Rejected::NoKeys), "")),
    }
}

async fn authenticate(verifier: &Verifier, request: &Request) -> Result<Claims> {
    let values = request.headers().get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let verdict = verifier.authenticate(values).await;
    let verdict = verdict.and_then(|claims| claims.may_use(request.method().as_str()).map(|()| claims));
    verdict.map_err(|denied| refusal(denied, verifier.realm()))
}

/// The answer, with [`Denied`] as the error's data for whoever wants another body.
fn refusal(denied: Denied, realm: &str) -> Error {
    let mut response =
        Response::builder().status(StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::UNAUTHORIZED)).finish();
    let headers = response.headers_mut();
    if let Some(challenge) = denied.challenge(realm).and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = denied.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    let mut error = Error::from_response(response);
    error.set_data(denied);
    error
}
