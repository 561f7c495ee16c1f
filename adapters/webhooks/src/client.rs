//! The sender.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use portcullis_domain::event::CloudEvent;
use portcullis_domain::ports::webhooks::{SendError, WebhookMessage, WebhookSender};
use portcullis_domain::webhooks::WebhookUrl;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Host;

use crate::connect::{Connect, NoConnection};
use crate::names::{Names, SystemNames};
use crate::networks::Networks;
use crate::signature::signatures;
use crate::tls;

/// Most of an answer that is read so that its connection can be used again; nobody looks at it.
const ANSWER: usize = 16 * 1024;
/// Most of the head of an answer.
const HEAD: usize = 16 * 1024;
/// How long the rest of an answer is waited for once its status is known.
const REST: Duration = Duration::from_millis(500);
/// Most characters of the reason of a failure.
const REASON: usize = 200;
/// How long an idle connection is kept, and how many of one receiver.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS: usize = 8;

/// Where webhooks may go, and how long they may take.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Networks that are not public and may be sent to all the same.
    pub allowed_networks: Vec<IpNet>,
    /// Whether plain `http` is allowed.
    pub allow_http: bool,
    /// How long a message may take from resolving the name to the status of the answer.
    pub timeout: Duration,
    /// Certificates (DER) of authorities that are trusted besides the public ones and those of the system.
    pub authorities: Vec<Vec<u8>>,
}

/// Sends webhooks over HTTP/1.1. Nothing is built before the first message.
pub struct WebhookClient {
    settings: WebhookSettings,
    networks: Arc<Networks>,
    names: Arc<dyn Names>,
    client: OnceCell<Client<Connect, Full<Bytes>>>,
}

impl WebhookClient {
    /// A sender that asks the system for addresses.
    pub fn new(settings: WebhookSettings) -> Self {
        Self::with_names(settings, Arc::new(SystemNames))
    }

    /// A sender that asks `names` for addresses.
    pub fn with_names(settings: WebhookSettings, names: Arc<dyn Names>) -> Self {
        let networks = Arc::new(Networks::new(settings.allowed_networks.clone()));
        Self { settings, networks, names, client: OnceCell::new() }
    }

    async fn client(&self) -> Result<&Client<Connect, Full<Bytes>>, SendError> {
        let build = || async {
            let authorities = self.settings.authorities.clone();
            let tls = tokio::task::spawn_blocking(move || tls::connector(&authorities)).await;
            let tls = tls.map_err(|error| unreachable(&error))?.map_err(|error| unreachable(&error))?;
            let connect = Connect {
                names: self.names.clone(),
                networks: self.networks.clone(),
                allow_http: self.settings.allow_http,
                tls,
            };
            Ok(Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .http1_max_buf_size(HEAD)
                .build(connect))
        };
        self.client.get_or_try_init(build).await
    }

    async fn answer(&self, message: &WebhookMessage<'_>) -> Result<Response<Incoming>, SendError> {
        self.client().await?.request(request(message)?).await.map_err(|error| unreachable(&error))
    }
}

#[async_trait]
impl WebhookSender for WebhookClient {
    async fn send(&self, message: &WebhookMessage<'_>) -> Result<(), SendError> {
        self.admits(message.url).map_err(SendError::Unreachable)?;
        let patience = self.settings.timeout;
        let answer = timeout(patience, self.answer(message)).await;
        let answer = answer.map_err(|_| SendError::Unreachable(format!("no answer within {patience:?}")))??;
        let status = answer.status().as_u16();
        // What the receiver says besides its status changes nothing, however slowly it says it.
        let _rest = timeout(REST, drain(answer.into_body())).await;
        match status {
            200..=299 => Ok(()),
            410 => Err(SendError::Gone),
            300..=399 => Err(SendError::Unreachable(format!("it answered {status}: redirects are not followed"))),
            status => Err(SendError::Status(status)),
        }
    }

    fn admits(&self, url: &WebhookUrl) -> Result<(), String> {
        if url.as_url().scheme() != "https" && !self.settings.allow_http {
            return Err("plain http is not allowed (webhooks.allow_http)".to_owned());
        }
        let literal = match url.as_url().host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if literal.is_some_and(|address| !self.networks.admit(address)) {
            return Err("the address is not public (webhooks.allowed_networks)".to_owned());
        }
        uri(url).map(drop).map_err(|_| "the URL cannot be requested".to_owned())
    }
}

fn uri(url: &WebhookUrl) -> Result<Uri, http::uri::InvalidUri> {
    url.as_str().parse()
}

fn request(message: &WebhookMessage<'_>) -> Result<Request<Full<Bytes>>, SendError> {
    let (id, timestamp) = (message.id.to_string(), message.at.as_unix_seconds().to_string());
    let signatures = signatures(message.secrets, &id, &timestamp, message.body);
    Request::builder()
        .method(Method::POST)
        .uri(uri(message.url).map_err(|error| unreachable(&error))?)
        .header(header::CONTENT_TYPE, HeaderValue::from_static(CloudEvent::MEDIA_TYPE))
        .header(header::USER_AGENT, HeaderValue::from_static(concat!("portcullis/", env!("CARGO_PKG_VERSION"))))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures)
        .body(Full::new(Bytes::copy_from_slice(message.body)))
        .map_err(|error| unreachable(&error))
}

async fn drain(mut body: Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > ANSWER {
            return;
        }
    }
}

/// The innermost cause says most, and repeats no URL. A certificate may bring a text of the receiver's choice into it.
fn unreachable(error: &(dyn Error + 'static)) -> SendError {
    let mut cause = error;
    while let Some(inner) = cause.source().filter(|_| !cause.is::<NoConnection>()) {
        cause = inner;
    }
    SendError::Unreachable(cause.to_string().chars().filter(|c| !c.is_control()).take(REASON).collect())
}
