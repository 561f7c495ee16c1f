//! Serving HTTP/1.1 connections: bounded in number, in all and for each address, in time, and in the size of a
//! request's head.

mod arriving;
mod open_files;
mod places;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::wiring::TrustedProxies;
use places::{Place, Places};

/// What answers the requests.
pub(crate) type Answers = Arc<BoxEndpoint<'static, Response>>;

/// What a client may use.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// Connections at once from one address, an IPv6 network of 64 bits counting as one.
    pub(crate) connections_per_address: usize,
    /// Who speaks for many and may have as many connections as there are.
    pub(crate) proxies: TrustedProxies,
    /// From the end of an answer, or the accept, to the end of the next request's head.
    pub(crate) header_timeout: Duration,
    /// For running requests once the service stops.
    pub(crate) drain_timeout: Duration,
}

impl Limits {
    /// The same, with no more connections than there can be open files; says so when that is fewer.
    pub(crate) fn within_open_files(self) -> Self {
        Self { connections: open_files::connections(self.connections), ..self }
    }
}

/// A request's head has at most so many bytes.
const HEAD_BYTES: usize = 32 * 1024;
const BACKLOG: i32 = 1024;
/// A client that takes nothing of an answer for so long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens the port.
pub(crate) fn bind(host: IpAddr, port: u16) -> std::io::Result<TcpListener> {
    let address = SocketAddr::new(host, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves until `stop` turns true, then lets running requests finish.
pub(crate) async fn serve(listener: TcpListener, answers: Answers, limits: Limits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Places::new(limits.connections, limits.connections_per_address, limits.proxies));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let place = tokio::select! {
                    () = stopped(&mut stop) => break,
                    place = places.take(peer.ip()) => place,
                };
                if let Some(place) = place {
                    let stop = stop.clone();
                    connections.spawn(serve_connection(
                        stream,
                        peer,
                        place,
                        answers.clone(),
                        limits.header_timeout,
                        stop,
                    ));
                } else {
                    metrics::counter!("http_connections_refused_total").increment(1);
                    tracing::debug!(%peer, "this address has too many connections");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_timeout, drained).await.is_err() {
        tracing::warn!("requests were still running at the end of the drain timeout");
    }
}

/// Returns once `stop` is true, or nobody is left to say so.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Answers go out at once, and a client that does not take them loses its place.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_user_timeout(Some(WRITE_TIMEOUT))
}

async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    answers: Answers,
    header_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    if prepare(&stream).is_err() {
        return;
    }
    let remote = RemoteAddr(Addr::from(peer));
    let local = stream.local_addr().map(|address| LocalAddr(Addr::from(address))).unwrap_or_default();
    let place = Arc::new(place);
    let at_work = place.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (answers, place) = (answers.clone(), at_work.clone());
        let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
        async move {
            if !place.begin() {
                return Err(PlaceGone);
            }
            let answer = answers.get_response(arriving::watched(request, &place)).await;
            place.end();
            Ok(hyper::Response::from(answer))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BYTES)
        .max_header_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.told_to_go() => return,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The place of a connection was given away just as a request, or more of its body, came: the request is not begun, or
/// not gone on with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the place of the connection was needed")]
struct PlaceGone;

#[cfg(test)]
mod tests;
