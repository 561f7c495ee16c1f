//! What somebody acts with who acts as another user.

use portcullis_domain::administration::Impersonating;
use portcullis_domain::ids::SessionId;
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{Documented, id, seconds};

/// An access token without a refresh token: when it ends everything ends.
#[derive(Serialize)]
pub(crate) struct ImpersonatingView {
    token_type: &'static str,
    access_token: String,
    expires_in: u64,
    session_id: SessionId,
    read_only: bool,
}

impl ImpersonatingView {
    pub(crate) fn new(impersonating: &Impersonating, read_only: bool) -> Self {
        let session = &impersonating.session;
        Self {
            token_type: "Bearer",
            access_token: impersonating.access_token.expose().to_owned(),
            expires_in: session.expires_at.since(session.created_at).as_secs(),
            session_id: session.id,
            read_only,
        }
    }
}

impl Documented for ImpersonatingView {
    const NAME: &'static str = "Impersonation";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What somebody acts with who acts as another user. There is no refresh token: when the access token ends, the session ends.",
            "required": ["token_type", "access_token", "expires_in", "session_id", "read_only"],
            "properties": {
                "token_type": { "type": "string", "enum": ["Bearer"], "description": "How the token is sent (RFC 6750)." },
                "access_token": { "type": "string", "description": "An access token of that user; its claim `act` says who really acts (RFC 8693 §4.1)." },
                "expires_in": seconds("For how many seconds it is good.", 900),
                "session_id": id("The session, which its user sees and can end."),
                "read_only": { "type": "boolean", "description": "Whether nothing may be changed." },
            },
        })
    }
}
