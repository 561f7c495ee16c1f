//! A receiver on this machine, and a message for it.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::tokens::PrivateKey;
use portcullis_domain::ports::webhooks::{SendError, WebhookMessage, WebhookSender};
use portcullis_domain::webhooks::WebhookUrl;
use portcullis_memory::contract::webhook_sender::Receiver;
use portcullis_memory::{Posted, Reply, SeededRandomness};
use portcullis_webhooks::WebhookSettings;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// Path and query of every URL here.
pub(crate) const PATH: &str = "/hooks/portcullis?tenant=7";

/// Answers as it is told, and keeps what it gets.
#[derive(Clone)]
pub(crate) struct LocalReceiver {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    reply: Reply,
    received: Vec<Posted>,
    heads: Vec<HeaderMap>,
    connections: usize,
}

impl LocalReceiver {
    /// On a port of its own.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Self::at(listener.local_addr().expect("an address"));
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        receiver
    }

    /// One whose connections the test accepts.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let inner = Inner { reply: Reply::Status(204), received: Vec::new(), heads: Vec::new(), connections: 0 };
        Self { address, inner: Arc::new(Mutex::new(inner)) }
    }

    /// Serves one connection.
    pub(crate) async fn serve(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        self.lock().connections += 1;
        let answer = service_fn(move |request| self.clone().answered(request));
        // The sender closes when it likes.
        drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
    }

    async fn answered(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
        let text = |name: &str| {
            let value = head.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
            value.unwrap_or_default()
        };
        assert_eq!(head.method, "POST");
        let reply = {
            let mut inner = self.lock();
            inner.received.push(Posted {
                url: format!("http://{}{}", text("host"), head.uri),
                id: text("webhook-id"),
                timestamp: text("webhook-timestamp"),
                signature: text("webhook-signature"),
                content_type: text("content-type"),
                body,
            });
            inner.heads.push(head.headers.clone());
            inner.reply
        };
        let Reply::Status(status) = reply else {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(Response::default());
        };
        let mut answer = Response::builder().status(status);
        if (300..400).contains(&status) {
            answer = answer.header("location", format!("http://{}/elsewhere", self.address));
        }
        Ok(answer.body(Full::default()).expect("an answer"))
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all requests.
    pub(crate) fn heads(&self) -> Vec<HeaderMap> {
        self.lock().heads.clone()
    }

    /// How many connections it has accepted.
    pub(crate) fn connections(&self) -> usize {
        self.lock().connections
    }

    /// How many messages it has got.
    pub(crate) fn count(&self) -> usize {
        self.lock().received.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no test panics in here")
    }
}

#[async_trait]
impl Receiver for LocalReceiver {
    fn url(&self) -> WebhookUrl {
        url(&format!("http://{}{PATH}", self.address))
    }

    fn answer(&self, reply: Reply) {
        self.lock().reply = reply;
    }

    async fn received(&self) -> Vec<Posted> {
        self.lock().received.clone()
    }
}

/// Plain http, this machine, two seconds.
pub(crate) fn settings() -> WebhookSettings {
    WebhookSettings {
        allowed_networks: vec!["127.0.0.0/8".parse().expect("a network")],
        allow_http: true,
        timeout: Duration::from_secs(2),
        authorities: Vec::new(),
    }
}

pub(crate) fn url(text: &str) -> WebhookUrl {
    WebhookUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Sends something there.
pub(crate) async fn send(sender: &dyn WebhookSender, url: &WebhookUrl) -> Result<(), SendError> {
    let at = Timestamp::from_unix_seconds(1_800_000_000);
    let id = EventId::new(at, &SeededRandomness::new(7));
    let secrets = [PrivateKey(b"a secret canary of thirty-two b.".to_vec())];
    sender.send(&WebhookMessage { url, id, at, body: b"{\"n\":1}", secrets: &secrets }).await
}

/// What it says when it does not get through.
pub(crate) async fn refused(sender: &dyn WebhookSender, url: &WebhookUrl) -> String {
    match send(sender, url).await {
        Err(SendError::Unreachable(why)) => why,
        other => panic!("{url:?}: {other:?}"),
    }
}
