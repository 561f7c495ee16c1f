//! Which pages of other origins may read our answers (the CORS protocol of the Fetch standard): those of an explicit
//! list, compared byte for byte. Whatever else asks gets the answer that it would get without asking.

use std::collections::HashSet;

use poem::Response;
use poem::http::{HeaderMap, HeaderValue, header};

/// How long a browser may remember what a preflight said, in seconds; none keeps it longer than two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// What a page may send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, X-CSRF-TOKEN, X-XSRF-TOKEN, X-Request-Id, X-Device-Token, X-API-Key, If-Match, \
     If-None-Match, traceparent",
);
/// What a page may read.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "RateLimit, RateLimit-Policy, Retry-After, X-Request-Id, X-Refresh-Outcome, X-Device-Token, Location, ETag, \
     WWW-Authenticate",
);
const ANYBODY: HeaderValue = HeaderValue::from_static("*");
/// What a page of any origin may do with what is for everybody.
const OPEN_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const OPEN_HEADERS: HeaderValue = HeaderValue::from_static("If-None-Match");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const VARY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The origins that are allowed.
pub(crate) struct Cors {
    allowed: HashSet<HeaderValue>,
}

impl Cors {
    /// The origins of the settings. What is no origin of a page, `null` and `*` among it, is nobody's.
    pub(crate) fn new(origins: &[String]) -> Self {
        let is_origin = |origin: &&String| origin.starts_with("https://") || origin.starts_with("http://");
        let allowed = origins.iter().filter(is_origin).filter_map(|origin| HeaderValue::from_str(origin).ok());
        Self { allowed: allowed.collect() }
    }

    /// The allowed origin that a request comes from, if it names one and no other.
    pub(crate) fn origin<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut values = headers.get_all(header::ORIGIN).iter();
        let origin = values.next().filter(|_| values.next().is_none())?;
        self.allowed.contains(origin).then_some(origin)
    }

    /// Whether a browser asks what it may ask.
    pub(crate) fn is_preflight(headers: &HeaderMap) -> bool {
        headers.contains_key(header::ORIGIN) && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Completes the answer to `OPTIONS` for a page of an allowed `origin`; `methods` are those of the path.
    pub(crate) fn allow(response: &mut Response, methods: &HeaderValue) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }

    /// Completes the answer to `OPTIONS` for a page of any other origin, where the answers are for everybody: never with
    /// credentials.
    pub(crate) fn allow_everybody(response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, OPEN_METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, OPEN_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        headers.append(header::VARY, VARY_PREFLIGHT);
    }

    /// Completes any answer; `origin` is the allowed one that asks. An answer that is for everybody stays as it is.
    pub(crate) fn complete(&self, response: &mut Response, origin: Option<HeaderValue>, preflight: bool) {
        let headers = response.headers_mut();
        if self.allowed.is_empty() || headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.append(header::VARY, if preflight { VARY_PREFLIGHT } else { VARY_ORIGIN });
        let Some(origin) = origin else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        if !preflight {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        let origins =
            ["https://app.example.com", "http://localhost:5173", "null", "*", "", "app.example.org", "https://x\u{7f}"];
        Cors::new(&origins.map(str::to_owned))
    }

    fn asked(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ORIGIN, HeaderValue::from_bytes(value).expect("a header value"));
        }
        cors().origin(&headers).and_then(|origin| origin.to_str().ok()).map(str::to_owned)
    }

    #[test]
    fn an_origin_of_the_list_is_allowed_and_only_in_its_one_spelling() {
        assert_eq!(asked(&[b"https://app.example.com"]).as_deref(), Some("https://app.example.com"));
        assert_eq!(asked(&[b"http://localhost:5173"]).as_deref(), Some("http://localhost:5173"));
    }

    #[test]
    fn a050_null_the_star_and_two_origins_are_nobodys() {
        for value in [&b"null"[..], b"*", b"", b"app.example.org", b"https://app.example.com\xff"] {
            assert_eq!(asked(&[value]), None, "{value:?}");
        }
        assert_eq!(asked(&[b"https://app.example.com", b"https://app.example.com"]), None);
        assert_eq!(asked(&[]), None);
    }
}
