//! Hears what other replicas revoked, as they say it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::board::Part;
use crate::cause::Cause;
use crate::connect::{self, PATIENCE};
use crate::heard::Heard;
use crate::link::{Phase, Shared, reached};
use crate::teller::Request;

/// How often the subscription is tried out while nothing is said.
const TRIAL_EVERY: Duration = Duration::from_secs(1);

/// A subscription that held so long was of use.
const LASTING: Duration = Duration::from_secs(10);

/// Keeps a subscription alive.
pub(crate) struct Listener {
    pub(crate) shared: Arc<Shared>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) request: Arc<Request>,
}

impl Listener {
    /// Holds subscriptions one after the other until the adapter leaves.
    pub(crate) async fn run(self, mut phase: watch::Receiver<Phase>) {
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            tokio::select! {
                () = reached(&mut phase, Phase::Leaving) => return,
                cause = self.listen() => self.shared.board.fails(Part::Subscription, &cause),
            }
            if begun.elapsed() > LASTING {
                backoff.reset();
            }
            tokio::select! {
                () = reached(&mut phase, Phase::Leaving) => return,
                () = sleep(backoff.next()) => {}
            }
        }
    }

    /// Subscribes and takes in messages, as long as it works. Why it does not.
    async fn listen(&self) -> Cause {
        match self.subscribed().await {
            Ok(never) => match never {},
            Err(cause) => cause,
        }
    }

    async fn subscribed(&self) -> Result<std::convert::Infallible, Cause> {
        let (mut sink, mut messages) = connect::subscriptions(&self.shared.plan).await?.split();
        let channel = self.shared.plan.revocations_channel();
        self.shared.answer(PATIENCE, sink.subscribe(channel)).await?;
        // What was said before is read: first the ear, then the question, so nothing falls between.
        self.shared.board.expect(Part::Revocations, "revocations have not been read since the last subscription");
        self.shared.board.works(Part::Subscription);
        self.request.make();
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    Some(message) => self.heard.message(message.get_payload_bytes()),
                    None => return Err(Cause::Lost),
                },
                () = sleep(TRIAL_EVERY) => {
                    let _pong: Value = self.shared.answer(PATIENCE, sink.ping()).await?;
                }
            }
        }
    }
}
