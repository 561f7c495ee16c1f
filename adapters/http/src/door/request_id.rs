//! Request ids: the client's own when it has a decent one, else a new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_domain::ports::ambient::{Clock, Randomness};

/// The header that carries it, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an id.
const MAX_CHARS: usize = 128;

/// The id of a request: 1 to 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `.`, `_` and `-`.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The value of the header.
    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The one id that a client sent, when it is decent.
    fn sent(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        let fine = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let length = 1..=MAX_CHARS;
        (length.contains(&value.len()) && value.as_bytes().iter().all(fine)).then(|| Self(value.clone()))
    }
}

/// Makes request ids: UUIDv7 whose random part is drawn once and counted on from there, so that an id costs no entropy.
pub(crate) struct RequestIds {
    clock: Arc<dyn Clock>,
    prefix: [u8; 5],
    counter: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(clock: Arc<dyn Clock>, random: &dyn Randomness) -> Self {
        let mut prefix = [0; 5];
        let mut start = [0; 8];
        random.fill(&mut prefix);
        random.fill(&mut start);
        Self { clock, prefix, counter: AtomicU64::new(u64::from_le_bytes(start)) }
    }

    /// The id of a request.
    pub(crate) fn of(&self, headers: &HeaderMap) -> RequestId {
        RequestId::sent(headers).unwrap_or_else(|| self.fresh())
    }

    fn fresh(&self) -> RequestId {
        let count = self.counter.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bytes = [0; 10];
        bytes[..5].copy_from_slice(&self.prefix);
        bytes[5..].copy_from_slice(&count[3..]);
        let millis = self.clock.now().as_unix_millis();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid();
        let mut text = [0; 36];
        let text = id.hyphenated().encode_lower(&mut text);
        RequestId(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(values: &[&[u8]]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).expect("a header value"));
        }
        RequestId::sent(&headers).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn a_decent_id_is_kept_and_others_are_not() {
        assert_eq!(sent(&[b"a.B_9-z"]).as_deref(), Some("a.B_9-z"));
        assert_eq!(sent(&["x".repeat(128).as_bytes()]).map(|id| id.len()), Some(128));
        assert_eq!(sent(&["x".repeat(129).as_bytes()]), None);
        for bad in [&b""[..], b"a b", b"a\"b", b"a;b", b"\xff", b"{}", b"a/b"] {
            assert_eq!(sent(&[bad]), None, "{bad:?}");
        }
        assert_eq!(sent(&[b"a", b"b"]), None);
        assert_eq!(sent(&[]), None);
    }
}
