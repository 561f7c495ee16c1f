//! Errors of the protocol endpoints (RFC 6749 §5.2).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use poem::Response;
use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use portcullis_domain::Failure;
use portcullis_domain::failure::BoxError;
use serde_json::json;

use crate::body::JSON;
use crate::problem::{Code, Problem, retry_after};

/// Why a protocol request is refused.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
    basic: bool,
    retry_after: Option<Duration>,
    cause: Option<BoxError>,
}

impl OAuthError {
    /// The request lacks a parameter, repeats one, or is malformed.
    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: description.into(),
            basic: false,
            retry_after: None,
            cause: None,
        }
    }

    /// The client is not who it says, or says nothing; `basic` when it used the `Authorization` header.
    pub(crate) const fn invalid_client(basic: bool) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: Cow::Borrowed("client authentication failed"),
            basic,
            retry_after: None,
            cause: None,
        }
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
        if self.basic {
            let challenge = HeaderValue::from_static("Basic realm=\"oauth2\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
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
        Self { status, error, description, basic: false, retry_after, cause: problem.into_cause() }
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
