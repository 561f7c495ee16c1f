//! Is the head of a request one that we read on? Its length, and the one `Host` that HTTP/1.1 asks for.

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Version, header};

use crate::problem::{Code, Problem};

/// The most bytes of a path with its query; RFC 9110 §4.1 asks for 8,000 at least.
const MAX_TARGET: usize = 8 * 1024;
/// The most bytes of all header lines; the listener gives up on heads of 32 KiB without an answer of ours.
const MAX_HEADERS: usize = 28 * 1024;
/// What a header line has besides its name and its value.
const LINE_EXTRA: usize = ": \r\n".len();

/// Refuses a head that is too long, or does not say once which host it is for.
pub(crate) fn check(request: &Request) -> Result<(), Problem> {
    if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET) {
        return Err(Problem::detailed(Code::UriTooLong, format!("path and query have at most {MAX_TARGET} bytes")));
    }
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + LINE_EXTRA;
    if request.headers().iter().map(line).sum::<usize>() > MAX_HEADERS {
        return Err(Problem::detailed(Code::HeadersTooLarge, format!("the headers have at most {MAX_HEADERS} bytes")));
    }
    if request.version() == Version::HTTP_11 && !has_one_host(request.headers()) {
        return Err(Problem::detailed(Code::MalformedRequest, "a request has one header Host (RFC 9112 §3.2)"));
    }
    Ok(())
}

/// Nothing is made of the host that a request is for; two of them mean that somebody on the way may see another one.
fn has_one_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let user_info = host.as_bytes().contains(&b'@');
    host.is_empty() || Authority::try_from(host.as_bytes()).is_ok() && !user_info
}
