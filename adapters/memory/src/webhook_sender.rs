//! A sender of webhooks that remembers, for tests.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use portcullis_domain::event::CloudEvent;
use portcullis_domain::ports::webhooks::{SendError, WebhookMessage, WebhookSender};
use portcullis_domain::webhooks::WebhookUrl;
use sha2::Sha256;
use tokio::sync::Notify;
use url::Host;

/// A message as a receiver gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Where to.
    pub url: String,
    /// The header `webhook-id`.
    pub id: String,
    /// The header `webhook-timestamp`: unix seconds.
    pub timestamp: String,
    /// The header `webhook-signature`: `v1,<base64>`, one for each secret, separated by spaces.
    pub signature: String,
    /// The header `content-type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This status; one of 3xx points to another path of the receiver.
    Status(u16),
    /// Nothing, ever.
    Silence,
}

/// A sender that keeps what it is given instead of sending it, signed like the real ones, and gets the answers that a
/// test asks for: for tests.
#[derive(Default)]
pub struct RecordingWebhooks {
    inner: Mutex<Inner>,
    news: Notify,
}

type Judge = dyn Fn(&Posted) -> Reply + Send + Sync;

#[derive(Default)]
struct Inner {
    posted: Vec<Posted>,
    taken: Vec<Posted>,
    judge: Option<Box<Judge>>,
}

impl RecordingWebhooks {
    /// A sender whose receivers answer 204.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on receivers answer what `judge` says.
    pub fn answer_when(&self, judge: impl Fn(&Posted) -> Reply + Send + Sync + 'static) {
        self.lock().judge = Some(Box::new(judge));
    }

    /// From here on every receiver answers so.
    pub fn answer(&self, reply: Reply) {
        self.answer_when(move |_| reply);
    }

    /// From here on every receiver answers 204 again.
    pub fn recover(&self) {
        self.lock().judge = None;
    }

    /// Everything that was sent, taken or not, in order.
    pub fn posted(&self) -> Vec<Posted> {
        self.lock().posted.clone()
    }

    /// What was answered with 2xx, in order.
    pub fn taken(&self) -> Vec<Posted> {
        self.lock().taken.clone()
    }

    /// Returns once at least `count` messages were answered with 2xx.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let news = self.news.notified();
            if self.lock().taken.len() >= count {
                return;
            }
            news.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl WebhookSender for RecordingWebhooks {
    async fn send(&self, message: &WebhookMessage<'_>) -> Result<(), SendError> {
        self.admits(message.url).map_err(SendError::Unreachable)?;
        let posted = posted(message)?;
        let mut inner = self.lock();
        let reply = inner.judge.as_ref().map_or(Reply::Status(204), |judge| judge(&posted));
        inner.posted.push(posted.clone());
        match reply {
            Reply::Status(200..=299) => inner.taken.push(posted),
            Reply::Status(410) => return Err(SendError::Gone),
            Reply::Status(300..=399) => return Err(SendError::Unreachable("it redirects elsewhere".to_owned())),
            Reply::Status(status) => return Err(SendError::Status(status)),
            Reply::Silence => return Err(SendError::Unreachable("no answer in time".to_owned())),
        }
        drop(inner);
        self.news.notify_waiters();
        Ok(())
    }

    fn admits(&self, url: &WebhookUrl) -> Result<(), String> {
        let public = match url.as_url().host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => is_public(address),
            Some(Host::Ipv6(address)) => is_public_v6(address),
            None => false,
        };
        if public { Ok(()) } else { Err("the address is not public".to_owned()) }
    }
}

/// Coarser than what stands in production: some public addresses are refused, too.
const fn is_public(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let shared = first == 100 && second & 0xC0 == 64;
    let special = first == 0 || first >= 224 || (first == 192 && second == 0 && third == 0);
    let reserved = first == 198 && second & 0xFE == 18;
    let inside = address.is_private() || address.is_loopback() || address.is_link_local();
    !(shared || special || reserved || inside || address.is_documentation())
}

/// What is not handed out to networks, and what carries an IPv4 address inside, is refused.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    first & 0xE000 == 0x2000 && first != 0x2002 && !(first == 0x2001 && (second < 0x200 || second == 0xDB8))
}

fn posted(message: &WebhookMessage<'_>) -> Result<Posted, SendError> {
    let (id, timestamp) = (message.id.to_string(), message.at.as_unix_seconds().to_string());
    let mut signatures = Vec::with_capacity(message.secrets.len());
    for secret in message.secrets {
        let mac = Hmac::<Sha256>::new_from_slice(&secret.0);
        let mut mac = mac.map_err(|error| SendError::Unreachable(error.to_string()))?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(message.body);
        signatures.push(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())));
    }
    Ok(Posted {
        url: message.url.as_str().to_owned(),
        id,
        timestamp,
        signature: signatures.join(" "),
        content_type: CloudEvent::MEDIA_TYPE.to_owned(),
        body: message.body.to_vec(),
    })
}
