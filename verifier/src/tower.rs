//! For services on axum, tonic, or anything else that speaks [`tower_service::Service`] and [`http`]: a [`BearerLayer`]
//! puts [`Claims`] into the request's extensions, a [`RequireLayer`] asks for more.
//!
//! In axum `Extension<Claims>` extracts them:
//!
//! ```
//! use axum::routing::{get, post};
//! use axum::{Extension, Router};
//! use portcullis_verifier::tower::{bearer, require};
//! use portcullis_verifier::{Claims, Verifier};
//!
//! async fn whoami(Extension(claims): Extension<Claims>) -> String {
//!     claims.subject().to_owned()
//! }
//!
//! fn routes(verifier: Verifier) -> Router {
//!     Router::new()
//!         .route("/me", get(whoami))
//!         .route("/orders", post(|| async { "created" }).layer(require("orders:write")))
//!         .layer(bearer(verifier))
//! }
//! # use portcullis_verifier::testing::TestIssuer;
//! # let _ = routes(TestIssuer::new("orders").verifier());
//! ```
//!
//! A request of gRPC (`content-type: application/grpc…`) is refused in gRPC's way: status 200 and `grpc-status`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, header};
use tower_layer::Layer;
use tower_service::Service;

use crate::bearer::bearer_token;
use crate::claims::Claims;
use crate::denied::Denied;
use crate::verifier::Verifier;

/// Lets nobody pass without a valid token, and with one that is for reading only nothing but safe methods (so no call of
/// gRPC, which are all `POST`); puts [`Claims`] into the request's extensions.
pub const fn bearer(verifier: Verifier) -> BearerLayer {
    BearerLayer(verifier)
}

/// Lets nobody pass whose token does not allow `needed` ([`Claims::allow`]). Stands behind [`bearer`]; without it
/// nobody passes.
pub fn require(needed: impl Into<Arc<str>>) -> RequireLayer {
    RequireLayer(needed.into())
}

/// See [`bearer`].
#[derive(Clone)]
pub struct BearerLayer(Verifier);

/// See [`require`].
#[derive(Clone)]
pub struct RequireLayer(Arc<str>);

/// The service behind [`BearerLayer`].
#[derive(Clone)]
pub struct BearerService<S> {
    verifier: Verifier,
    inner: S,
}

/// The service behind [`RequireLayer`].
#[derive(Clone)]
pub struct RequireService<S> {
    needed: Arc<str>,
    inner: S,
}

/// The `realm`, for the layers further in.
#[derive(Clone)]
struct Realm(Arc<str>);

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> BearerService<S> {
        BearerService { verifier: self.0.clone(), inner }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> RequireService<S> {
        RequireService { needed: self.0.clone(), inner }
    }
}

type Answer<R, E> = Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for BearerService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that is ready, not its fresh clone.
        let mut inner = self.inner.clone();
        std::mem::swap(&mut self.inner, &mut inner);
        let verifier = self.verifier.clone();
        let values = request.headers().get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let token = bearer_token(values).map(str::to_owned);
        Box::pin(async move {
            let verdict = match token {
                Ok(token) => verifier.verify_async(&token).await.map_err(Denied::from),
                Err(denied) => Err(denied),
            };
            let verdict = verdict.and_then(|claims| claims.may_use(request.method().as_str()).map(|()| claims));
            match verdict {
                Ok(claims) => {
                    let extensions = request.extensions_mut();
                    extensions.insert(claims);
                    extensions.insert(Realm(verifier.realm().into()));
                    inner.call(request).await
                }
                Err(denied) => Ok(refusal(&request, &denied, verifier.realm())),
            }
        })
    }
}

impl<S, B, R> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answer<R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let claims = request.extensions().get::<Claims>();
        match claims.ok_or(Denied::NoToken).and_then(|claims| claims.require(&self.needed)) {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(denied) => {
                let realm = request.extensions().get::<Realm>().map_or("", |realm| &*realm.0);
                let refused = refusal(&request, &denied, realm);
                Box::pin(async move { Ok(refused) })
            }
        }
    }
}

fn refusal<B, R: Default>(request: &Request<B>, denied: &Denied, realm: &str) -> Response<R> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let grpc = kind.filter(|kind| kind.starts_with("application/grpc"));
    let mut response = Response::new(R::default());
    if grpc.is_none() {
        *response.status_mut() = StatusCode::from_u16(denied.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    }
    let headers = response.headers_mut();
    if grpc.is_some() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", grpc_status(denied).into());
    }
    if let Some(challenge) = denied.challenge(realm).and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if let Some(seconds) = denied.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The codes of gRPC: UNAVAILABLE, PERMISSION_DENIED, INVALID_ARGUMENT, UNAUTHENTICATED.
const fn grpc_status(denied: &Denied) -> u16 {
    match denied.status() {
        503 => 14,
        403 => 7,
        400 => 3,
        _ => 16,
    }
}
