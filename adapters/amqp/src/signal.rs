//! What the broker tells us unasked: the client's callbacks, turned into one stream.

use amqprs::callbacks::{ChannelCallback, ConnectionCallback};
use amqprs::channel::Channel;
use amqprs::connection::Connection;
use amqprs::error::Error;
use amqprs::{Ack, BasicProperties, Cancel, Close, CloseChannel, Nack, Return};
use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;

/// Something the broker said, or its silence.
#[derive(Debug)]
pub(crate) enum Signal {
    /// A publish is confirmed; with `multiple` also all before it.
    Acked { tag: u64, multiple: bool },
    /// The broker could not take responsibility.
    Nacked { tag: u64, multiple: bool },
    /// A mandatory message found no queue; its ack follows.
    Returned { message_id: Option<String>, code: u16, text: String },
    /// The broker takes no publishes for now.
    Blocked(String),
    /// It takes them again.
    Unblocked,
    /// The broker closed the channel.
    ChannelClosed { code: u16, text: String },
    /// The broker closed the connection.
    ConnectionClosed { code: u16, text: String },
    /// A task of the client has ended: the socket is closed, heartbeats were missed, or the client gave up.
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
impl ConnectionCallback for Listener {
    async fn close(&mut self, _: &Connection, close: Close) -> Result<(), Error> {
        self.tell(Signal::ConnectionClosed { code: close.reply_code(), text: close.reply_text().clone() });
        Ok(())
    }

    async fn blocked(&mut self, _: &Connection, reason: String) {
        self.tell(Signal::Blocked(reason));
    }

    async fn unblocked(&mut self, _: &Connection) {
        self.tell(Signal::Unblocked);
    }

    async fn secret_updated(&mut self, _: &Connection) {}
}

#[async_trait]
impl ChannelCallback for Listener {
    async fn close(&mut self, _: &Channel, close: CloseChannel) -> Result<(), Error> {
        self.tell(Signal::ChannelClosed { code: close.reply_code(), text: close.reply_text().clone() });
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), Error> {
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, Error> {
        self.tell(if active { Signal::Unblocked } else { Signal::Blocked("channel flow is off".to_owned()) });
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        self.tell(Signal::Acked { tag: ack.delivery_tag(), multiple: ack.mutiple() });
    }

    async fn publish_nack(&mut self, _: &Channel, nack: Nack) {
        self.tell(Signal::Nacked { tag: nack.delivery_tag(), multiple: nack.multiple() });
    }

    async fn publish_return(&mut self, _: &Channel, ret: Return, properties: BasicProperties, _: Vec<u8>) {
        self.tell(Signal::Returned {
            message_id: properties.message_id().cloned(),
            code: ret.reply_code(),
            text: ret.reply_text().clone(),
        });
    }
}
