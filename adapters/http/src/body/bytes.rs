//! Reading a request body: the right type, no encoding, not too long, not too slow.

use std::time::{Duration, Instant};

use poem::Request;
use poem::error::ReadBodyError;
use poem::http::{HeaderMap, header};

use crate::problem::{Code, Problem};
use crate::state::Visit;

/// The whole body, when its type is one of `media_types` and it is not longer than the limit.
pub(crate) async fn read(
    request: &Request,
    body: &mut poem::RequestBody,
    media_types: &[&str],
) -> Result<Vec<u8>, Problem> {
    check_type(request.headers(), media_types)?;
    read_any(request, body).await
}

/// How long a body may take before it is asked again who sends it: whoever keeps it open is no longer who they were at the
/// head of the request.
const TRUSTED: Duration = Duration::from_millis(10);

/// The whole body, of whatever type, when it is not longer than the limit.
pub(crate) async fn read_any(request: &Request, body: &mut poem::RequestBody) -> Result<Vec<u8>, Problem> {
    let visit = Visit::of(request)?;
    let limit = visit.state.settings.body_limit;
    check_encoding(request.headers())?;
    if declared_length(request.headers()).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let body = body.take().map_err(|_| Problem::internal("a body was read twice"))?;
    let began = Instant::now();
    visit.set_reading(true);
    let bytes = body.into_bytes_limit(limit).await;
    visit.set_reading(false);
    if began.elapsed() > TRUSTED {
        visit.judge_again(request).await?;
    }
    match bytes {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(too_large(limit)),
        Err(_) => Err(Problem::new(Code::MalformedRequest)),
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::detailed(Code::BodyTooLarge, format!("a body has at most {limit} bytes"))
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `Content-Type` is one of `media_types`; of the parameters only a `charset` other than UTF-8 matters.
fn check_type(headers: &HeaderMap, media_types: &[&str]) -> Result<(), Problem> {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => return Err(unsupported(media_types)),
    };
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim();
    let known = media_types.iter().any(|known| known.eq_ignore_ascii_case(essence));
    let utf8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if known && utf8 { Ok(()) } else { Err(unsupported(media_types)) }
}

/// No `Content-Encoding`, so that nothing can be larger inside than outside.
fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
    if plain {
        Ok(())
    } else {
        Err(Problem::detailed(Code::UnsupportedMediaType, "a body is sent without Content-Encoding"))
    }
}

fn unsupported(media_types: &[&str]) -> Problem {
    let detail = format!("Content-Type is {}", media_types.join(" or "));
    Problem::detailed(Code::UnsupportedMediaType, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(content_type: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().expect("a header value"));
        check_type(&headers, &["application/json"]).is_ok()
    }

    #[test]
    fn only_the_type_asked_for_is_read() {
        for fine in [
            "application/json",
            "Application/JSON",
            "application/json; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(accepted(fine), "{fine}");
        }
        for foreign in [
            "",
            "text/plain",
            "application/jsonx",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded",
            "application/json, text/plain",
        ] {
            assert!(!accepted(foreign), "{foreign}");
        }
        assert!(check_type(&HeaderMap::new(), &["application/json"]).is_err());
    }

    #[test]
    fn two_types_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONTENT_TYPE, "application/json".parse().expect("a header value"));
        headers.append(header::CONTENT_TYPE, "text/plain".parse().expect("a header value"));
        assert!(check_type(&headers, &["application/json"]).is_err());
    }

    #[test]
    fn encodings_are_refused() {
        for (encoding, fine) in
            [("identity", true), ("Identity", true), ("gzip", false), ("br", false), ("identity, gzip", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, encoding.parse().expect("a header value"));
            assert_eq!(check_encoding(&headers).is_ok(), fine, "{encoding}");
        }
    }
}
