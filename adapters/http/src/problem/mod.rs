//! Errors as the outside sees them: RFC 9457 problems.

mod code;
mod document;
mod from_administration;
mod from_domain;
mod violation;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use portcullis_domain::access::{Permission, RoleName};
use portcullis_domain::failure::BoxError;
use serde::Serialize;

pub(crate) use code::Code;
pub(crate) use violation::{Place, Reason, Violation};

use crate::door::RequestId;

/// The media type of a problem.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// What is asked of a client that did not prove who it is (RFC 7617).
pub(crate) const BASIC: &str = "Basic realm=\"oauth2\", charset=\"UTF-8\"";
/// What is asked of a caller without an API key. No scheme for keys is registered: this one says where it goes.
const API_KEY: &str = "ApiKey header=\"X-API-Key\"";
/// The same to one whose key opens nothing.
const API_KEY_REFUSED: &str = "ApiKey header=\"X-API-Key\", error=\"invalid_key\"";

/// What a request presented that is not authenticated.
#[derive(Clone, Copy, Debug)]
enum Presented {
    Nothing,
    BadToken,
    /// Nothing, where only an API key will do.
    NoKey,
    BadKey,
}

impl Presented {
    /// What would be better.
    const fn challenge(self) -> &'static str {
        match self {
            Self::Nothing => "Bearer",
            Self::BadToken => "Bearer error=\"invalid_token\"",
            Self::NoKey => API_KEY,
            Self::BadKey => API_KEY_REFUSED,
        }
    }
}

/// Why a request is refused.
#[derive(Debug)]
pub(crate) struct Problem {
    /// What went wrong.
    pub(crate) code: Code,
    detail: Option<Cow<'static, str>>,
    errors: Vec<Violation>,
    presented: Presented,
    retry_after: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<BoxError>,
}

impl Problem {
    pub(crate) const fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            errors: Vec::new(),
            presented: Presented::Nothing,
            retry_after: None,
            headers: Vec::new(),
            cause: None,
        }
    }

    /// With a sentence for the developer at the other end.
    pub(crate) fn detailed(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(code) }
    }

    /// With everything that is wrong.
    pub(crate) fn violations(code: Code, errors: Vec<Violation>) -> Self {
        Self { errors, ..Self::new(code) }
    }

    /// One role of the list `roles` in the body is refused.
    pub(crate) fn about_role(roles: &[RoleName], role: &RoleName, why: Reason) -> Self {
        Self::violations(Code::ValidationFailed, vec![why.at(Place::role(roles, role))])
    }

    /// With a cause for the log.
    pub(crate) fn caused(code: Code, cause: BoxError) -> Self {
        Self { cause: Some(cause), ..Self::new(code) }
    }

    /// With the time after which another try makes sense.
    pub(crate) fn later(code: Code, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(code) }
    }

    /// With one more header on the answer.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// When another try makes sense, if that is known.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The service itself is at fault.
    pub(crate) fn internal(cause: impl Into<BoxError>) -> Self {
        Self::caused(Code::Internal, cause.into())
    }

    /// No access token (RFC 6750 §3.1: no error code then), or one that is not valid.
    pub(crate) fn unauthenticated(token_was_sent: bool) -> Self {
        let presented = if token_was_sent { Presented::BadToken } else { Presented::Nothing };
        Self { presented, ..Self::new(Code::Unauthenticated) }
    }

    /// An API key that opens nothing, whatever the reason.
    pub(crate) fn key_refused() -> Self {
        Self { presented: Presented::BadKey, ..Self::new(Code::Unauthenticated) }
    }

    /// No API key, where nothing else will do.
    pub(crate) fn key_needed() -> Self {
        Self {
            presented: Presented::NoKey,
            ..Self::detailed(Code::Unauthenticated, "this needs an API key in X-API-Key")
        }
    }

    /// An API key, where only an access token will do.
    pub(crate) fn token_needed() -> Self {
        Self::detailed(Code::Unauthenticated, "this takes an access token, and no API key")
    }

    /// The caller lacks a permission.
    pub(crate) fn not_permitted(needed: &Permission) -> Self {
        Self::detailed(Code::NotPermitted, format!("this needs the permission {needed}"))
    }

    /// The caller could do more when the request began.
    pub(crate) fn permitted_less() -> Self {
        Self::detailed(Code::NotPermitted, "the caller lost permissions while the body arrived")
    }

    /// What the log should know and the client must not.
    pub(crate) const fn cause(&self) -> Option<&BoxError> {
        self.cause.as_ref()
    }

    /// The cause alone, for another form of the same refusal.
    pub(crate) fn into_cause(self) -> Option<BoxError> {
        self.cause
    }

    /// Everything that is wrong.
    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[Violation] {
        &self.errors
    }

    /// Whether a token was sent and is not good enough.
    #[cfg(test)]
    pub(crate) const fn token_was_refused(&self) -> bool {
        matches!(self.presented, Presented::BadToken)
    }

    /// The sentence for a dialect that has no more than one.
    pub(crate) fn description(&self) -> &str {
        self.detail.as_deref().unwrap_or_else(|| self.code.title())
    }

    /// What would open the endpoint. RFC 6750 §3 asks for `Bearer` also with a good token that does not, and no code of its
    /// §3.1 is true of a client's token where users are served: it is valid, and no scope would help.
    fn challenge(&self) -> Option<&'static str> {
        match self.code {
            Code::InvalidClient => Some(BASIC),
            Code::UserRequired => Some("Bearer"),
            code if code.status() == StatusCode::UNAUTHORIZED => Some(self.presented.challenge()),
            _ => None,
        }
    }

    /// The answer (RFC 9457 §3); `issuer` is where the types are explained.
    pub(crate) fn render(&self, issuer: &str, id: &RequestId) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'static str,
            status: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            detail: Option<&'a str>,
            instance: String,
            code: &'static str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [Violation],
        }
        let status = self.code.status();
        let document = Document {
            r#type: type_uri(issuer, self.code),
            title: self.code.title(),
            status: status.as_u16(),
            detail: self.detail.as_deref(),
            instance: format!("urn:portcullis:request:{}", id.as_str()),
            code: self.code.slug(),
            errors: &self.errors,
        };
        let mut response = Response::builder()
            .status(status)
            .content_type(PROBLEM_JSON)
            .body(serde_json::to_vec(&document).unwrap_or_default());
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        retry_after(status, self.retry_after, &mut response);
        response
    }
}

/// Tells clients when a refusal for want of resources is worth a second try: in whole seconds, never too early.
pub(crate) fn retry_after(status: StatusCode, wait: Option<Duration>, response: &mut Response) {
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        let seconds = wait.map_or(1, |wait| wait.as_millis().div_ceil(1_000).max(1));
        let value = HeaderValue::from_str(&seconds.to_string()).unwrap_or(HeaderValue::from_static("1"));
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
}

/// Where a kind of problem is explained.
pub(crate) fn type_uri(issuer: &str, code: Code) -> String {
    format!("{issuer}/docs/problems#{}", code.slug())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.slug(), self.description())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.code.status()
    }
}
