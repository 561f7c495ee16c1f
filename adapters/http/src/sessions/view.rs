//! Sessions as their owner sees them, and a caller as a proxy passes it on.

use std::net::IpAddr;

use poem::http::{HeaderMap, HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaHeader, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use portcullis_domain::Timestamp;
use portcullis_domain::caller::Caller;
use portcullis_domain::ids::SessionId;
use portcullis_domain::sessions::Session;
use portcullis_domain::tokens::{Claims, Subject};
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{Documented, id, instant, pointer};

/// A device that is signed in.
#[derive(Serialize)]
pub(crate) struct SessionView {
    id: SessionId,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    client_id: String,
    current: bool,
}

impl SessionView {
    pub(crate) fn new(session: &Session, caller: &Caller) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.idle_expires_at,
            ip: session.ip,
            user_agent: session.user_agent.clone(),
            client_id: session.client_id.clone(),
            current: session.id == caller.session,
        }
    }
}

impl Documented for SessionView {
    const NAME: &'static str = "Session";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A device that is signed in.",
            "required": ["id", "created_at", "last_seen_at", "expires_at", "ip", "user_agent", "client_id", "current"],
            "properties": {
                "id": id("Which session."),
                "created_at": instant("When it began."),
                "last_seen_at": instant("When it was last refreshed."),
                "expires_at": instant("When it ends unless it is refreshed before."),
                "ip": { "type": "string", "nullable": true, "description": "Where the sign-in came from.", "example": "203.0.113.7" },
                "user_agent": { "type": "string", "nullable": true, "maxLength": 256, "description": "What the client called itself.", "example": "Mozilla/5.0" },
                "client_id": { "type": "string", "description": "The client that signed in.", "example": "portcullis" },
                "current": { "type": "boolean", "description": "Whether it is the session that asks." },
            },
        })
    }
}

/// A page of sessions.
#[derive(Serialize)]
pub(crate) struct SessionPage {
    pub(crate) items: Vec<SessionView>,
    pub(crate) next_cursor: Option<String>,
}

impl Documented for SessionPage {
    const NAME: &'static str = "SessionPage";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A page of sessions, the newest first.",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": { "type": "array", "maxItems": 200, "items": pointer(SessionView::NAME) },
                "next_cursor": { "type": "string", "nullable": true, "description": "Where the next page begins; null on the last page." },
            },
        })
    }
}

/// Whom a token speaks for, said in headers.
pub(crate) struct Verified(pub(crate) Claims);

/// The headers: name and meaning.
const HEADERS: [(&str, &str); 5] = [
    ("x-auth-user-id", "The user who calls; empty when a client calls in its own name."),
    ("x-auth-session-id", "In which session; empty likewise."),
    ("x-auth-client-id", "The client that the token was issued to."),
    ("x-auth-scopes", "What the token allows, separated by spaces."),
    ("x-auth-roles", "The user's roles as far as the token carries them, separated by spaces."),
];

impl IntoResponse for Verified {
    fn into_response(self) -> Response {
        let Self(claims) = self;
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        let headers = response.headers_mut();
        let (mut of_user, mut of_session) = ([0; 36], [0; 36]);
        let (user, session) = match claims.subject {
            Subject::User { id, session } => (
                &*id.as_uuid().hyphenated().encode_lower(&mut of_user),
                &*session.as_uuid().hyphenated().encode_lower(&mut of_session),
            ),
            Subject::Client => ("", ""),
        };
        let (scopes, roles) = (words(claims.scope.values()), words(&claims.roles.unwrap_or_default()));
        for ((name, _), value) in HEADERS.into_iter().zip([user, session, &claims.client_id, &scopes, &roles]) {
            set(headers, name, value);
        }
        response
    }
}

/// The words that survive as words in a header: what does not is not claimed.
fn words(values: &[String]) -> String {
    let plain = |value: &&str| !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
    values.iter().map(String::as_str).filter(plain).collect::<Vec<_>>().join(" ")
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""));
    headers.insert(name, value);
}

impl ApiResponse for Verified {
    fn meta() -> MetaResponses {
        let header = |(name, description): (&str, &str)| MetaHeader {
            name: name.to_owned(),
            description: Some(description.to_owned()),
            required: true,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        let response = MetaResponse {
            description: "The token is good.",
            status: Some(204),
            status_range: None,
            content: Vec::new(),
            headers: HEADERS.into_iter().map(header).collect(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_header_cannot_carry_is_not_claimed() {
        let roles = ["admin", "", "two words", "über", "line\r\nbreak", "users:read"].map(str::to_owned);
        assert_eq!(words(&roles), "admin users:read");
    }
}
