//! A session at work: orders become publishes, confirms become answers.

use amqprs::channel::{BasicPublishArguments, Channel};
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::delivery::PublishError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::board::{Board, Link, Order};
use crate::cause::Cause;
use crate::in_flight::{InFlight, Verdict, tell};
use crate::session::{Ended, asked};
use crate::settings::Plan;
use crate::signal::Signal;

/// How many publishes may be unconfirmed; fewer than the client's own queue holds, so that handing it one never waits.
const WINDOW: usize = 2048;
/// How many orders and signals are taken at once.
const GULP: usize = 256;

/// What a session works with.
pub(crate) struct Service<'a> {
    plan: &'a Plan,
    board: &'a Board,
    channel: Channel,
    link: Link,
    in_flight: InFlight,
    /// The session before ended without a confirm.
    doubtful: bool,
    /// The broker has settled a publish in this session. Until then one is sent at a time, so that a broker that
    /// accepts connections but no messages gets one duplicate per attempt instead of a window full.
    proven: bool,
    blocked: bool,
    leaving: bool,
    queue_gone: bool,
}

impl<'a> Service<'a> {
    pub(crate) const fn new(plan: &'a Plan, board: &'a Board, channel: Channel, link: Link, doubtful: bool) -> Self {
        let in_flight = InFlight::new();
        Self {
            plan,
            board,
            channel,
            link,
            in_flight,
            doubtful,
            proven: false,
            blocked: false,
            leaving: false,
            queue_gone: false,
        }
    }

    /// Works until something ends it; then everybody who waits is answered.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut signals: mpsc::UnboundedReceiver<Signal>,
        mut closing: watch::Receiver<bool>,
    ) -> Ended {
        let cause = self.work(&mut orders, &mut signals, &mut closing).await;
        if cause != Cause::Asked {
            self.board.down(&cause);
        }
        let error = PublishError::Unavailable(cause.to_string());
        self.in_flight.fail(&error);
        orders.close();
        refuse_all(&mut orders, &error);
        Ended { cause, proven: self.proven }
    }

    async fn work(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        signals: &mut mpsc::UnboundedReceiver<Signal>,
        closing: &mut watch::Receiver<bool>,
    ) -> Cause {
        let mut heard = Vec::with_capacity(GULP);
        let mut taken = Vec::with_capacity(GULP);
        loop {
            // A blocked broker is known to be slow and comes back by itself; any other silence ends the session.
            let deadline = if self.blocked { None } else { self.in_flight.deadline() };
            match deadline {
                None if self.leaving => return Cause::Asked,
                None if self.queue_gone => return Cause::QueueGone,
                _ => {}
            }
            let room = self.room();
            tokio::select! {
                biased;
                count = signals.recv_many(&mut heard, GULP) => {
                    if count == 0 {
                        return Cause::Lost;
                    }
                    if let Err(cause) = heard.drain(..).try_for_each(|signal| self.hear(signal, orders)) {
                        return cause;
                    }
                }
                () = asked(closing), if !self.leaving => {
                    self.leaving = true;
                    self.board.leaving();
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Cause::NoConfirm(self.plan.confirm_timeout);
                }
                _ = orders.recv_many(&mut taken, room.min(GULP)), if room > 0 => {
                    for order in taken.drain(..) {
                        if let Err(cause) = self.publish(order).await {
                            return cause;
                        }
                    }
                }
            }
        }
    }

    /// How many more orders may go out.
    const fn room(&self) -> usize {
        if self.leaving || self.queue_gone || self.blocked {
            return 0;
        }
        let window = if self.proven { WINDOW } else { 1 };
        window.saturating_sub(self.in_flight.len())
    }

    async fn publish(&mut self, order: Order) -> Result<(), Cause> {
        let Order { message, reply } = order;
        if reply.is_closed() {
            return Ok(()); // the caller has given up, and will come again
        }
        if self.doubtful && !self.proven {
            self.board.unproven(self.link.clone());
        }
        // From here on the broker has it to confirm: the time before that was ours.
        self.in_flight.add(message.id, Instant::now() + self.plan.confirm_timeout, reply);
        let arguments = BasicPublishArguments {
            exchange: self.plan.exchange.clone(),
            routing_key: message.routing_key.to_owned(),
            mandatory: true,
            immediate: false,
        };
        self.channel.basic_publish(message.properties, message.body, arguments).await.map_err(|_| Cause::Lost)
    }

    fn hear(&mut self, signal: Signal, orders: &mut mpsc::Receiver<Order>) -> Result<(), Cause> {
        match signal {
            Signal::Acked { tag, multiple } => self.settle(tag, multiple, Verdict::Acked),
            Signal::Nacked { tag, multiple } => self.settle(tag, multiple, Verdict::Nacked),
            Signal::Returned { message_id, code, text } => self.returned(message_id.as_deref(), code, &text),
            Signal::Blocked(reason) => {
                self.blocked = true;
                let reason = self.plan.address.censor(&reason);
                self.board.blocked(&reason);
                refuse_all(orders, &PublishError::Unavailable(format!("the broker is blocked: {reason}")));
                Ok(())
            }
            Signal::Unblocked => {
                if std::mem::take(&mut self.blocked) {
                    self.in_flight.extend(Instant::now() + self.plan.confirm_timeout);
                    self.board.unblocked(self.link.clone());
                }
                Ok(())
            }
            Signal::ChannelClosed { code, text } => {
                Err(Cause::ChannelClosed { code, text: self.plan.address.censor(&text) })
            }
            Signal::ConnectionClosed { code, text } => {
                Err(Cause::ConnectionClosed { code, text: self.plan.address.censor(&text) })
            }
            Signal::Gone => Err(Cause::Lost),
        }
    }

    fn settle(&mut self, tag: u64, multiple: bool, verdict: Verdict) -> Result<(), Cause> {
        let what = if verdict == Verdict::Acked { "an ack" } else { "a nack" };
        self.in_flight.settle(tag, multiple, verdict).map_err(|_| Cause::Miscounted(what))?;
        if !std::mem::replace(&mut self.proven, true) && self.doubtful && !self.leaving && !self.blocked {
            self.board.proven(self.link.clone());
        }
        Ok(())
    }

    fn returned(&mut self, message_id: Option<&str>, code: u16, text: &str) -> Result<(), Cause> {
        let id: Option<EventId> = message_id.and_then(|id| id.parse().ok());
        let why = format!("unroutable: {code} {}", self.plan.address.censor(text));
        self.queue_gone |= self.plan.queue.is_some();
        id.and_then(|id| self.in_flight.returned(id, why).ok()).ok_or(Cause::Miscounted("a return"))
    }
}

fn refuse_all(orders: &mut mpsc::Receiver<Order>, error: &PublishError) {
    while let Ok(order) = orders.try_recv() {
        tell(order.reply, Err(error.clone()));
    }
}
