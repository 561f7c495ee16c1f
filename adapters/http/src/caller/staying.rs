//! A caller to whom something is told for longer than a request takes.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use portcullis_domain::Timestamp;
use portcullis_domain::caller::Caller;

use crate::door::RequestId;
use crate::problem::Problem;
use crate::routes::Matched;
use crate::state::Visit;

use super::{Calling, Takes};

/// For how long a caller stays who they were.
const TRUSTED: Duration = Duration::from_secs(1);

/// A caller who reads an answer that is made as they read: every second it is asked again who they are, and whether they
/// may have it. Whoever is refused meanwhile gets no more.
pub(crate) struct Staying<K> {
    /// What the caller was found by: the head of their request.
    request: Request,
    visit: Arc<Visit>,
    caller: Caller,
    asked_at: Timestamp,
    kind: PhantomData<fn() -> K>,
}

impl<K: Takes> Staying<K> {
    /// The caller of a request, who stays.
    pub(crate) fn new(calling: Calling<K>, request: &Request) -> Result<Self, Problem> {
        let visit = request.data::<Arc<Visit>>().cloned();
        let visit = visit.ok_or_else(|| Problem::internal("a request did not come through the door"))?;
        let mut kept = Request::builder().method(request.method().clone()).uri(request.uri().clone()).finish();
        *kept.headers_mut() = request.headers().clone();
        kept.set_data(visit.clone());
        if let Some(matched) = request.data::<Arc<Matched>>() {
            kept.set_data(matched.clone());
        }
        let asked_at = visit.state.settings.clock.now();
        Ok(Self { request: kept, visit, caller: calling.caller, asked_at, kind: PhantomData })
    }

    /// The caller, as they are now or were a second ago.
    pub(crate) async fn caller(&mut self) -> Result<&Caller, Problem> {
        let now = self.visit.state.settings.clock.now();
        // A clock that was set back makes nobody trusted for longer.
        if now < self.asked_at || now.since(self.asked_at) >= TRUSTED {
            self.caller = Calling::<K>::again(&self.request).await?.caller;
            self.asked_at = now;
        }
        Ok(&self.caller)
    }

    /// Which request it is.
    pub(crate) fn id(&self) -> RequestId {
        self.visit.id.clone()
    }
}
