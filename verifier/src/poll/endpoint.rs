//! Where revocations are asked for, and as whom.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, StatusCode};
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::PollFeedError;
use super::answer::{Answer, NoAnswer};
use crate::build_error::BuildError;
use crate::discovery::{below, body, client, innermost};
use crate::issuer_url::base;

/// How much longer than it was asked to wait the issuer may take: beyond it the line is dead.
pub(crate) const GRACE: Duration = Duration::from_secs(3);
/// For the first answer, which may hold much.
const FIRST: Duration = Duration::from_secs(10);
/// For the body, once it has begun.
const BODY: Duration = Duration::from_secs(30);
/// Larger answers are refused: some hundred thousand revocations.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Of an id or a secret.
const MAX_CREDENTIAL: usize = 1024;

pub(crate) struct Endpoint {
    url: Url,
    /// Marked as sensitive: it is not shown.
    credentials: HeaderValue,
    http: Client,
}

impl Endpoint {
    pub(crate) fn new(issuer: &str, id: &str, secret: &str, plain_http: bool) -> Result<Self, PollFeedError> {
        let issuer = base(issuer, plain_http).map_err(|_| PollFeedError::Url)?;
        let http = client(&issuer).map_err(|error| match error {
            BuildError::Client(why) => PollFeedError::Client(why),
            other => PollFeedError::Client(other.to_string()),
        })?;
        Ok(Self { url: below(&issuer, "api/v1/revocations"), credentials: basic(id, secret)?, http })
    }

    /// Asks for what came after `cursor`, for which the issuer may wait so long; without one for everything.
    pub(crate) async fn ask(&self, cursor: Option<&str>, wait: Duration) -> Result<Answer, NoAnswer> {
        let mut url = self.url.clone();
        if let Some(cursor) = cursor {
            let wait = wait.as_secs().to_string();
            url.query_pairs_mut().append_pair("cursor", cursor).append_pair("wait", &wait);
        }
        let request = self.http.get(url).header(ACCEPT, "application/json");
        let patience = if cursor.is_some() { wait + GRACE } else { FIRST };
        let request = request.header(AUTHORIZATION, self.credentials.clone()).timeout(patience + BODY);
        let response = match timeout(patience, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(NoAnswer::trouble(innermost(&error))),
            Err(_) => return Err(NoAnswer::trouble("no answer in time".to_owned())),
        };
        let headers = response.headers().clone();
        match response.status() {
            StatusCode::OK => {}
            other => return Err(NoAnswer::status(other, &headers)),
        }
        let body = match timeout(BODY, body(response, MAX_BYTES)).await {
            Ok(body) => body.map_err(NoAnswer::trouble)?,
            Err(_) => return Err(NoAnswer::trouble("the answer does not come to an end".to_owned())),
        };
        Ok(Answer::new(body, &headers))
    }
}

/// Without the credentials.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Both halves are form-encoded first (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &str) -> Result<HeaderValue, PollFeedError> {
    let fits = |text: &str| (1..=MAX_CREDENTIAL).contains(&text.len());
    if !fits(id) || !fits(secret) {
        return Err(PollFeedError::Credentials);
    }
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
    let mut header = HeaderValue::try_from(format!("Basic {credentials}")).map_err(|_| PollFeedError::Credentials)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(issuer: &str) -> Result<Endpoint, PollFeedError> {
        Endpoint::new(issuer, "orders", "canary", false)
    }

    #[test]
    fn both_halves_are_form_encoded() {
        let header = basic("a:b", "s%: ü").expect("credentials");
        let encoded = header.to_str().expect("text").strip_prefix("Basic ").expect("a scheme");
        assert_eq!(STANDARD.decode(encoded).expect("base64"), b"a%3Ab:s%25%3A+%C3%BC");
        assert!(!format!("{header:?}").contains(encoded));
    }

    #[test]
    fn the_path_is_below_the_issuers() {
        let url = |issuer| endpoint(issuer).expect("a URL").to_string();
        assert_eq!(url("https://a.example"), "https://a.example/api/v1/revocations");
        assert_eq!(url("https://a.example/tenant/"), "https://a.example/tenant/api/v1/revocations");
        assert_eq!(url("http://127.0.0.1:8080"), "http://127.0.0.1:8080/api/v1/revocations");
    }

    #[test]
    fn a_secret_goes_nowhere_in_the_clear_and_is_never_repeated() {
        for wrong in [
            "http://a.example",
            "a.example",
            "",
            "https://u:canary@a.example",
            "ftp://a.example",
            "https://a.example?canary",
        ] {
            let error = endpoint(wrong).err().unwrap_or_else(|| panic!("{wrong} is refused"));
            assert_eq!(error, PollFeedError::Url, "{wrong}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        assert!(Endpoint::new("http://a.internal", "orders", "canary", true).is_ok());
        for (id, secret) in [("", "canary"), ("orders", ""), ("orders", &*"x".repeat(MAX_CREDENTIAL + 1))] {
            let error = Endpoint::new("https://a.example", id, secret, false).err();
            assert_eq!(error, Some(PollFeedError::Credentials));
        }
    }
}
