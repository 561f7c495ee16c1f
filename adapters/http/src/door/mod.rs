//! The door: every request comes in and goes out here. It gives request ids, finds out who asks, looks at the head and
//! looks up the route, asks the limits, keeps time, survives panics, chooses the dialect of errors, completes the
//! headers, counts, and logs.

mod dialect;
mod head;
mod headers;
mod outage;
mod request_id;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use poem::http::{HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, Request, Response};
use tracing::Instrument;

use crate::client_address::{ClientAddresses, TrustedProxies};
use crate::cors::Cors;
use crate::limits;
use crate::metering::Meters;
use crate::problem::{Code, Problem};
use crate::routes::{Operation, Route, Routes};
use crate::state::{State, Visit};

use dialect::Refusal;
pub(crate) use headers::complete as complete_headers;
use outage::Outage;
pub(crate) use request_id::RequestId;
use request_id::{HEADER, RequestIds};

/// The outermost endpoint.
pub(crate) struct Door {
    routes: Routes,
    state: Arc<State>,
    ids: RequestIds,
    addresses: ClientAddresses,
    cors: Cors,
    https: bool,
    elsewhere: Meters,
    outage: Outage,
}

impl Door {
    pub(crate) fn new(routes: Routes, state: Arc<State>) -> Self {
        let settings = &state.settings;
        let ids = RequestIds::new(settings.clock.clone(), &*settings.random);
        let addresses = ClientAddresses::new(TrustedProxies::new(&settings.trusted_proxies));
        let cors = Cors::new(&settings.allowed_origins);
        let https = settings.issuer.starts_with("https://");
        let elsewhere = Meters::new("none", "any");
        Self { routes, ids, addresses, cors, https, elsewhere, outage: Outage::default(), state }
    }

    async fn enter(&self, visit: &Arc<Visit>, request: Request, route: Option<&Route>) -> Response {
        let path = request.uri().path();
        if let Err(problem) = head::check(&request) {
            return self.refuse(&visit.id, path, problem);
        }
        let Some(route) = route else {
            return match (request.method(), path) {
                // RFC 9110 §9.3.7: about the service as a whole.
                (&Method::OPTIONS, "*") => Response::builder().status(StatusCode::NO_CONTENT).finish(),
                _ => self.refuse(&visit.id, path, Problem::new(Code::NotFound)),
            };
        };
        match route.operation(request.method()) {
            Some(operation) => self.operate(visit, request, operation).await,
            None if request.method() == Method::OPTIONS => self.explain(&request, route),
            None => {
                let mut response = self.refuse(&visit.id, path, Problem::new(Code::MethodNotAllowed));
                response.headers_mut().insert(header::ALLOW, route.allow.clone());
                response
            }
        }
    }

    /// What can be done with a route, and by pages of which origin.
    fn explain(&self, request: &Request, route: &Route) -> Response {
        let allow = route.allow.clone();
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, allow).finish();
        if Cors::is_preflight(request.headers()) {
            if self.cors.origin(request.headers()).is_some() {
                Cors::allow(&mut response, &route.allow);
            } else if route.is_for_everybody {
                Cors::allow_everybody(&mut response);
            }
        }
        response
    }

    async fn operate(&self, visit: &Arc<Visit>, mut request: Request, operation: &Operation) -> Response {
        let (uri, version) = (request.uri().clone(), request.version());
        request.set_data(visit.clone());
        if let Some(matched) = &operation.matched {
            request.set_data(matched.clone());
        }
        request.set_method(operation.method.clone());
        let work = async {
            limits::count(visit, operation.rule).await?;
            operation.endpoint.call(request).await
        };
        let work = AssertUnwindSafe(work).catch_unwind();
        let span = tracing::info_span!("request", id = visit.id.as_str());
        let outcome = tokio::time::timeout(self.state.settings.request_timeout, work.instrument(span)).await;
        let refusal = match outcome {
            Ok(Ok(Ok(response))) => return response,
            Ok(Ok(Err(error))) => Refusal::from_error(error, uri.path()),
            Ok(Err(panic)) => Refusal::new(Problem::internal(said(&*panic)), uri.path()),
            Err(_) if visit.is_reading() => Refusal::new(Problem::new(Code::RequestTimeout), uri.path()),
            Err(_) => Refusal::new(Problem::new(Code::Timeout), uri.path()),
        };
        let mut response = self.render(&visit.id, &refusal);
        if response.status() == StatusCode::REQUEST_TIMEOUT && version < Version::HTTP_2 {
            // What is left of the body is not waited for (RFC 9110 §15.5.9).
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn refuse(&self, id: &RequestId, path: &str, problem: Problem) -> Response {
        self.render(id, &Refusal::new(problem, path))
    }

    fn render(&self, id: &RequestId, refusal: &Refusal) -> Response {
        let (response, cause) = match refusal {
            Refusal::Problem(problem) => (problem.render(&self.state.settings.issuer, id), problem.cause()),
            Refusal::OAuth(error) => (error.render(), error.cause()),
        };
        let status = response.status();
        if let Some(cause) = cause {
            let (id, cause) = (id.as_str(), chain(&**cause));
            let unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
            let status = status.as_u16();
            if unavailable {
                self.outage.refused(Instant::now(), id, &cause);
            } else {
                tracing::error!(id, status, cause, "a request failed");
            }
        }
        response
    }

    fn log(&self, id: &RequestId, seen: &Seen, route: Option<&Route>, status: StatusCode) {
        let id = id.as_str();
        let method = seen.method.as_str();
        let route = route.map_or("none", |route| route.pattern.as_str());
        let client = seen.client.map(|client| client.to_string()).unwrap_or_default();
        let status = status.as_u16();
        let micros = u64::try_from(seen.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        if self.state.settings.access_log {
            tracing::info!(id, method, route, status, micros, client, "request");
        } else {
            tracing::debug!(id, method, route, status, micros, client, "request");
        }
    }
}

/// What the access log needs of a request that has gone on.
struct Seen {
    at: Instant,
    method: Method,
    client: Option<IpAddr>,
}

impl Endpoint for Door {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let at = Instant::now();
        let headers = request.headers();
        let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
        let client = self.addresses.of(peer, headers);
        let logged = self.state.settings.access_log || tracing::enabled!(tracing::Level::DEBUG);
        let seen = logged.then(|| Seen { at, method: request.method().clone(), client });
        let visit = Arc::new(Visit::new(self.state.clone(), client, self.ids.of(headers)));
        let origin = self.cors.origin(headers).cloned();
        let preflight = request.method() == Method::OPTIONS;
        let route = self.routes.find(request.uri().path());
        let meters = route
            .and_then(|route| route.operation(request.method()))
            .map_or(&self.elsewhere, |operation| &operation.meters);

        self.outage.look(at);
        let mut response = self.enter(&visit, request, route).await;

        self.cors.complete(&mut response, origin, preflight);
        let headers = response.headers_mut();
        headers.insert(HEADER, visit.id.header().clone());
        headers::complete(headers, self.https);
        limits::tell(visit.counted(), headers);
        meters.record(response.status(), at.elapsed());
        if let Some(seen) = seen {
            self.log(&visit.id, &seen, route, response.status());
        }
        Ok(response)
    }
}

/// The message of a panic, for the log.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", message.unwrap_or("without a message"))
}

/// An error with its causes.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
