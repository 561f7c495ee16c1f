//! A feed that the service speaks into itself.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Feed, FeedGuard, FeedSink};

/// A feed for services that learn of revocations in their own way: whatever they hear they pass on to the handle.
///
/// Until [`FeedSink::connected`] or [`FeedSink::caught_up`] is called through the handle nothing counts as heard.
pub struct ManualFeed(ManualFeedHandle);

/// The other end of a [`ManualFeed`].
#[derive(Clone, Default)]
pub struct ManualFeedHandle(Arc<Mutex<Option<FeedSink>>>);

impl ManualFeed {
    /// A feed for [`Builder::feed`](crate::Builder::feed), and its other end.
    pub fn new() -> (Self, ManualFeedHandle) {
        let handle = ManualFeedHandle::default();
        (Self(handle.clone()), handle)
    }
}

impl ManualFeedHandle {
    /// What the verifier listens to; `None` before it is built and after it is gone.
    pub fn sink(&self) -> Option<FeedSink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Feed for ManualFeed {
    fn start(self: Box<Self>, sink: FeedSink) -> FeedGuard {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
        Box::new(Hung(self.0))
    }
}

/// Lets go of the verifier's parts when the verifier is gone.
struct Hung(ManualFeedHandle);

impl Drop for Hung {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
