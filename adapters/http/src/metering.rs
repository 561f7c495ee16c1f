//! Counting requests: by route pattern, method and class of status, never by anything a client chose.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};
use poem::http::StatusCode;

/// The classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The meters of one operation; each is registered when it is first needed.
pub(crate) struct Meters {
    route: String,
    method: String,
    by_class: [OnceLock<(Counter, Histogram)>; CLASSES.len()],
}

impl Meters {
    pub(crate) fn new(route: &str, method: &str) -> Self {
        Self { route: route.to_owned(), method: method.to_owned(), by_class: Default::default() }
    }

    /// One more request, answered with `status` after `took`.
    pub(crate) fn record(&self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(CLASSES.len() - 1);
        let (Some(cell), Some(name)) = (self.by_class.get(class), CLASSES.get(class)) else { return };
        let (requests, seconds) = cell.get_or_init(|| {
            let labels =
                [("route", self.route.clone()), ("method", self.method.clone()), ("status", (*name).to_owned())];
            (counter!("http_requests_total", &labels), histogram!("http_request_duration_seconds", &labels))
        });
        requests.increment(1);
        seconds.record(took.as_secs_f64());
    }
}
