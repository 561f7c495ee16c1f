//! The headers that every answer has, unless its handler chose otherwise.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NOTHING_ACTIVE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()");
/// Two years, as browsers' preload lists ask for at least one.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Headers that a handler may set itself.
const DEFAULTS: [(HeaderName, HeaderValue); 2] =
    [(header::CACHE_CONTROL, NO_STORE), (header::CONTENT_SECURITY_POLICY, NOTHING_ACTIVE)];

/// Adds what every answer has; `https` when the world reaches this service by https only.
pub(crate) fn complete(headers: &mut HeaderMap, https: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    headers.insert(PERMISSIONS_POLICY, NO_DEVICES);
    headers.insert(CROSS_ORIGIN_OPENER_POLICY, SAME_ORIGIN);
    // What everybody may read everybody may embed.
    let public = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|origin| origin == "*");
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, if public { CROSS_ORIGIN } else { SAME_ORIGIN });
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
}
