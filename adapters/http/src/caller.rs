//! Who calls: the access token in the `Authorization` header (RFC 6750 §2.1) or in the access cookie, and nowhere else.
//!
//! The header wins: a request that has one never uses cookies, not even when its token is bad.

use poem::http::{HeaderMap, Method, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::caller::Caller;
use portcullis_domain::tokens::Claims;

use crate::cookies::{ACCESS_SCHEME, Cookies, Jar};
use crate::csrf::{self, Protects};
use crate::problem::Problem;
use crate::state::{State, Visit};

/// The name of the security scheme in the OpenAPI document.
pub(crate) const BEARER_SCHEME: &str = "bearer";

/// How tokens travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    /// In bodies and in the `Authorization` header: the client keeps them.
    #[default]
    Bearer,
    /// In cookies: the browser keeps them.
    Cookie,
}

/// A user with a valid access token.
pub(crate) struct Signed {
    pub(crate) caller: Caller,
    /// How the token came.
    pub(crate) transport: Transport,
}

impl Signed {
    /// The caller behind the `Authorization` header; `None` without one.
    pub(crate) fn by_header(state: &State, headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let caller = state.app.tokens.authenticate(bearer(headers)?)?;
        Ok(Some(Self { caller, transport: Transport::Bearer }))
    }

    /// The caller behind an access cookie. What changes anything must come from one of our pages.
    pub(crate) fn by_cookie(state: &State, request: &Request, token: &str) -> Result<Self, Problem> {
        let (headers, settings) = (request.headers(), &state.settings);
        let harmless = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        if !harmless {
            csrf::check_source(headers, settings)?;
        }
        let caller = state.app.tokens.authenticate(token)?;
        if !harmless {
            csrf::check_token(headers, &*settings.mac, caller.session, &[Protects::Access])?;
        }
        Ok(Self { caller, transport: Transport::Cookie })
    }
}

impl<'a> ApiExtractor<'a> for Signed {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("The access token of a session, from login or refresh."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("JWT or PASETO"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(BEARER_SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![BEARER_SCHEME, ACCESS_SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let state = &Visit::of(request)?.state;
        if let Some(signed) = Self::by_header(state, request.headers())? {
            return Ok(signed);
        }
        let jar = Jar::read(request.headers(), Cookies::of(&state.settings))?;
        let token = jar.access.ok_or_else(|| Problem::unauthenticated(false))?;
        Ok(Self::by_cookie(state, request, token)?)
    }
}

/// Whoever a valid access token speaks for: a user, or a client in its own name. It is for operations that change nothing:
/// a cookie is enough, whichever page sent it.
pub(crate) struct Identified(pub(crate) Claims);

impl<'a> ApiExtractor<'a> for Identified {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Signed::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        Signed::security_schemes()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let (headers, state) = (request.headers(), &Visit::of(request)?.state);
        let token = if headers.contains_key(header::AUTHORIZATION) {
            bearer(headers)?
        } else {
            let jar = Jar::read(headers, Cookies::of(&state.settings))?;
            jar.access.ok_or_else(|| Problem::unauthenticated(false))?
        };
        Ok(Self(state.app.tokens.identify(token).map_err(Problem::from)?))
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
}
