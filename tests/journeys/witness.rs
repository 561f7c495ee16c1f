//! What reaches the two ends behind a proxy: an app that remembers its requests, and a line that remembers its bytes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poem::listener::{Acceptor, Listener};
use poem::{Request, Response};
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that reached the app.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// The path with the query, as it was sent.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// The length of the body.
    pub(crate) body: usize,
}

/// A server that says `welcome` to everybody.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl App {
    pub(crate) async fn start() -> Self {
        let acceptor = poem::listener::TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a free port");
        let address = *acceptor.local_addr()[0].as_socket_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let book = Arc::clone(&seen);
        let welcome = poem::endpoint::make(move |request: Request| {
            let book = Arc::clone(&book);
            async move {
                let (method, headers) = (request.method().clone(), request.headers().clone());
                let target = request.original_uri().to_string();
                let body = request.into_body().into_bytes().await?.len();
                locked(&book).push(Seen { method, target, headers, body });
                Ok::<_, poem::Error>(Response::builder().body("welcome"))
            }
        });
        tokio::spawn(poem::Server::new_with_acceptor(acceptor).run(welcome));
        Self { address, seen }
    }

    /// What has come since the last time.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut locked(&self.seen))
    }
}

/// Passes connections on to a server, and keeps what clients send.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    /// In front of the server on this port.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heard: Arc<Mutex<Vec<u8>>> = Arc::default();
        let book = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, Arc::clone(&book)));
            }
        });
        Self { address, heard }
    }

    /// What clients have sent since the last time.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *locked(&self.heard))).into_owned()
    }
}

/// Until one of the two ends closes.
async fn carry(client: TcpStream, port: u16, book: Arc<Mutex<Vec<u8>>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let there = async move {
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut chunk).await {
            locked(&book).extend_from_slice(&chunk[..length]);
            if to_server.write_all(&chunk[..length]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        _ended = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
