//! Connecting: the name is resolved, each address is judged, and only what was judged is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::line::Line;
use crate::names::Names;
use crate::networks::Networks;

/// How long one address may take to be connected to; a name may have another one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long TLS may take to begin.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// More addresses of one name are not tried.
const ADDRESSES: usize = 4;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoConnection {
    #[error("the URL has no host")]
    Host,
    #[error("plain http is not allowed (webhooks.allow_http)")]
    Http,
    #[error("the name cannot be resolved")]
    Name,
    #[error("the address is not public (webhooks.allowed_networks)")]
    Forbidden,
    #[error("no connection: {0}")]
    Refused(#[source] io::Error),
    #[error("no connection in time")]
    Slow,
    #[error("no TLS connection: {0}")]
    Tls(#[source] io::Error),
}

/// Connects where it is allowed.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) names: Arc<dyn Names>,
    pub(crate) networks: Arc<Networks>,
    pub(crate) allow_http: bool,
    pub(crate) tls: TlsConnector,
}

impl Service<Uri> for Connect {
    type Response = Line;
    type Error = NoConnection;
    type Future = Pin<Box<dyn Future<Output = Result<Line, NoConnection>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoConnection>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connect = self.clone();
        Box::pin(async move { connect.to(&uri).await })
    }
}

impl Connect {
    async fn to(&self, uri: &Uri) -> Result<Line, NoConnection> {
        let host = uri.host().ok_or(NoConnection::Host)?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !secure && !self.allow_http {
            return Err(NoConnection::Http);
        }
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.connected(&self.admitted(host).await?, port).await?;
        // Requests are small and complete: nothing is gained by waiting for more.
        stream.set_nodelay(true).map_err(NoConnection::Refused)?;
        if !secure {
            return Ok(Line::new(stream));
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| NoConnection::Host)?;
        let encrypted = timeout(HANDSHAKE_TIMEOUT, self.tls.connect(name, stream)).await;
        Ok(Line::new(encrypted.map_err(|_| NoConnection::Slow)?.map_err(NoConnection::Tls)?))
    }

    /// The addresses of a host that may be connected to; what is not among them is forgotten.
    async fn admitted(&self, host: &str) -> Result<Vec<IpAddr>, NoConnection> {
        let mut addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.names.resolve(host).await.map_err(|_| NoConnection::Name)?,
        };
        if addresses.is_empty() {
            return Err(NoConnection::Name);
        }
        addresses.retain(|address| self.networks.admit(*address));
        addresses.truncate(ADDRESSES);
        if addresses.is_empty() { Err(NoConnection::Forbidden) } else { Ok(addresses) }
    }

    async fn connected(&self, addresses: &[IpAddr], port: u16) -> Result<TcpStream, NoConnection> {
        let mut why = NoConnection::Name;
        for address in addresses {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(SocketAddr::new(*address, port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => why = NoConnection::Refused(error),
                Err(_) => why = NoConnection::Slow,
            }
        }
        Err(why)
    }
}
