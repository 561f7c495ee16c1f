//! What handlers share, and what belongs to one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poem::Request;
use portcullis_domain::App;

use crate::problem::Problem;
use crate::settings::HttpSettings;

/// Shared by all handlers.
pub(crate) struct State {
    pub(crate) app: Arc<App>,
    pub(crate) settings: Arc<HttpSettings>,
}

/// One request on its way through: the door puts it among the request's extensions.
pub(crate) struct Visit {
    pub(crate) state: Arc<State>,
    reading_body: AtomicBool,
}

impl Visit {
    pub(crate) const fn new(state: Arc<State>) -> Self {
        Self { state, reading_body: AtomicBool::new(false) }
    }

    /// The visit of a request that came through the door.
    pub(crate) fn of(request: &Request) -> Result<&Self, Problem> {
        match request.extensions().get::<Arc<Self>>() {
            Some(visit) => Ok(visit),
            None => Err(Problem::internal("a request did not come through the door")),
        }
    }

    /// Notes that the client is sending its body, or has sent it.
    pub(crate) fn set_reading(&self, reading: bool) {
        self.reading_body.store(reading, Ordering::Relaxed);
    }

    /// Whether time spent now is the client's.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading_body.load(Ordering::Relaxed)
    }
}
