//! The credential of a request: the access token in the `Authorization` header (RFC 6750 §2.1), the API key in
//! `X-API-Key`, or the access token in its cookie, and nowhere else.
//!
//! A header wins: a request that has one of the two never uses cookies, not even when what it says is bad. Both headers
//! at once are refused, for nobody could say who calls.

use std::fmt;

use poem::http::{HeaderMap, HeaderName, header};

use crate::cookies::{Cookies, Jar};
use crate::problem::{Code, Problem};
use crate::settings::HttpSettings;

/// Where an API key is sent.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What a request presents, unread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    /// An access token in the `Authorization` header.
    Bearer(&'a str),
    /// An API key.
    Key(&'a str),
    /// An access token in a cookie.
    Cookie(&'a str),
}

impl fmt::Debug for Credential<'_> {
    /// Which kind it is, and nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(redacted)",
            Self::Key(_) => "Key(redacted)",
            Self::Cookie(_) => "Cookie(redacted)",
        })
    }
}

impl<'a> Credential<'a> {
    /// The one credential of a request; `None` without any.
    pub(crate) fn of(headers: &'a HeaderMap, settings: &HttpSettings) -> Result<Option<Self>, Problem> {
        if let Some(credential) = Self::in_headers(headers)? {
            return Ok(Some(credential));
        }
        Ok(Jar::read(headers, Cookies::of(settings))?.access.map(Self::Cookie))
    }

    /// The one credential in the two headers; `None` where neither is there, and cookies may speak.
    pub(crate) fn in_headers(headers: &'a HeaderMap) -> Result<Option<Self>, Problem> {
        match (headers.contains_key(header::AUTHORIZATION), headers.contains_key(API_KEY)) {
            (false, false) => Ok(None),
            (true, false) => bearer(headers).map(|token| Some(Self::Bearer(token))),
            (false, true) => key(headers).map(|key| Some(Self::Key(key))),
            (true, true) => {
                let detail = "a request has Authorization or X-API-Key, not both";
                Err(Problem::detailed(Code::MalformedRequest, detail))
            }
        }
    }
}

/// The one API key of a request. Two of them are nobody's.
fn key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(API_KEY).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().map_err(|_| Problem::key_refused()),
        (Some(_), Some(_)) => Err(Problem::detailed(Code::MalformedRequest, "X-API-Key is given once")),
        (None, _) => Err(Problem::key_needed()),
    }
}

/// The one bearer token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, another) = (values.next(), values.next());
    let Some(value) = value else { return Err(Problem::unauthenticated(false)) };
    if another.is_some() {
        return Err(Problem::unauthenticated(true));
    }
    let Ok(text) = value.to_str() else { return Err(Problem::unauthenticated(true)) };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthenticated(false));
    }
    let token = token.trim_matches(' ');
    // RFC 6750 §2.1: b64token
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    if token.is_empty() || !token.bytes().all(fine) {
        return Err(Problem::unauthenticated(!token.is_empty()));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<String, bool> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, poem::http::HeaderValue::from_bytes(value).expect("a header value"));
        }
        bearer(&headers).map(str::to_owned).map_err(|problem| problem.token_was_refused())
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer a.b-c", "bearer a.b-c", "BEARER  a.b-c ", "bEaReR a.b-c"] {
            assert_eq!(read(&[value.as_bytes()]), Ok("a.b-c".to_owned()), "{value}");
        }
    }

    #[test]
    fn no_error_code_is_given_when_no_token_was_sent() {
        for value in ["", "Basic YTpi", "Bearer", "Bearer ", "Bearerx", "a.b.c", ","] {
            assert_eq!(read(&[value.as_bytes()]), Err(false), "{value}");
        }
        assert_eq!(read(&[]), Err(false));
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_as_one() {
        for value in [&b"Bearer a b"[..], b"Bearer \"a\"", b"Bearer a,b", b"Bearer a\tb", b"Bearer \xff", b"\xff"] {
            assert_eq!(read(&[value]), Err(true), "{value:?}");
        }
        assert_eq!(read(&[b"Bearer a", b"Bearer a"]), Err(true));
    }

    #[test]
    fn a113_no_credential_is_in_its_debug_output() {
        for credential in [Credential::Bearer("canary"), Credential::Key("canary"), Credential::Cookie("canary")] {
            let text = format!("{credential:?}");
            assert!(text.ends_with("(redacted)") && !text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn a054_two_credentials_are_refused() {
        let of = |pairs: &[(HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, value.parse().expect("a header value"));
            }
            Credential::in_headers(&headers).map(|found| format!("{found:?}")).map_err(|problem| problem.code)
        };
        assert_eq!(of(&[]), Ok("None".to_owned()));
        assert_eq!(of(&[(API_KEY, "k")]), Ok("Some(Key(redacted))".to_owned()));
        assert_eq!(of(&[(header::AUTHORIZATION, "Bearer t")]), Ok("Some(Bearer(redacted))".to_owned()));
        let refused: [&[(HeaderName, &str)]; 3] = [
            &[(API_KEY, "k"), (API_KEY, "k")],
            &[(API_KEY, "k"), (header::AUTHORIZATION, "Bearer t")],
            &[(header::AUTHORIZATION, ""), (API_KEY, "")],
        ];
        for pairs in refused {
            assert_eq!(of(pairs), Err(Code::MalformedRequest), "{pairs:?}");
        }
    }
}
