//! One GET, with bounds on time and size.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{ACCEPT, CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode, redirect};
use url::Url;

use super::freshness;
use crate::build_error::BuildError;

/// For one answer as a whole.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Larger documents are refused.
const MAX_BYTES: usize = 256 * 1024;

/// An answer.
pub(crate) enum Answer {
    /// The document.
    Document(Document),
    /// What is known already, for so much longer.
    Unchanged(Duration),
    /// Neither.
    Status(StatusCode),
}

pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: Option<HeaderValue>,
    pub(crate) fresh_for: Duration,
}

/// Why there is no answer: where, and what went wrong.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {why}")]
pub(crate) struct NoAnswer {
    pub(crate) url: Url,
    pub(crate) why: String,
}

impl NoAnswer {
    pub(crate) fn new(url: &Url, why: impl Into<String>) -> Self {
        Self { url: url.clone(), why: why.into() }
    }
}

/// The innermost cause says most, and repeats no URL.
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause = error.source();
    while let Some(next) = cause.and_then(|cause| cause.source()) {
        cause = Some(next);
    }
    let why = cause.map_or_else(|| "no answer".to_owned(), ToString::to_string);
    why.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// For what is below `base`, and whatever that leads to over https. It follows no redirects: keys come from where they
/// are said to be.
pub(crate) fn client(base: &Url) -> Result<Client, BuildError> {
    let is_plain = base.scheme() == "http";
    let mut builder = Client::builder();
    if is_plain {
        // A proxy of the environment would read the secret and could put its own keys in: only https keeps it out.
        builder = builder.no_proxy();
    }
    builder
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT)
        .https_only(!is_plain)
        .pool_max_idle_per_host(1)
        .user_agent(concat!("portcullis-verifier/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| BuildError::Client(error.to_string()))
}

/// Asks for `url`, unless it still is what `etag` names; past all caches when it must be `new`.
pub(crate) async fn get(client: &Client, url: &Url, etag: Option<&HeaderValue>, new: bool) -> Result<Answer, NoAnswer> {
    let mut request = client.get(url.clone()).header(ACCEPT, "application/json");
    if let Some(etag) = etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if new {
        request = request.header(CACHE_CONTROL, "no-cache");
    }
    let response = request.send().await.map_err(|error| NoAnswer::new(url, innermost(&error)))?;
    let fresh_for = freshness::of(response.headers());
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Answer::Unchanged(fresh_for)),
        other => return Ok(Answer::Status(other)),
    }
    let etag = response.headers().get(ETAG).cloned();
    let body = body(response, MAX_BYTES).await.map_err(|why| NoAnswer::new(url, why))?;
    Ok(Answer::Document(Document { body, etag, fresh_for }))
}

/// The whole body, if it is no larger than this; or why it is not there.
pub(crate) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| innermost(&error))? {
        if body.len() + part.len() > most {
            return Err("the document is too large".to_owned());
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
