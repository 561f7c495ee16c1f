//! The listener for operators: metrics, and health with details.

use std::sync::Arc;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response};

use crate::door::complete_headers;
use crate::health::{Health, LIVE, READY, is_verbose, live};

/// The text format of Prometheus.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/metrics` and the health paths; it must not be reachable from outside.
pub fn management(
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    health: Arc<Health>,
) -> impl Endpoint<Output = Response> + 'static {
    Management { metrics, health }
}

struct Management {
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    health: Arc<Health>,
}

impl Endpoint for Management {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        let known = path == "/metrics" || path == LIVE || READY.contains(&path);
        let mut response = match request.method() {
            _ if !known => Response::builder().status(StatusCode::NOT_FOUND).finish(),
            &Method::GET | &Method::HEAD => match path {
                "/metrics" => Response::builder().content_type(PROMETHEUS).body((self.metrics)()),
                LIVE => live(),
                _ => self.health.ready(is_verbose(&request), true).await,
            },
            _ => {
                let allow = HeaderValue::from_static("GET, HEAD");
                Response::builder().status(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, allow).finish()
            }
        };
        complete_headers(response.headers_mut(), false);
        Ok(response)
    }
}
