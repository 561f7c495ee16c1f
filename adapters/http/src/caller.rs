//! Who calls: the access token in the `Authorization` header (RFC 6750 §2.1), and nowhere else.

use poem::http::{HeaderMap, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::caller::Caller;

use crate::problem::Problem;
use crate::state::Visit;

/// The name of the security scheme in the OpenAPI document.
const SCHEME: &str = "bearer";

/// A caller with a valid access token.
pub(crate) struct Signed(pub(crate) Caller);

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
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let token = bearer(request.headers())?;
        let caller = Visit::of(request)?.state.app.tokens.authenticate(token).map_err(Problem::from)?;
        Ok(Self(caller))
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
