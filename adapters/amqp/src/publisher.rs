//! The publisher: hands deliveries to the supervisor and waits for their confirms.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::ports::delivery::{Delivery, EventPublisher, PublishError};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::board::{Board, Link, Order, State};
use crate::message::Message;
use crate::settings::{AmqpConfigError, AmqpSettings, Plan};
use crate::supervisor;

/// Beyond the confirm timeout, for the farewell to the broker.
const CLOSING: Duration = Duration::from_secs(2);

/// Publishes events to RabbitMQ; see the crate's documentation. Dropping it closes it without waiting.
pub struct AmqpPublisher {
    plan: Arc<Plan>,
    state: watch::Receiver<State>,
    closing: watch::Sender<bool>,
}

impl AmqpPublisher {
    /// Checks the settings and starts the supervisor, which connects and reconnects by itself: a broker that is away is
    /// no error here. Needs no runtime. Log lines go to the caller's `tracing` subscriber.
    ///
    /// # Errors
    /// Settings that can never work, files that cannot be read, and a system that is out of threads.
    pub fn start(settings: AmqpSettings) -> Result<Self, AmqpConfigError> {
        let plan = Arc::new(Plan::try_from(settings)?);
        let board = Arc::new(Board::new(&plan.address));
        let (closing, asked) = watch::channel(false);
        let publisher = Self { plan: Arc::clone(&plan), state: board.watch(), closing };
        let pauses = supervisor::runtime().map_err(AmqpConfigError::Supervisor)?;
        let log = tracing::dispatcher::get_default(Clone::clone);
        std::thread::Builder::new()
            .name("amqp".to_owned())
            .spawn(move || tracing::dispatcher::with_default(&log, || supervisor::run(&plan, &board, asked, &pauses)))
            .map_err(AmqpConfigError::Supervisor)?;
        Ok(publisher)
    }

    /// Refuses further publishes, waits for the confirms of those in flight (at most the confirm timeout), and takes
    /// leave of the broker.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let mut state = self.state.clone();
        let closed = state.wait_for(|state| matches!(state, State::Closed));
        if timeout(self.plan.confirm_timeout + CLOSING, closed).await.is_err() {
            tracing::warn!(broker = %self.plan.address, "the AMQP supervisor did not end in time");
        }
    }

    /// Why the publisher is not ready, with host, port and virtual host but without credentials; `None` when it is.
    pub fn last_error(&self) -> Option<String> {
        self.state.borrow().trouble().map(str::to_owned)
    }

    fn link(&self) -> Result<Link, PublishError> {
        self.state.borrow().link().cloned().map_err(|why| PublishError::Unavailable(why.to_owned()))
    }

    /// The session ended without an answer; the state says why.
    fn lost(&self) -> PublishError {
        let why = self.last_error().unwrap_or_else(|| "the connection was lost before the confirm".to_owned());
        PublishError::Unavailable(why)
    }
}

#[async_trait]
impl EventPublisher for AmqpPublisher {
    async fn publish(&self, delivery: &Delivery) -> Result<(), PublishError> {
        let link = self.link()?;
        let patience = self.plan.patience();
        let message = Message::new(delivery, &self.plan.source)?;
        let (reply, answer) = oneshot::channel();
        let confirmed = async {
            link.send(Order { message, reply }).await.map_err(|_| self.lost())?;
            answer.await.map_err(|_| self.lost())?
        };
        timeout(patience, confirmed).await.unwrap_or_else(|_| {
            Err(PublishError::Unavailable(format!("no confirm within {} ms", patience.as_millis())))
        })
    }

    async fn is_ready(&self) -> bool {
        self.state.borrow().trouble().is_none()
    }
}

impl std::fmt::Debug for AmqpPublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AmqpPublisher").field("plan", &self.plan).field("trouble", &self.last_error()).finish()
    }
}
