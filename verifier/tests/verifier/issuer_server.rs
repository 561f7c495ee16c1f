//! A small HTTP server that serves an issuer's documents, as well or as badly as a test wants.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const JWKS: &str = "/.well-known/jwks.json";
pub(crate) const PASERK: &str = "/.well-known/paserk.json";
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";

/// What is served at one path.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) headers: String,
    pub(crate) etag: Option<String>,
    pub(crate) delay: Duration,
}

impl Page {
    pub(crate) fn of(body: impl Into<String>) -> Self {
        let headers = "Cache-Control: public, max-age=300\r\n".to_owned();
        Self { status: 200, body: body.into(), headers, etag: None, delay: Duration::ZERO }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::of("") }
    }
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) status: u16,
}

#[derive(Default)]
struct Board {
    pages: HashMap<String, Page>,
    seen: Vec<Seen>,
}

/// The server; it goes when it is dropped.
pub(crate) struct IssuerServer {
    pub(crate) address: SocketAddr,
    board: Arc<Mutex<Board>>,
    task: JoinHandle<()>,
}

impl IssuerServer {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let (address, board) = (listener.local_addr().unwrap(), Arc::<Mutex<Board>>::default());
        let shared = board.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        Self { address, board, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn serve(&self, path: &str, page: Page) {
        self.board.lock().unwrap().pages.insert(path.to_owned(), page);
    }

    pub(crate) fn seen(&self, path: &str) -> Vec<Seen> {
        self.board.lock().unwrap().seen.iter().filter(|seen| seen.path == path).cloned().collect()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.seen(path).len()
    }

    pub(crate) fn total(&self) -> usize {
        self.board.lock().unwrap().seen.len()
    }
}

impl Drop for IssuerServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, board: Arc<Mutex<Board>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).expect("a request is text");
    let path = head.split(' ').nth(1).expect("a path").to_owned();
    let page = board.lock().unwrap().pages.get(&path).cloned().unwrap_or_else(|| Page::status(404));
    let lower = head.to_ascii_lowercase();
    let is_known = page.etag.as_ref().is_some_and(|etag| lower.contains(&format!("if-none-match: {etag}\r\n")));
    let (status, body) = if is_known { (304, String::new()) } else { (page.status, page.body) };
    board.lock().unwrap().seen.push(Seen { path, head: lower, status });
    tokio::time::sleep(page.delay).await;
    let etag = page.etag.map_or_else(String::new, |etag| format!("ETag: {etag}\r\n"));
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{etag}{}\r\n{body}",
        page.headers
    );
    // A client that has gone gets no answer.
    drop(stream.write_all(answer.as_bytes()).await);
}
