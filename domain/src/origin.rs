//! Where a request came from.

use std::net::IpAddr;

use crate::ids::UserId;

/// What the door knows about a request: it travels with commands into sessions and events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address as the door trusts it.
    pub ip: Option<IpAddr>,
    /// The `User-Agent`, at most [`Origin::USER_AGENT_MAX`] bytes, no control characters.
    pub user_agent: Option<String>,
    /// The id by which the answer, the log and the audit trail name the request.
    pub request_id: Option<String>,
    /// W3C Trace Context `traceparent` of the request, already validated.
    pub traceparent: Option<String>,
    /// Who really acts, when it is not the user that the request is authenticated as.
    pub impersonator: Option<UserId>,
}

impl Origin {
    /// The most bytes of a `User-Agent` that are kept.
    pub const USER_AGENT_MAX: usize = 256;

    /// Keeps a `User-Agent`: control characters become spaces, the rest is cut at
    /// [`Origin::USER_AGENT_MAX`] bytes; an empty one is none.
    pub fn keep_user_agent(raw: &str) -> Option<String> {
        let plain = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
        let mut kept = String::new();
        for c in raw.chars().map(plain) {
            if kept.len() + c.len_utf8() > Self::USER_AGENT_MAX {
                break;
            }
            kept.push(c);
        }
        let kept = kept.trim();
        (!kept.is_empty()).then(|| kept.to_owned())
    }
}
