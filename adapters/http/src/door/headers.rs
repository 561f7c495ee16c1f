//! The headers that every answer has, unless its handler chose otherwise.

use poem::Response;
use poem::http::{HeaderName, HeaderValue, header};

use super::request_id::{HEADER, RequestId};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOTHING_ACTIVE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Headers that a handler may set itself.
const DEFAULTS: [(HeaderName, HeaderValue); 2] =
    [(header::CACHE_CONTROL, NO_STORE), (header::CONTENT_SECURITY_POLICY, NOTHING_ACTIVE)];

/// Adds what every answer has.
pub(crate) fn complete(response: &mut Response, id: &RequestId) {
    let headers = response.headers_mut();
    headers.insert(HEADER, id.header().clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
}
