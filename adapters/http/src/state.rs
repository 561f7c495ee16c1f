//! What handlers share, and what belongs to one request.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use poem::Request;
use portcullis_domain::App;
use portcullis_domain::caller::Impersonation;
use portcullis_domain::ids::UserId;

use crate::door::RequestId;
use crate::limits::Counted;
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
    /// The client's address, as far as it can be trusted.
    pub(crate) client: Option<IpAddr>,
    pub(crate) id: RequestId,
    counted: OnceLock<Counted>,
    /// What the limit of the API key said.
    counted_key: OnceLock<Counted>,
    /// What the limit of exports said.
    counted_export: OnceLock<Counted>,
    /// Who really acts; once it was asked for it does not change any more.
    impersonator: OnceLock<Option<UserId>>,
    reading_body: AtomicBool,
    judge: OnceLock<Judge>,
}

/// Asks once more who calls, and whether they may.
type Judge = Box<dyn for<'a> Fn(&'a Request) -> BoxFuture<'a, Result<(), Problem>> + Send + Sync>;

impl Visit {
    pub(crate) const fn new(state: Arc<State>, client: Option<IpAddr>, id: RequestId) -> Self {
        Self {
            state,
            client,
            id,
            counted: OnceLock::new(),
            counted_key: OnceLock::new(),
            counted_export: OnceLock::new(),
            impersonator: OnceLock::new(),
            reading_body: AtomicBool::new(false),
            judge: OnceLock::new(),
        }
    }

    /// The visit of a request that came through the door.
    pub(crate) fn of(request: &Request) -> Result<&Self, Problem> {
        match request.extensions().get::<Arc<Self>>() {
            Some(visit) => Ok(visit),
            None => Err(Problem::internal("a request did not come through the door")),
        }
    }

    /// Notes what a limit said; the first word stays.
    pub(crate) fn note(&self, counted: Counted) {
        self.counted.get_or_init(|| counted);
    }

    /// Notes what the limit of the API key said that calls.
    pub(crate) fn note_key(&self, counted: Counted) {
        self.counted_key.get_or_init(|| counted);
    }

    /// Notes what the limit of exports said.
    pub(crate) fn note_export(&self, counted: Counted) {
        self.counted_export.get_or_init(|| counted);
    }

    /// What the limits said that were asked.
    pub(crate) fn counted(&self) -> impl Iterator<Item = &Counted> {
        [&self.counted, &self.counted_key, &self.counted_export].into_iter().filter_map(OnceLock::get)
    }

    /// Notes how it is asked again who calls.
    pub(crate) fn note_judge<F>(&self, judge: F)
    where
        F: for<'a> Fn(&'a Request) -> BoxFuture<'a, Result<(), Problem>> + Send + Sync + 'static,
    {
        self.judge.get_or_init(|| Box::new(judge));
    }

    /// Asks again who calls, where that was asked at the head of the request: whoever would be refused there now is refused.
    pub(crate) async fn judge_again(&self, request: &Request) -> Result<(), Problem> {
        match self.judge.get() {
            Some(judge) => judge(request).await,
            None => Ok(()),
        }
    }

    /// Notes who really acts. Whoever asked before was told that nobody does: nothing is done on such grounds.
    pub(crate) fn note_impersonator(&self, impersonation: Option<Impersonation>) -> Result<(), Problem> {
        let Some(Impersonation { by, .. }) = impersonation else { return Ok(()) };
        if *self.impersonator.get_or_init(|| Some(by)) == Some(by) {
            return Ok(());
        }
        Err(Problem::internal("it was asked who really acts before that was known"))
    }

    /// Who really acts, when it is not the user that the request is authenticated as.
    pub(crate) fn impersonator(&self) -> Option<UserId> {
        *self.impersonator.get_or_init(|| None)
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
