//! The cookies of this service: what they are called, how they are set, and how they are read.
//!
//! They are `HttpOnly`, `Secure`, `SameSite=Lax` and bound to this host by their prefix. Only where the issuer is plain
//! http on loopback, for development, `Secure` and prefix fall away: browsers would not keep them.

mod jar;

use std::net::Ipv4Addr;
use std::time::Duration;

use poem::http::{HeaderValue, Uri};
use portcullis_domain::secret::SecretString;
use portcullis_domain::sessions::TokenPair;
use serde_json::{Value, json};

use crate::problem::{Code, Place, Problem, Reason};
use crate::settings::HttpSettings;

pub(crate) use jar::Jar;

/// What browsers keep of one cookie with all its attributes, in bytes (RFC 6265 §6.1); ours are smaller.
const COOKIE_LIMIT: usize = 4096;
/// How long a device is known; the domain forgets it as late.
const DEVICE_AGE: Duration = Duration::from_secs(365 * 24 * 3600);

/// The paths to which browsers send the refresh token.
const REFRESH_PATH: &str = "/api/v1/auth";

/// One of the cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
    /// By this a device is known that has logged in before.
    Device,
}

impl Cookie {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Device];

    const fn path(self) -> &'static str {
        match self {
            Self::Access | Self::Device => "/",
            Self::Refresh => REFRESH_PATH,
        }
    }
}

/// How cookies are named and guarded here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// As the issuer demands.
    pub(crate) fn of(settings: &HttpSettings) -> Self {
        Self { secure: !is_plain_loopback(&settings.issuer) }
    }

    /// The name.
    pub(crate) const fn name(self, cookie: Cookie) -> &'static str {
        match (cookie, self.secure) {
            (Cookie::Access, true) => "__Host-portcullis_access",
            (Cookie::Access, false) => "portcullis_access",
            // `__Host-` would ask for the path `/`, and the refresh token would travel with every request.
            (Cookie::Refresh, true) => "__Secure-portcullis_refresh",
            (Cookie::Refresh, false) => "portcullis_refresh",
            (Cookie::Device, true) => "__Host-portcullis_device",
            (Cookie::Device, false) => "portcullis_device",
        }
    }

    /// The tokens of a session, as cookies that live as long as they do.
    pub(crate) fn keep(self, pair: &TokenPair) -> Result<[HeaderValue; 2], Problem> {
        let age = |expires_at: portcullis_domain::Timestamp| expires_at.since(pair.issued_at);
        Ok([
            self.set(Cookie::Access, &pair.access_token, age(pair.access_expires_at))?,
            self.set(Cookie::Refresh, &pair.refresh_token, age(pair.refresh_expires_at))?,
        ])
    }

    /// The token of a device.
    pub(crate) fn keep_device(self, token: &SecretString) -> Result<HeaderValue, Problem> {
        self.set(Cookie::Device, token, DEVICE_AGE)
    }

    /// What makes a browser forget its session; the device stays known.
    pub(crate) fn forget(self) -> [HeaderValue; 2] {
        [Cookie::Access, Cookie::Refresh].map(|cookie| {
            let line = self.line(cookie, "", Duration::ZERO);
            HeaderValue::from_str(&line).unwrap_or(HeaderValue::from_static(""))
        })
    }

    fn set(self, cookie: Cookie, value: &SecretString, max_age: Duration) -> Result<HeaderValue, Problem> {
        let line = self.line(cookie, value.expose(), max_age);
        if line.len() >= COOKIE_LIMIT {
            return Err(does_not_fit());
        }
        let mut value = HeaderValue::from_str(&line).map_err(Problem::internal)?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn line(self, cookie: Cookie, value: &str, max_age: Duration) -> String {
        let (name, path, age) = (self.name(cookie), cookie.path(), max_age.as_secs());
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly{secure}; SameSite=Lax")
    }
}

/// A token that carries too many claims: nothing that another try would change.
fn does_not_fit() -> Problem {
    let why = "the access token of this account is too large for a cookie; ask for \"bearer\"";
    let violation = Reason::new("unsupported", why).at(Place::member("transport"));
    Problem::violations(Code::ValidationFailed, vec![violation])
}

/// Whether the issuer is plain http on loopback.
fn is_plain_loopback(issuer: &str) -> bool {
    if issuer.starts_with("https://") {
        return false;
    }
    let uri = issuer.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let loopback = host.eq_ignore_ascii_case("localhost")
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("http") && loopback
}

/// The name of the security scheme of the access cookie in the OpenAPI document.
pub(crate) const ACCESS_SCHEME: &str = "access_cookie";
/// The name of the security scheme of the refresh cookie.
pub(crate) const REFRESH_SCHEME: &str = "refresh_cookie";

/// The security schemes; their names depend on the issuer.
pub(crate) fn security_schemes(settings: &HttpSettings) -> Value {
    let cookies = Cookies::of(settings);
    let scheme = |cookie, description: &str| json!({ "type": "apiKey", "in": "cookie", "name": cookies.name(cookie), "description": description });
    json!({
        ACCESS_SCHEME: scheme(
            Cookie::Access,
            "The access token, kept by a browser that logged in with `transport: \"cookie\"`. Unsafe methods need `csrf_access_token` in `X-CSRF-TOKEN`. A request with an `Authorization` header never uses cookies.",
        ),
        REFRESH_SCHEME: scheme(
            Cookie::Refresh,
            "The refresh token of the same browser, sent under `/api/v1/auth` only. Unsafe methods need `csrf_refresh_token` in `X-CSRF-TOKEN`.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECURE: Cookies = Cookies { secure: true };

    #[test]
    fn a045_prefix_and_secure_fall_away_on_plain_loopback_only() {
        for development in [
            "http://localhost:8080",
            "http://LOCALHOST",
            "http://127.0.0.1:1",
            "http://127.8.9.1",
            "http://[::1]:8080/x",
        ] {
            assert!(is_plain_loopback(development), "{development}");
        }
        for other in [
            "https://localhost",
            "https://127.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://example.com",
            "http://10.0.0.1",
            "http://[::2]",
            "",
            "localhost",
        ] {
            assert!(!is_plain_loopback(other), "{other}");
        }
    }

    #[test]
    fn a045_every_attribute_is_there() {
        let cookie = SECURE.set(Cookie::Access, &SecretString::from("a.b".to_owned()), Duration::from_secs(900));
        let cookie = cookie.expect("fits");
        assert_eq!(cookie, "__Host-portcullis_access=a.b; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax");
        assert!(cookie.is_sensitive());
        let [access, refresh] = Cookies { secure: false }.forget();
        assert_eq!(access, "portcullis_access=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        assert_eq!(refresh, "portcullis_refresh=; Path=/api/v1/auth; Max-Age=0; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a045_a_token_that_a_browser_would_drop_is_refused_and_not_half_kept() {
        let set = |length: usize| SECURE.set(Cookie::Access, &SecretString::from("a".repeat(length)), Duration::ZERO);
        let overhead = set(0).expect("fits").len();
        assert_eq!(set(COOKIE_LIMIT - overhead - 1).expect("fits").len(), COOKIE_LIMIT - 1);
        let refused = set(COOKIE_LIMIT - overhead).expect_err("is too long");
        assert_eq!(refused.code, Code::ValidationFailed);
        assert_eq!(refused.errors()[0].place, Place::member("transport"));
    }
}
