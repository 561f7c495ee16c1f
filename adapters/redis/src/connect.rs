//! Opens connections.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use redis::AsyncConnectionConfig;
use redis::aio::{MultiplexedConnection, PubSub};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::cause::Cause;
use crate::settings::Plan;

/// How long a connection may take until Redis has answered on it for the first time, and how long any work in the
/// background may wait for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// How many commands may wait to be written; more callers wait their turn.
const QUEUE: usize = 1_024;

/// Either kind of stream.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What has to be driven for a connection to work.
pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection for commands.
pub(crate) async fn commands(plan: &Plan) -> Result<(MultiplexedConnection, Driver), Cause> {
    // The limits are ours: one for the whole of a call, however many answers it takes.
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(QUEUE);
    within(async {
        let stream = stream(plan).await?;
        let introduction = plan.address.introduction();
        match MultiplexedConnection::new_with_config(&introduction, stream, config).await {
            Ok((connection, driver)) => Ok((connection, Box::pin(driver) as Driver)),
            Err(error) => Err(Cause::of(error, &plan.address)),
        }
    })
    .await
}

/// A connection for subscriptions.
pub(crate) async fn subscriptions(plan: &Plan) -> Result<PubSub, Cause> {
    within(async {
        let stream = stream(plan).await?;
        PubSub::new(&plan.address.introduction(), stream).await.map_err(|error| Cause::of(error, &plan.address))
    })
    .await
}

async fn stream(plan: &Plan) -> Result<Box<dyn Stream>, Cause> {
    let address = &plan.address;
    let not_opened = |error: io::Error| Cause::NotOpened(address.censor(&error.to_string()));
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(not_opened)?;
    tcp.set_nodelay(true).map_err(not_opened)?;
    let Some(tls) = &address.tls else { return Ok(Box::new(tcp)) };
    let name = ServerName::try_from(address.host.clone())
        .map_err(|_| Cause::NotOpened("TLS: the host of the URL is not a name".to_owned()))?;
    let secured = tls.connect(name, tcp).await;
    let secured = secured.map_err(|error| Cause::NotOpened(address.censor(&format!("TLS: {error}"))))?;
    Ok(Box::new(secured))
}

async fn within<T>(opening: impl Future<Output = Result<T, Cause>>) -> Result<T, Cause> {
    timeout(PATIENCE, opening).await.unwrap_or(Err(Cause::Slow(PATIENCE)))
}
