//! The door: every request comes in and goes out here. It gives request ids, looks up the route, keeps time, survives
//! panics, chooses the dialect of errors, completes the headers, counts, and logs.

mod dialect;
mod headers;
mod request_id;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use poem::http::{HeaderValue, Method, StatusCode, Version, header};
use poem::{Endpoint, Request, Response};
use tracing::Instrument;

use crate::metering::Meters;
use crate::problem::{Code, Problem};
use crate::routes::{Operation, Route, Routes};
use crate::state::{State, Visit};

use dialect::Refusal;
pub(crate) use request_id::RequestId;
use request_id::RequestIds;

/// The outermost endpoint.
pub(crate) struct Door {
    routes: Routes,
    state: Arc<State>,
    ids: RequestIds,
    elsewhere: Meters,
}

impl Door {
    pub(crate) fn new(routes: Routes, state: Arc<State>) -> Self {
        let settings = &state.settings;
        let ids = RequestIds::new(settings.clock.clone(), &*settings.random);
        Self { routes, ids, elsewhere: Meters::new("none", "any"), state }
    }

    async fn enter(&self, id: &RequestId, request: Request, route: Option<&Route>) -> Response {
        let Some(route) = route else { return self.refuse(id, request.uri().path(), Problem::new(Code::NotFound)) };
        match route.operation(request.method()) {
            Some(operation) => self.operate(id, request, operation).await,
            None if request.method() == Method::OPTIONS => {
                Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, route.allow.clone()).finish()
            }
            None => {
                let mut response = self.refuse(id, request.uri().path(), Problem::new(Code::MethodNotAllowed));
                response.headers_mut().insert(header::ALLOW, route.allow.clone());
                response
            }
        }
    }

    async fn operate(&self, id: &RequestId, mut request: Request, operation: &Operation) -> Response {
        let visit = Arc::new(Visit::new(self.state.clone()));
        let (uri, version) = (request.uri().clone(), request.version());
        request.set_data(visit.clone());
        request.set_method(operation.method.clone());
        let work = AssertUnwindSafe(operation.endpoint.call(request)).catch_unwind();
        let span = tracing::info_span!("request", id = id.as_str());
        let outcome = tokio::time::timeout(self.state.settings.request_timeout, work.instrument(span)).await;
        let refusal = match outcome {
            Ok(Ok(Ok(response))) => return response,
            Ok(Ok(Err(error))) => Refusal::from_error(error, uri.path()),
            Ok(Err(panic)) => Refusal::new(Problem::internal(said(&*panic)), uri.path()),
            Err(_) if visit.is_reading() => Refusal::new(Problem::new(Code::RequestTimeout), uri.path()),
            Err(_) => Refusal::new(Problem::new(Code::Timeout), uri.path()),
        };
        let mut response = self.render(id, &refusal);
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
                tracing::warn!(id, status, cause, "a request failed for want of a part of the service");
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
        let peer = &seen.peer;
        let status = status.as_u16();
        let micros = u64::try_from(seen.at.elapsed().as_micros()).unwrap_or(u64::MAX);
        if self.state.settings.access_log {
            tracing::info!(id, method, route, status, micros, peer, "request");
        } else {
            tracing::debug!(id, method, route, status, micros, peer, "request");
        }
    }
}

/// What the access log needs of a request that has gone on.
struct Seen {
    at: Instant,
    method: Method,
    peer: String,
}

impl Endpoint for Door {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let at = Instant::now();
        let logged = self.state.settings.access_log || tracing::enabled!(tracing::Level::DEBUG);
        let seen = logged.then(|| Seen { at, method: request.method().clone(), peer: peer(&request) });
        let id = self.ids.of(request.headers());
        let route = self.routes.find(request.uri().path());
        let meters = route
            .and_then(|route| route.operation(request.method()))
            .map_or(&self.elsewhere, |operation| &operation.meters);

        let mut response = self.enter(&id, request, route).await;

        headers::complete(&mut response, &id);
        meters.record(response.status(), at.elapsed());
        if let Some(seen) = seen {
            self.log(&id, &seen, route, response.status());
        }
        Ok(response)
    }
}

fn peer(request: &Request) -> String {
    request.remote_addr().as_socket_addr().map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default()
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
