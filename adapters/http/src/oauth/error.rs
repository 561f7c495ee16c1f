//! Errors of the protocol endpoints (RFC 6749 §5.2).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use portcullis_domain::Failure;
use portcullis_domain::failure::BoxError;
use serde_json::json;

use crate::body::JSON;
use crate::problem::{BASIC, Code, Problem, retry_after};

use super::GRANT_TYPES;

/// For caches of HTTP/1.0 (RFC 6749 §5.1).
pub(crate) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The codes that there are.
pub(crate) const CODES: [&str; 8] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "server_error",
    "temporarily_unavailable",
];

/// Why a protocol request is refused.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
    retry_after: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<BoxError>,
}

impl OAuthError {
    const fn new(status: StatusCode, error: &'static str, description: Cow<'static, str>) -> Self {
        Self { status, error, description, retry_after: None, headers: Vec::new(), cause: None }
    }

    /// The request lacks a parameter, repeats one, or is malformed.
    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description.into())
    }

    /// The client is not who it says, or says nothing.
    pub(crate) const fn invalid_client() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", Cow::Borrowed("client authentication failed"))
    }

    /// The refresh token is not valid, or is another client's: nobody is told which.
    pub(crate) const fn invalid_grant() -> Self {
        let description = Cow::Borrowed("the refresh token is not valid for this client");
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    /// The scope is malformed, or goes beyond what may be had.
    pub(crate) fn invalid_scope(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_scope", description.into())
    }

    /// The client may not use this grant.
    pub(crate) const fn unauthorized_client() -> Self {
        let description = Cow::Borrowed("this client gets no tokens in its own name");
        Self::new(StatusCode::BAD_REQUEST, "unauthorized_client", description)
    }

    /// There is no such grant.
    pub(crate) fn unsupported_grant_type() -> Self {
        let description = format!("the grants that there are: {}", GRANT_TYPES.join(", "));
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", description.into())
    }

    /// With one more header on the answer.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What the log should know and the client must not.
    pub(crate) const fn cause(&self) -> Option<&BoxError> {
        self.cause.as_ref()
    }

    /// The answer.
    pub(crate) fn render(&self) -> Response {
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E
        let plain = |c: char| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '\'' };
        let description: String = self.description.chars().map(plain).collect();
        let body = json!({ "error": self.error, "error_description": description });
        let mut response = Response::builder().status(self.status).content_type(JSON).body(body.to_string());
        let headers = response.headers_mut();
        headers.insert(header::PRAGMA, NO_CACHE);
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2: whether the client tried or not.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(BASIC));
        }
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        retry_after(self.status, self.retry_after, &mut response);
        response
    }
}

/// The same refusal in this dialect; the status stays.
impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        let status = problem.code.status();
        let error = match problem.code {
            Code::Overloaded | Code::Unavailable | Code::Timeout | Code::RateLimited => "temporarily_unavailable",
            Code::Internal => "server_error",
            _ => "invalid_request",
        };
        let description = Cow::Owned(problem.description().to_owned());
        let retry_after = problem.retry_after();
        Self { retry_after, cause: problem.into_cause(), ..Self::new(status, error, description) }
    }
}

impl From<Failure> for OAuthError {
    fn from(failure: Failure) -> Self {
        Problem::from(failure).into()
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.description)
    }
}

impl std::error::Error for OAuthError {}

impl ResponseError for OAuthError {
    fn status(&self) -> StatusCode {
        self.status
    }
}
