//! One connection with one queue, from opening to its end.

use std::time::Duration;

use amqprs::channel::{
    BasicConsumeArguments, Channel, ExchangeDeclareArguments, QueueBindArguments, QueueDeclareArguments,
};
use amqprs::connection::Connection;
use amqprs::error::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::address::Address;
use super::listener::{Listener, Signal};
use crate::revocations::FeedSink;

/// For TCP, TLS, login and declarations together.
const OPENING: Duration = Duration::from_secs(10);
/// What revokes something, or changes keys.
const ROUTES: [&str; 6] = ["session.revoked", "token.revoked", "client.deleted", "user.*", "role.*", "keys.*"];

/// How a session went.
pub(crate) struct Ended {
    pub(crate) why: String,
    /// Events were being heard.
    pub(crate) was_heard: bool,
    /// The broker said nothing of an end.
    pub(crate) was_silent: bool,
}

/// Connects, declares, and passes on events until something ends it.
pub(crate) async fn run(address: &Address, exchange: &str, sink: &FeedSink) -> Ended {
    let (tell, mut signals) = mpsc::unbounded_channel();
    let opened = match timeout(OPENING, open(address, exchange, tell)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return not_heard(said(&mut signals).unwrap_or_else(|| error.to_string())),
        Err(_) => return not_heard("it did not answer in time".to_owned()),
    };
    sink.connected();
    let mut why = None;
    while let Some(signal) = signals.recv().await {
        match signal {
            Signal::Event(json) => {
                if sink.event(&json).is_err() {
                    sink.missed();
                }
            }
            Signal::Closed(text) => {
                why = Some(text);
                break;
            }
            Signal::Gone => break,
        }
    }
    drop(opened);
    let was_silent = why.is_none();
    Ended { why: why.unwrap_or_else(|| "the connection was lost".to_owned()), was_heard: true, was_silent }
}

async fn open(
    address: &Address,
    exchange: &str,
    tell: mpsc::UnboundedSender<Signal>,
) -> Result<(Connection, Channel), Error> {
    let connection = Connection::open(&address.arguments()).await?;
    connection.register_callback(Listener::new(tell.clone())).await?;
    let channel = connection.open_channel(None).await?;
    channel.register_callback(Listener::new(tell.clone())).await?;
    // Passive: the exchange is the issuer's to make. Until it has, this is an error and tried again.
    channel.exchange_declare(ExchangeDeclareArguments::new(exchange, "topic").passive(true).finish()).await?;
    let queue = QueueDeclareArguments::exclusive_server_named().auto_delete(true).finish();
    let (queue, _, _) = channel.queue_declare(queue).await?.ok_or_else(unnamed)?;
    for route in ROUTES {
        channel.queue_bind(QueueBindArguments::new(&queue, exchange, route)).await?;
    }
    // No acknowledgements: the queue is gone with this connection, and so is what it held.
    let consume = BasicConsumeArguments::new(&queue, "").auto_ack(true).exclusive(true).finish();
    channel.basic_consume(Listener::new(tell), consume).await?;
    Ok((connection, channel))
}

fn unnamed() -> Error {
    Error::ChannelUseError("the broker named no queue".to_owned())
}

fn not_heard(why: String) -> Ended {
    Ended { why, was_heard: false, was_silent: false }
}

/// The broker's own words say more than the client's error; they arrived before it.
fn said(signals: &mut mpsc::UnboundedReceiver<Signal>) -> Option<String> {
    std::iter::from_fn(|| signals.try_recv().ok()).find_map(|signal| match signal {
        Signal::Closed(text) => Some(text),
        _ => None,
    })
}
