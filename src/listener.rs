//! Serving HTTP/1.1 connections: bounded in number, in time, and in the size of a request's head.

use std::convert::Infallible;
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
use poem::{Addr, Endpoint, Response};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// What answers the requests.
pub(crate) type Answers = Arc<BoxEndpoint<'static, Response>>;

/// What a client may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// From the end of an answer, or the accept, to the end of the next request's head.
    pub(crate) header_timeout: Duration,
    /// For running requests once the service stops.
    pub(crate) drain_timeout: Duration,
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
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = stopped(&mut stop) => break,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = serve_connection(stream, peer, answers.clone(), limits.header_timeout, stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
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
    answers: Answers,
    header_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    if prepare(&stream).is_err() {
        return;
    }
    let remote = RemoteAddr(Addr::from(peer));
    let local = stream.local_addr().map(|address| LocalAddr(Addr::from(address))).unwrap_or_default();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answers = answers.clone();
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        async move { Ok::<_, Infallible>(hyper::Response::from(answers.get_response(request).await)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
