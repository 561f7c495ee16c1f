//! The cookies that a request carries.

use poem::http::{HeaderMap, header};

use crate::caller::API_KEY;
use crate::problem::{Code, Problem};

use super::{COOKIE_LIMIT, Cookie, Cookies};

/// The cookies of ours that a request carries, as they are: what is none of our tokens is found out by whoever reads it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Jar<'a> {
    pub(crate) access: Option<&'a str>,
    pub(crate) refresh: Option<&'a str>,
    pub(crate) device: Option<&'a str>,
}

impl<'a> Jar<'a> {
    /// Reads the `Cookie` headers (RFC 6265 §5.4; over HTTP/2 there may be several, RFC 9113 §8.2.3). Cookies of others
    /// are passed over, whatever they look like. Two of one name are refused: one of them may be an attacker's.
    pub(crate) fn read(headers: &'a HeaderMap, cookies: Cookies) -> Result<Self, Problem> {
        let mut jar = Self::default();
        let values = headers.get_all(header::COOKIE).iter();
        for pair in values.flat_map(|value| value.as_bytes().split(|b| *b == b';')) {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = trimmed(halves.next().unwrap_or_default());
            let Some(cookie) = Cookie::ALL.into_iter().find(|cookie| cookies.name(*cookie).as_bytes() == name) else {
                continue;
            };
            let slot = match cookie {
                Cookie::Access => &mut jar.access,
                Cookie::Refresh => &mut jar.refresh,
                Cookie::Device => &mut jar.device,
            };
            if slot.replace(token(trimmed(halves.next().unwrap_or_default()))).is_some() {
                let detail = format!("there are two cookies of the name {}", cookies.name(cookie));
                return Err(Problem::detailed(Code::MalformedRequest, detail));
            }
        }
        Ok(jar)
    }

    /// The cookies that may authenticate a request: none where a header says who calls.
    pub(crate) fn credentials(headers: &'a HeaderMap, cookies: Cookies) -> Result<Self, Problem> {
        let spoken_for = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(API_KEY);
        if spoken_for { Ok(Self::default()) } else { Self::read(headers, cookies) }
    }
}

/// Without the white space that HTTP knows, and no other.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = bytes.iter().position(|b| !blank(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !blank(b)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// A value that can be a token; anything else is read as the empty one, which is good for nothing.
fn token(value: &[u8]) -> &str {
    let fine = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let fits = value.len() < COOKIE_LIMIT && value.iter().all(fine);
    std::str::from_utf8(value).ok().filter(|_| fits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    const SECURE: Cookies = Cookies { secure: true };

    fn jar(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::COOKIE, HeaderValue::from_bytes(value).expect("a header value"));
        }
        headers
    }

    #[test]
    fn cookies_of_others_are_passed_over() {
        let headers = jar(&[
            b"a=1; __Host-portcullis_access=x.y ;b; =c;;\xff=\xff; __host-portcullis_access=no; \"=",
            b"portcullis_access=no;\t__Host-portcullis_device=d",
        ]);
        let read = Jar::read(&headers, SECURE).expect("reads");
        assert_eq!((read.access, read.refresh, read.device), (Some("x.y"), None, Some("d")));
    }

    #[test]
    fn b48_a_value_that_cannot_be_a_token_is_good_for_nothing() {
        let long = "a".repeat(COOKIE_LIMIT);
        for value in ["", "\"x\"", "a b", "a,b", "a=b", "\u{e9}", "%41", long.as_str()] {
            let headers = jar(&[format!("__Host-portcullis_access={value}").as_bytes()]);
            assert_eq!(Jar::read(&headers, SECURE).expect("reads").access, Some(""), "{value}");
        }
    }

    #[test]
    fn b54_two_cookies_of_one_name_are_refused() {
        let two = [
            jar(&[b"__Host-portcullis_access=x; __Host-portcullis_access=x"]),
            jar(&[b"__Secure-portcullis_refresh=x", b"__Secure-portcullis_refresh=y"]),
            jar(&[b"__Host-portcullis_device; __Host-portcullis_device="]),
        ];
        for headers in two {
            let refused = Jar::read(&headers, SECURE).expect_err("is refused");
            assert_eq!(refused.code, Code::MalformedRequest);
        }
    }
}
