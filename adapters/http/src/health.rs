//! Is the service alive, and can it serve?

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use poem::endpoint::make;
use poem::http::{Method, StatusCode};
use poem::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::body::JSON;
use crate::openapi::{answered, faults};
use crate::problem::retry_after;
use crate::routes::Routes;
use crate::schema::pointer;

/// How long a result is good for, so that nobody can ask the database to death.
const GOOD_FOR: Duration = Duration::from_secs(1);
/// How long a probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// The path that says whether the process lives.
pub(crate) const LIVE: &str = "/livez";
/// The paths that say whether the service can serve.
pub(crate) const READY: [&str; 2] = ["/readyz", "/healthz"];

/// Asks a part of the service whether it works; the error is for operators.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A part of the service that can fail.
#[derive(Clone)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether the service cannot serve without it.
    pub required: bool,
    /// How to find out.
    pub probe: Probe,
}

/// The health of the service.
pub struct Health {
    checks: Vec<Check>,
    draining: watch::Sender<bool>,
    last: tokio::sync::Mutex<Option<(Instant, Arc<Report>)>>,
}

/// What the checks said.
struct Report {
    outcomes: Vec<Outcome>,
}

/// What one of them said.
struct Outcome {
    name: &'static str,
    required: bool,
    found: Result<(), String>,
    /// Since when it fails, if it does.
    failing_since: Option<Instant>,
}

impl Outcome {
    fn new(check: &Check, found: Result<(), String>, before: Option<&Self>, now: Instant) -> Self {
        let since = before.and_then(|before| before.failing_since).unwrap_or(now);
        let failing_since = found.is_err().then_some(since);
        Self { name: check.name, required: check.required, found, failing_since }
    }

    /// An outage is told twice: when it begins and when it is over.
    fn tell(&self, before: Option<&Self>) {
        match (before.and_then(|before| before.failing_since), &self.found) {
            (None, Err(error)) => tracing::warn!(check = self.name, error, "a health check failed"),
            (Some(since), Ok(())) => {
                let seconds = since.elapsed().as_secs();
                tracing::warn!(check = self.name, seconds, "a health check that failed is good again");
            }
            _ => {}
        }
    }
}

impl Health {
    /// Over its checks.
    pub fn new(checks: Vec<Check>) -> Self {
        Self { checks, draining: watch::Sender::new(false), last: tokio::sync::Mutex::new(None) }
    }

    /// From now on the service is not ready: load balancers stop sending requests, and those that wait for news are
    /// answered at once.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// Returns once the service drains.
    pub(crate) async fn drained(&self) {
        // An error would mean that nobody can drain it any more; the sender is part of this.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }

    /// The answer to a question about readiness; `details` are for operators only.
    pub(crate) async fn ready(&self, verbose: bool, details: bool) -> Response {
        let report = self.report().await;
        let draining = *self.draining.borrow();
        let failed = |required| report.outcomes.iter().any(|one| one.required == required && one.found.is_err());
        let (status, word) = match (draining, failed(true), failed(false)) {
            (true, _, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            (_, true, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            (_, _, true) => (StatusCode::OK, "degraded"),
            _ => (StatusCode::OK, "ok"),
        };
        let mut body = json!({ "status": word });
        if verbose {
            body["checks"] = report.outcomes.iter().map(|outcome| described(outcome, details)).collect();
        }
        let mut response = Response::builder().status(status).content_type(JSON).body(body.to_string());
        retry_after(status, None, &mut response);
        response
    }

    /// The last results, or new ones: one caller asks, the others wait for what it finds.
    async fn report(&self) -> Arc<Report> {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < GOOD_FOR
        {
            return report.clone();
        }
        let found = join_all(self.checks.iter().map(|check| async {
            let found = tokio::time::timeout(PROBE_TIMEOUT, (check.probe)()).await;
            found.unwrap_or_else(|_| Err("no answer in time".to_owned()))
        }));
        let (found, now) = (found.await, Instant::now());
        let outcomes = self.checks.iter().zip(found).enumerate().map(|(index, (check, found))| {
            let before = last.as_ref().and_then(|(_, report)| report.outcomes.get(index));
            let outcome = Outcome::new(check, found, before, now);
            outcome.tell(before);
            outcome
        });
        let report = Arc::new(Report { outcomes: outcomes.collect() });
        *last = Some((now, report.clone()));
        report
    }
}

fn described(Outcome { name, required, found, .. }: &Outcome, details: bool) -> Value {
    let mut check =
        json!({ "name": name, "required": required, "status": if found.is_ok() { "ok" } else { "failed" } });
    if let (Err(error), true) = (found, details) {
        check["error"] = error.as_str().into();
    }
    check
}

/// The answer of a living process.
pub(crate) fn live() -> Response {
    Response::builder().content_type(JSON).body("{\"status\":\"ok\"}")
}

/// Whether the query asks for the list of checks.
pub(crate) fn is_verbose(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| pair == "verbose" || pair.starts_with("verbose=") && !pair.ends_with("=false"))
}

/// Adds the health paths, without details.
pub(crate) fn add_routes(routes: &mut Routes, health: Arc<Health>) {
    routes.add(Method::GET, LIVE, make(|_| async { live() }));
    for (path, health) in READY.into_iter().zip(std::iter::repeat_n(health, READY.len())) {
        let endpoint = make(move |request: Request| {
            let health = health.clone();
            async move { health.ready(is_verbose(&request), false).await }
        });
        routes.add(Method::GET, path, endpoint);
    }
}

/// The operations in the OpenAPI document.
pub(crate) fn paths() -> Value {
    let operation = |id: &str, summary: &str, verbose: bool| {
        let mut responses = faults();
        responses["200"] = answered("Yes.", "Health");
        if verbose {
            responses["503"]["content"][JSON] = json!({ "schema": pointer("Health") });
        }
        let parameter = json!({
            "name": "verbose", "in": "query", "schema": { "type": "string" }, "allowEmptyValue": true,
            "description": "Lists the checks when it is there and not `false`.",
        });
        let parameters: &[Value] = if verbose { &[parameter] } else { &[] };
        json!({ "get": {
            "tags": ["Health"], "operationId": id, "summary": summary,
            "parameters": parameters, "responses": responses,
        } })
    };
    json!({
        LIVE: operation("livez", "Is the process alive?", false),
        READY[0]: operation("readyz", "Can the service serve?", true),
        READY[1]: operation("healthz", "The same as readyz", true),
    })
}

/// The schemas of these operations.
pub(crate) fn schemas() -> Value {
    json!({
        "Health": {
            "type": "object",
            "description": "The health of the service.",
            "required": ["status"],
            "properties": {
                "status": { "type": "string", "enum": ["ok", "degraded", "unavailable", "draining"] },
                "checks": { "type": "array", "items": {
                    "type": "object",
                    "required": ["name", "required", "status"],
                    "properties": {
                        "name": { "type": "string", "description": "What was checked." },
                        "required": { "type": "boolean", "description": "Whether the service cannot serve without it." },
                        "status": { "type": "string", "enum": ["ok", "failed"] },
                    },
                } },
            },
        },
    })
}
