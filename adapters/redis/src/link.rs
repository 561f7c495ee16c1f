//! What the adapter, the limiter and the revocations share: the connection that works, while one does.

use std::sync::Arc;
use std::time::Duration;

use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::board::{Board, Part};
use crate::bucket::Buckets;
use crate::cause::Cause;
use crate::settings::Plan;

/// A connection on which Redis has answered in time.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) number: u64,
    pub(crate) connection: MultiplexedConnection,
}

/// How far the adapter's life has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// What is not told yet is told; nothing new begins.
    Leaving,
    /// The connections end.
    Gone,
}

/// Returns when the adapter's life has gone so far, or the adapter was dropped.
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, at_least: Phase) {
    // An error means that the adapter is gone without a word.
    drop(phase.wait_for(|phase| *phase >= at_least).await);
}

/// The common ground.
pub(crate) struct Shared {
    pub(crate) plan: Arc<Plan>,
    pub(crate) board: Board,
    pub(crate) buckets: Buckets,
    link: watch::Sender<Option<Link>>,
}

impl Shared {
    pub(crate) fn new(plan: Plan) -> Self {
        let (board, buckets) = (Board::new(&plan.address), Buckets::new(&plan.prefix));
        Self { plan: Arc::new(plan), board, buckets, link: watch::Sender::new(None) }
    }

    /// The connection to use now; `None` while Redis is away.
    pub(crate) fn link(&self) -> Option<Link> {
        self.link.borrow().clone()
    }

    pub(crate) fn links(&self) -> watch::Receiver<Option<Link>> {
        self.link.subscribe()
    }

    /// From here on `link` is used.
    pub(crate) fn open(&self, link: Link) {
        self.link.send_modify(|current| {
            *current = Some(link);
            self.board.works(Part::Commands);
        });
    }

    /// The connection `number` is of no use any more: nobody waits for it from here on.
    pub(crate) fn lost(&self, number: u64, cause: &Cause) {
        self.link.send_if_modified(|current| {
            let lost = current.take_if(|current| current.number == number).is_some();
            if lost {
                self.board.fails(Part::Commands, cause);
            }
            lost
        });
    }

    /// There is no connection, and there will be none.
    pub(crate) fn close(&self) {
        self.link.send_replace(None);
        self.board.closed();
    }

    /// The answer of Redis, or why there is none within `limit`.
    pub(crate) async fn answer<T>(
        &self,
        limit: Duration,
        asking: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, Cause> {
        match timeout(limit, asking).await {
            Ok(answered) => answered.map_err(|error| Cause::of(error, &self.plan.address)),
            Err(_) => Err(Cause::Slow(limit)),
        }
    }
}
