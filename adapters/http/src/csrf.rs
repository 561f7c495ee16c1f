//! Proof that a request which a cookie authenticates was meant by the page that its owner looks at.
//!
//! Two things are asked of it. It comes from a page of ours: the browser says so in `Sec-Fetch-Site` or `Origin`, which
//! no page can forge. And it carries the CSRF token of the session: a page of another origin cannot read it. Where
//! neither header is there, no browser is, and the token alone decides.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::security::Mac;
use serde_json::{Value, json};

use crate::cookies::{ACCESS_SCHEME, REFRESH_SCHEME};
use crate::problem::{Code, Problem};
use crate::settings::HttpSettings;

/// Where the token is sent; frameworks that were made for another name send it there.
const TOKEN_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-csrf-token"), HeaderName::from_static("x-xsrf-token")];
/// How the page and this service are related (W3C Fetch Metadata §2.3).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The cookie whose requests a token protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protects {
    /// The access cookie.
    Access,
    /// The refresh cookie.
    Refresh,
}

impl Protects {
    const fn purpose(self) -> &'static str {
        match self {
            Self::Access => "csrf access v1",
            Self::Refresh => "csrf refresh v1",
        }
    }

    /// The token of a session: nobody can make it without the master key, and it dies with the session.
    pub(crate) fn token(self, mac: &dyn Mac, session: SessionId) -> String {
        URL_SAFE_NO_PAD.encode(mac.tag(self.purpose(), session.as_uuid().as_bytes()))
    }

    fn is_token(self, mac: &dyn Mac, session: SessionId, presented: &HeaderValue) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(presented.as_bytes());
        tag.is_ok_and(|tag| mac.verify(self.purpose(), session.as_uuid().as_bytes(), &tag))
    }
}

/// Whether the request says that it carries a token, good or not: only clients that keep cookies do.
pub(crate) fn is_attempted(headers: &HeaderMap) -> bool {
    TOKEN_HEADERS.iter().any(|name| headers.contains_key(name))
}

/// The request carries a token of the session that is good for one of `protects`, and no other.
pub(crate) fn check_token(
    headers: &HeaderMap,
    mac: &dyn Mac,
    session: SessionId,
    protects: &[Protects],
) -> Result<(), Problem> {
    if !is_attempted(headers) {
        return Err(failed("there is no X-CSRF-TOKEN"));
    }
    let good = |value| protects.iter().any(|protects| protects.is_token(mac, session, value));
    if TOKEN_HEADERS.iter().all(|name| headers.get_all(name).iter().all(good)) {
        Ok(())
    } else {
        Err(failed("X-CSRF-TOKEN is not the token of this session"))
    }
}

/// The request comes from a page of our origin or an allowed one, or from no browser.
pub(crate) fn check_source(headers: &HeaderMap, settings: &HttpSettings) -> Result<(), Problem> {
    let (site, origin) = (one(headers, &SEC_FETCH_SITE)?, one(headers, &header::ORIGIN)?);
    let allowed = origin.map(|origin| is_allowed(origin, settings));
    let ours = match (site.map(HeaderValue::as_bytes), allowed) {
        (_, Some(true)) | (None, None) => true,
        // `null` is what a sandbox, a file or a redirect calls itself.
        (Some(b"same-origin" | b"none"), _) => origin.is_none_or(|origin| origin != "null"),
        _ => false,
    };
    if ours { Ok(()) } else { Err(failed("the request comes from a page of another origin")) }
}

/// The one value of a header: of two, a proxy and this service might each believe another.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(failed("the request says twice where it comes from")),
    }
}

fn is_allowed(origin: &HeaderValue, settings: &HttpSettings) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    origin != "null"
        && (settings.allowed_origins.iter().any(|allowed| allowed == origin)
            || origin_of(&settings.issuer).is_some_and(|ours| ours == origin))
}

/// The origin of a URL as browsers write it (RFC 6454 §6.1): lower case, without the default port.
fn origin_of(url: &str) -> Option<String> {
    let uri = url.parse::<Uri>().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    let origin = match (scheme, uri.port_u16()) {
        ("http", Some(80)) | ("https", Some(443)) | (_, None) => format!("{scheme}://{host}"),
        (_, Some(port)) => format!("{scheme}://{host}:{port}"),
    };
    Some(origin.to_ascii_lowercase())
}

fn failed(why: &'static str) -> Problem {
    Problem::detailed(Code::CsrfFailed, why)
}

/// Adds to an operation of the OpenAPI document, where a cookie can authenticate it, what that needs.
pub(crate) fn describe(method: &str, operation: &mut Value) {
    let Some(security) = operation.get("security").and_then(Value::as_array) else { return };
    let by = |name: &str| security.iter().any(|scheme| scheme.get(name).is_some());
    let (access, refresh) = (by(ACCESS_SCHEME), by(REFRESH_SCHEME));
    if method == "get" || !(access || refresh) {
        return;
    }
    let token = match (access, refresh) {
        (true, false) => "`csrf_access_token`",
        (false, _) => "`csrf_refresh_token`",
        (true, true) => "`csrf_access_token`, or either token when only the refresh cookie is there",
    };
    let parameter = json!({
        "name": "X-CSRF-TOKEN", "in": "header", "schema": { "type": "string" },
        "description": format!("Needed where a cookie authenticates the request: {token}. `X-XSRF-TOKEN` is read too."),
    });
    match operation.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (url, expected) in [
            ("https://auth.example.com", "https://auth.example.com"),
            ("https://Auth.Example.com:443/base", "https://auth.example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://localhost:80/", "http://localhost"),
            ("https://example.com:80", "https://example.com:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(origin_of(url).as_deref(), Some(expected));
        }
        for none in ["", "null", "/x", "example.com"] {
            assert_eq!(origin_of(none), None, "{none}");
        }
    }
}
