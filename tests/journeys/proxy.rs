//! A TCP proxy of the test's own: it stands between the service and a server, and can cut the line.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Passes everything on.
    Open,
    /// Closes what is open and accepts nothing for long.
    Cut,
    /// Accepts, and says nothing: a half-open line.
    Silent,
    /// What the server says passes, what the client says does not.
    OneWay,
}

/// A proxy that listens on a port of its own.
pub(crate) struct Proxy {
    port: u16,
    line: Arc<watch::Sender<Line>>,
}

impl Proxy {
    /// Passes connections on to this address.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (line, state) = watch::channel(Line::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, state.clone()));
            }
        });
        Self { port, line: Arc::new(line) }
    }

    /// In front of the tests' RabbitMQ.
    pub(crate) async fn to_broker() -> Self {
        let url = url::Url::parse(&crate::broker::amqp_url()).expect("the broker's URL is one");
        let host = url.host_str().expect("a host");
        let mut found = tokio::net::lookup_host((host, url.port().unwrap_or(5672))).await.expect("the broker's host");
        Self::to(found.next().expect("an address")).await
    }

    /// In front of the tests' Redis.
    pub(crate) async fn to_redis() -> Self {
        let url = crate::surroundings::variable("PORTCULLIS_TEST_REDIS");
        let url = url.unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
        let url = url::Url::parse(&url).expect("PORTCULLIS_TEST_REDIS is a URL");
        let host = url.host_str().expect("a host");
        let mut found = tokio::net::lookup_host((host, url.port().unwrap_or(6379))).await.expect("the host of Redis");
        let target = found.next().expect("an address");
        drop(
            TcpStream::connect(target)
                .await
                .unwrap_or_else(|error| panic!("the tests need Redis at {target}: {error}")),
        );
        Self::to(target).await
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection, and each new one at once.
    pub(crate) fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Holds every connection without passing anything on: nothing is refused, nothing is answered.
    pub(crate) fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// From here on what clients say does not arrive, while they hear the server as before. To be asked for while
    /// nothing is under way.
    pub(crate) fn mute_clients(&self) {
        self.line.send_replace(Line::OneWay);
    }

    /// Passes new connections on again; silent ones are closed.
    pub(crate) fn resume(&self) {
        self.line.send_replace(Line::Open);
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    let state = *line.borrow_and_update();
    match state {
        Line::Cut => {}
        Line::Silent | Line::OneWay => {
            // Held until the line changes.
            let _gone = line.changed().await;
        }
        Line::Open => {
            let Ok(mut server) = TcpStream::connect(target).await else { return };
            let broken = tokio::select! {
                _ended = copy_bidirectional(&mut client, &mut server) => return,
                changed = line.changed() => changed.is_err(),
            };
            let state = *line.borrow_and_update();
            match state {
                Line::Silent if !broken => {
                    let _gone = line.changed().await;
                }
                Line::OneWay if !broken => {
                    tokio::select! {
                        _ended = copy(&mut server, &mut client) => {}
                        _changed = line.changed() => {}
                    }
                }
                _ => {}
            }
        }
    }
}
