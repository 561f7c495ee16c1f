//! What the broker tells us: the client's callbacks, turned into one stream.

use amqprs::callbacks::{ChannelCallback, ConnectionCallback};
use amqprs::channel::Channel;
use amqprs::connection::Connection;
use amqprs::consumer::AsyncConsumer;
use amqprs::error::Error;
use amqprs::{Ack, BasicProperties, Cancel, Close, CloseChannel, Deliver, Nack, Return};
use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;

/// Something the broker said, or its silence.
#[derive(Debug)]
pub(crate) enum Signal {
    /// An event.
    Event(Vec<u8>),
    /// The broker ended it: why.
    Closed(String),
    /// A task of the client has ended: the socket is closed, or heartbeats were missed.
    Gone,
}

/// Stands in the client's tasks; when they end it is dropped, and says so.
pub(crate) struct Listener(UnboundedSender<Signal>);

impl Listener {
    pub(crate) const fn new(signals: UnboundedSender<Signal>) -> Self {
        Self(signals)
    }

    fn tell(&self, signal: Signal) {
        // Nobody listens any more once the session has ended.
        drop(self.0.send(signal));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tell(Signal::Gone);
    }
}

#[async_trait]
impl AsyncConsumer for Listener {
    async fn consume(&mut self, _: &Channel, _: Deliver, _: BasicProperties, content: Vec<u8>) {
        self.tell(Signal::Event(content));
    }
}

#[async_trait]
impl ConnectionCallback for Listener {
    async fn close(&mut self, _: &Connection, close: Close) -> Result<(), Error> {
        self.tell(Signal::Closed(format!("{} {}", close.reply_code(), close.reply_text())));
        Ok(())
    }

    async fn blocked(&mut self, _: &Connection, _: String) {}

    async fn unblocked(&mut self, _: &Connection) {}

    async fn secret_updated(&mut self, _: &Connection) {}
}

#[async_trait]
impl ChannelCallback for Listener {
    async fn close(&mut self, _: &Channel, close: CloseChannel) -> Result<(), Error> {
        self.tell(Signal::Closed(format!("{} {}", close.reply_code(), close.reply_text())));
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), Error> {
        self.tell(Signal::Closed("the queue was deleted".to_owned()));
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, _: Ack) {}

    async fn publish_nack(&mut self, _: &Channel, _: Nack) {}

    async fn publish_return(&mut self, _: &Channel, _: Return, _: BasicProperties, _: Vec<u8>) {}
}
