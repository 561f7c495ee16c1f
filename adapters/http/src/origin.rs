//! Where a request came from, as far as it can be trusted: the address is the one that the door found out.

use poem::http::header;
use poem::{FromRequest, Request, RequestBody};
use portcullis_domain::origin::Origin;

use crate::state::Visit;

/// The origin of a request. Among the arguments of an operation it stands behind the caller.
pub(crate) struct From(pub(crate) Origin);

impl<'a> FromRequest<'a> for From {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self(Self::of(request)))
    }
}

impl From {
    /// The origin of a request.
    pub(crate) fn of(request: &Request) -> Origin {
        let header = |name| request.headers().get(name);
        let visit = Visit::of(request).ok();
        Origin {
            ip: visit.and_then(|visit| visit.client),
            user_agent: header(header::USER_AGENT.as_str())
                .and_then(|value| Origin::keep_user_agent(&String::from_utf8_lossy(value.as_bytes()))),
            request_id: visit.map(|visit| visit.id.as_str().to_owned()),
            traceparent: header("traceparent").and_then(|value| value.to_str().ok()).and_then(traceparent),
            impersonator: visit.and_then(Visit::impersonator),
        }
    }
}

/// A W3C Trace Context `traceparent` of version 00, as it is; `None` when it is anything else.
fn traceparent(text: &str) -> Option<String> {
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && (length == 2 || part.bytes().any(|b| b != b'0'))
    };
    let mut parts = text.split('-');
    let mut next = || parts.next().unwrap_or_default();
    let (version, trace, parent, flags) = (next(), next(), next(), next());
    let fine = version == "00" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2) && parts.next().is_none();
    fine.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_is_passed_on() {
        let fine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(traceparent(fine).as_deref(), Some(fine));
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        ] {
            assert_eq!(traceparent(wrong), None, "{wrong}");
        }
    }
}
