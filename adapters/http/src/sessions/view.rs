//! Sessions as their owner sees them.

use std::net::IpAddr;

use portcullis_domain::Timestamp;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::sessions::Session;
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
    impersonated_by: Option<UserId>,
}

impl SessionView {
    /// As somebody sees it who calls from the session `current`, or from none of them.
    pub(crate) fn new(session: &Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.idle_expires_at,
            ip: session.ip,
            user_agent: session.user_agent.clone(),
            client_id: session.client_id.clone(),
            current: current == Some(session.id),
            impersonated_by: session.impersonation.map(|impersonation| impersonation.by),
        }
    }
}

impl Documented for SessionView {
    const NAME: &'static str = "Session";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A device that is signed in.",
            "required": ["id", "created_at", "last_seen_at", "expires_at", "ip", "user_agent", "client_id", "current", "impersonated_by"],
            "properties": {
                "id": id("Which session."),
                "created_at": instant("When it began."),
                "last_seen_at": instant("When it was last refreshed."),
                "expires_at": instant("When it ends unless it is refreshed before."),
                "ip": { "type": "string", "nullable": true, "description": "Where the sign-in came from.", "example": "203.0.113.7" },
                "user_agent": { "type": "string", "nullable": true, "maxLength": 256, "description": "What the client called itself.", "example": "Mozilla/5.0" },
                "client_id": { "type": "string", "description": "The client that signed in.", "example": "portcullis" },
                "current": { "type": "boolean", "description": "Whether it is the session that asks." },
                "impersonated_by": {
                    "type": "string", "format": "uuid", "nullable": true, "example": null,
                    "description": "Who acts as the user in this session, when it is somebody else: support, for a few minutes.",
                },
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
