//! What a client gets when it signed in or refreshed.

use portcullis_domain::ids::SessionId;
use portcullis_domain::sessions::TokenPair;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::schema::{Documented, id, seconds};

/// The tokens of a session (RFC 6749 §5.1, and more).
pub(crate) struct TokensView(pub(crate) TokenPair);

impl Serialize for TokensView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            token_type: &'static str,
            access_token: &'a str,
            expires_in: u64,
            refresh_token: &'a str,
            refresh_expires_in: u64,
            session_id: SessionId,
        }
        let Self(pair) = self;
        // Access tokens count whole seconds, from the second in which they were issued.
        let second = pair.issued_at.floor_to_second();
        let document = Document {
            token_type: "Bearer",
            access_token: pair.access_token.expose(),
            expires_in: pair.access_expires_at.since(second).as_secs(),
            refresh_token: pair.refresh_token.expose(),
            refresh_expires_in: pair.refresh_expires_at.since(pair.issued_at).as_secs(),
            session_id: pair.session.id,
        };
        document.serialize(serializer)
    }
}

impl Documented for TokensView {
    const NAME: &'static str = "Tokens";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "The tokens of a session.",
            "required": ["token_type", "access_token", "expires_in", "refresh_token", "refresh_expires_in", "session_id"],
            "properties": {
                "token_type": { "type": "string", "enum": ["Bearer"], "description": "How the access token is presented." },
                "access_token": { "type": "string", "minLength": 1, "description": "For each call, in the header `Authorization`." },
                "expires_in": seconds("For how many seconds the access token is good.", 900),
                "refresh_token": { "type": "string", "minLength": 1, "description": "For the next tokens; good for one use." },
                "refresh_expires_in": seconds("For how many seconds the refresh token is good.", 2_592_000),
                "session_id": id("The session they belong to."),
            },
        })
    }
}
