//! One connection with one channel, from opening to its end.

use std::sync::Arc;
use std::time::Duration;

use amqprs::channel::{
    Channel, ConfirmSelectArguments, ExchangeDeclareArguments, QueueBindArguments, QueueDeclareArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::error::Error;
use amqprs::tls::TlsAdaptor;
use amqprs::{FieldTable, FieldValue};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::board::Board;
use crate::cause::Cause;
use crate::serve::Service;
use crate::settings::Plan;
use crate::signal::{Listener, Signal};

/// For TCP, TLS, login and declarations together.
const OPENING: Duration = Duration::from_secs(10);
/// For the farewell to a broker that answers.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many orders may wait for the session; more wait with their callers.
const QUEUED: usize = 1024;

/// How a session went.
pub(crate) struct Ended {
    pub(crate) cause: Cause,
    /// Whether the broker confirmed anything.
    pub(crate) proven: bool,
}

impl Ended {
    const fn unproven(cause: Cause) -> Self {
        Self { cause, proven: false }
    }
}

/// Connects, declares, serves orders until something ends it, and answers whatever is left. `doubtful`: the session
/// before this one ended without a confirm.
pub(crate) async fn run(
    plan: Arc<Plan>,
    board: Arc<Board>,
    mut closing: watch::Receiver<bool>,
    doubtful: bool,
) -> Ended {
    let (tell, mut signals) = mpsc::unbounded_channel();
    let opened = tokio::select! {
        () = asked(&mut closing) => return Ended::unproven(Cause::Asked),
        opened = timeout(OPENING, open(&plan, tell)) => opened,
    };
    let (connection, channel) = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return Ended::unproven(why(&plan, &mut signals, &error)),
        Err(_) => return Ended::unproven(Cause::Slow(OPENING)),
    };

    let (link, orders) = mpsc::channel(QUEUED);
    board.connected(link.clone(), doubtful);
    let service = Service::new(&plan, &board, channel.clone(), link, doubtful);
    let ended = service.run(orders, signals, closing).await;
    if ended.cause == Cause::Asked {
        let farewell = async {
            channel.close().await?;
            connection.close().await
        };
        if !matches!(timeout(FAREWELL, farewell).await, Ok(Ok(()))) {
            tracing::debug!("the broker did not answer the farewell");
        }
    }
    ended
}

/// Returns when the publisher is closed or dropped.
pub(crate) async fn asked(closing: &mut watch::Receiver<bool>) {
    // An error means that the publisher was dropped, which asks for the same.
    drop(closing.wait_for(|closing| *closing).await);
}

async fn open(plan: &Plan, tell: mpsc::UnboundedSender<Signal>) -> Result<(Connection, Channel), Error> {
    let address = &plan.address;
    let mut arguments =
        OpenConnectionArguments::new(&address.host, address.port, &address.user, address.password.expose());
    arguments.virtual_host(&address.vhost).connection_name(&plan.connection_name).heartbeat(address.heartbeat);
    if let Some(connector) = &address.tls {
        let name = address.host.trim_start_matches('[').trim_end_matches(']');
        arguments.tls_adaptor(TlsAdaptor::new(connector.clone(), name.to_owned()));
    }
    let connection = Connection::open(&arguments).await?;
    connection.register_callback(Listener::new(tell.clone())).await?;
    let channel = connection.open_channel(None).await?;
    channel.register_callback(Listener::new(tell)).await?;
    declare(&channel, plan).await?;
    channel.confirm_select(ConfirmSelectArguments::default()).await?;
    Ok((connection, channel))
}

async fn declare(channel: &Channel, plan: &Plan) -> Result<(), Error> {
    let exchange = ExchangeDeclareArguments::new(&plan.exchange, "topic").durable(true).finish();
    channel.exchange_declare(exchange).await?;
    if let Some(queue) = &plan.queue {
        let mut quorum = FieldTable::new();
        quorum.insert(
            "x-queue-type".try_into().map_err(|_| unfit())?,
            FieldValue::S("quorum".try_into().map_err(|_| unfit())?),
        );
        channel.queue_declare(QueueDeclareArguments::durable_client_named(queue).arguments(quorum).finish()).await?;
        channel.queue_bind(QueueBindArguments::new(queue, &plan.exchange, "#")).await?;
    }
    Ok(())
}

fn unfit() -> Error {
    Error::ChannelUseError("a name does not fit".to_owned())
}

/// The broker's own words say more than the client's error; they arrived before it.
fn why(plan: &Plan, signals: &mut mpsc::UnboundedReceiver<Signal>, error: &Error) -> Cause {
    let mut cause = Cause::NotOpened(plan.address.censor(&error.to_string()));
    while let Ok(signal) = signals.try_recv() {
        match signal {
            Signal::ChannelClosed { code, text } => {
                return Cause::ChannelClosed { code, text: plan.address.censor(&text) };
            }
            Signal::ConnectionClosed { code, text } => {
                return Cause::ConnectionClosed { code, text: plan.address.censor(&text) };
            }
            Signal::Gone => cause = Cause::Lost,
            _ => {}
        }
    }
    cause
}
