//! What came back, or what did not.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// An answer.
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    /// When the issuer says it answered, in seconds since 1970: its clock is compared with itself only.
    pub(crate) at: Option<i64>,
}

impl Answer {
    pub(crate) fn new(body: Vec<u8>, headers: &HeaderMap) -> Self {
        Self { body, at: headers.get(DATE).and_then(|value| http_date(value.to_str().ok()?)) }
    }
}

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The issuer does not know this client, or not any more.
    Refused(StatusCode),
    /// The issuer does not know this cursor: it has changed more than its replicas.
    Cursor,
    /// Anything else: why, and when the issuer wants to be asked again.
    Trouble { why: String, later: Option<Duration> },
}

impl NoAnswer {
    pub(crate) fn trouble(why: String) -> Self {
        Self::Trouble { why, later: None }
    }

    pub(crate) fn status(status: StatusCode, headers: &HeaderMap) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Refused(status),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Self::Cursor,
            other => {
                let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                Self::Trouble { why: other.to_string(), later: seconds.map(Duration::from_secs) }
            }
        }
    }
}

/// RFC 9110 §5.6.7, the one form that is still written.
fn http_date(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc2822).ok().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for other in ["", "now", "784111777", "1994-11-06T08:49:37Z"] {
            assert_eq!(http_date(other), None, "{other}");
        }
    }

    #[test]
    fn a_status_says_whose_fault_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "7".parse().expect("a header"));
        let of = |status: u16| NoAnswer::status(StatusCode::from_u16(status).expect("a status"), &headers);
        assert_eq!(of(401), NoAnswer::Refused(StatusCode::UNAUTHORIZED));
        assert_eq!(of(403), NoAnswer::Refused(StatusCode::FORBIDDEN));
        assert_eq!((of(400), of(422)), (NoAnswer::Cursor, NoAnswer::Cursor));
        for other in [204, 302, 404, 429, 500, 503] {
            let NoAnswer::Trouble { why, later } = of(other) else { panic!("{other} is trouble") };
            assert!(why.contains(&other.to_string()) && later == Some(Duration::from_secs(7)));
        }
    }
}
