//! Which form an error takes: the path decides.

use poem::http::StatusCode;

use crate::oauth::OAuthError;
use crate::problem::{Code, Problem};

/// A refusal, before it takes its form.
pub(crate) enum Refusal {
    Problem(Problem),
    OAuth(OAuthError),
}

impl Refusal {
    /// What came out of a handler, in the dialect of `path`.
    pub(crate) fn from_error(error: poem::Error, path: &str) -> Self {
        let error = match error.downcast::<OAuthError>() {
            Ok(refusal) => return Self::OAuth(refusal),
            Err(error) => error,
        };
        let problem = error.downcast::<Problem>().unwrap_or_else(|other| framework(&other));
        Self::new(problem, path)
    }

    /// A problem in the dialect of `path`.
    pub(crate) fn new(problem: Problem, path: &str) -> Self {
        if path == "/oauth2" || path.starts_with("/oauth2/") {
            Self::OAuth(problem.into())
        } else {
            Self::Problem(problem)
        }
    }
}

/// An error of the framework's own: nothing of its text is shown.
fn framework(error: &poem::Error) -> Problem {
    match error.status() {
        StatusCode::NOT_FOUND => Problem::new(Code::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(Code::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Problem::new(Code::UnsupportedMediaType),
        status if status.is_client_error() => Problem::new(Code::MalformedRequest),
        _ => Problem::internal(error.to_string()),
    }
}
