//! The issuer's documents, as they were last seen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::{Client, StatusCode};
use url::Url;

use super::client::{self, Answer, NoAnswer};
use super::metadata;
use crate::build_error::BuildError;
use crate::keys::{Key, KeySet, NotAKeySet, read_jwks, read_paserks};

/// How long the place of the keys is good for.
const REDISCOVER: Duration = Duration::from_secs(60 * 60);

/// Where the keys of an issuer come from.
pub(crate) struct Source {
    client: Client,
    issuer: Arc<str>,
    base: Url,
    /// The address was given: there is nothing to discover.
    known_address: bool,
    jwks: Document,
    paserk: Document,
    discovered: Option<Instant>,
}

/// What is known after a fetch.
pub(crate) struct Fetched {
    /// The keys of both documents, each as it was last read.
    pub(crate) keys: KeySet,
    /// For how long they are fresh, or what kept one of the documents away.
    pub(crate) fresh_for: Result<Duration, NoAnswer>,
}

type Reader = fn(&[u8]) -> Result<Vec<Arc<Key>>, NotAKeySet>;

/// A document with its keys.
struct Document {
    url: Url,
    etag: Option<HeaderValue>,
    keys: Option<Vec<Arc<Key>>>,
    read: Reader,
}

impl Source {
    pub(crate) fn new(issuer: Arc<str>, base: Url, known_address: bool) -> Result<Self, BuildError> {
        let client = client::client(&base)?;
        let document =
            |path, read: Reader| Document { url: metadata::below(&base, path), etag: None, keys: None, read };
        let jwks = document(".well-known/jwks.json", read_jwks);
        let paserk = document(".well-known/paserk.json", read_paserks);
        Ok(Self { client, issuer, base, known_address, jwks, paserk, discovered: None })
    }

    /// Fetches both documents; past all caches when they must be `new`. The issuer may go without one of them, and one
    /// that cannot be fetched does not keep the other away.
    pub(crate) async fn fetch(&mut self, new: bool) -> Fetched {
        let fresh_for = self.fetch_both(new).await;
        let keys = KeySet {
            jwt: self.jwks.keys.clone().unwrap_or_default(),
            paseto: self.paserk.keys.clone().unwrap_or_default(),
        };
        Fetched { keys, fresh_for }
    }

    async fn fetch_both(&mut self, new: bool) -> Result<Duration, NoAnswer> {
        if !self.known_address && self.discovered.is_none_or(|at| at.elapsed() > REDISCOVER) {
            let discovered = self.discover().await;
            // A place that is known is good for as long as nobody names another.
            if self.jwks.keys.is_none() {
                discovered?;
            }
        }
        let jwks = self.jwks.fetch(&self.client, new).await;
        if jwks.is_err() {
            // They may have moved.
            self.discovered = None;
        }
        let paserk = self.paserk.fetch(&self.client, new).await;
        match (jwks?, paserk?) {
            (Some(jwks), Some(paserk)) => Ok(jwks.min(paserk)),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Err(NoAnswer::new(&self.jwks.url, "404 Not Found")),
        }
    }

    /// Asks the metadata where the JWK Set is; without metadata it is where this issuer always has it.
    async fn discover(&mut self) -> Result<(), NoAnswer> {
        let mut place = metadata::below(&self.base, ".well-known/jwks.json");
        for url in metadata::places(&self.base) {
            match client::get(&self.client, &url, None, false).await? {
                Answer::Document(document) => {
                    if let Some(found) = metadata::jwks_uri(&document.body, &self.issuer, &self.base) {
                        place = found;
                        break;
                    }
                    tracing::debug!(%url, "metadata that names no keys of this issuer");
                }
                // Trouble is not the issuer's word that there is no metadata.
                Answer::Status(status) if status.is_server_error() => {
                    return Err(NoAnswer::new(&url, status.to_string()));
                }
                Answer::Status(_) | Answer::Unchanged(_) => {}
            }
        }
        if place != self.jwks.url {
            // The keys stay until there are others: a wrong place must not take them away.
            self.jwks = Document { url: place, etag: None, keys: self.jwks.keys.take(), read: read_jwks };
        }
        self.discovered = Some(Instant::now());
        Ok(())
    }
}

impl Document {
    /// For how long it is fresh. `None` when there is no such document, and never was one.
    async fn fetch(&mut self, client: &Client, new: bool) -> Result<Option<Duration>, NoAnswer> {
        match client::get(client, &self.url, self.etag.as_ref(), new).await? {
            Answer::Unchanged(fresh_for) => Ok(Some(fresh_for)),
            Answer::Document(document) => {
                let keys = (self.read)(&document.body).map_err(|error| NoAnswer::new(&self.url, error.to_string()))?;
                self.keys = Some(keys);
                self.etag = document.etag;
                Ok(Some(document.fresh_for))
            }
            // A document that was there and is not any more is trouble on the way rather than the issuer's word.
            Answer::Status(StatusCode::NOT_FOUND | StatusCode::GONE) if self.keys.is_none() => Ok(None),
            Answer::Status(status) => Err(NoAnswer::new(&self.url, status.to_string())),
        }
    }
}
