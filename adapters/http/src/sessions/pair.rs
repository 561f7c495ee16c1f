//! What a client gets when it signed in or refreshed.

use portcullis_domain::ids::SessionId;
use portcullis_domain::ports::security::Mac;
use portcullis_domain::sessions::TokenPair;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::csrf::Protects;
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
        let document = Document {
            token_type: "Bearer",
            access_token: pair.access_token.expose(),
            expires_in: expires_in(pair),
            refresh_token: pair.refresh_token.expose(),
            refresh_expires_in: refresh_expires_in(pair),
            session_id: pair.session.id,
        };
        document.serialize(serializer)
    }
}

/// Access tokens count whole seconds, from the second in which they were issued.
pub(crate) fn expires_in(pair: &TokenPair) -> u64 {
    pair.access_expires_at.since(pair.issued_at.floor_to_second()).as_secs()
}

pub(crate) fn refresh_expires_in(pair: &TokenPair) -> u64 {
    pair.refresh_expires_at.since(pair.issued_at).as_secs()
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

/// What a page needs of a session whose tokens are in cookies.
#[derive(Serialize)]
pub(crate) struct CookieTokensView {
    #[serde(flatten)]
    csrf: CsrfView,
    expires_in: u64,
    refresh_expires_in: u64,
}

impl CookieTokensView {
    pub(crate) fn new(pair: &TokenPair, mac: &dyn Mac) -> Self {
        Self {
            csrf: CsrfView::new(pair.session.id, mac),
            expires_in: expires_in(pair),
            refresh_expires_in: refresh_expires_in(pair),
        }
    }
}

impl Documented for CookieTokensView {
    const NAME: &'static str = "CookieTokens";

    fn schema() -> Value {
        let mut schema = CsrfView::schema();
        schema["description"] = "What a page needs of a session whose tokens are in cookies.".into();
        schema["properties"]["expires_in"] = seconds("For how many seconds the access cookie is good.", 900);
        schema["properties"]["refresh_expires_in"] =
            seconds("For how many seconds the refresh cookie is good.", 2_592_000);
        schema["required"] =
            json!(["csrf_access_token", "csrf_refresh_token", "expires_in", "refresh_expires_in", "session_id"]);
        schema
    }
}

/// The CSRF tokens of a session.
#[derive(Serialize)]
pub(crate) struct CsrfView {
    csrf_access_token: String,
    csrf_refresh_token: String,
    session_id: SessionId,
}

impl CsrfView {
    pub(crate) fn new(session: SessionId, mac: &dyn Mac) -> Self {
        Self {
            csrf_access_token: Protects::Access.token(mac, session),
            csrf_refresh_token: Protects::Refresh.token(mac, session),
            session_id: session,
        }
    }
}

impl Documented for CsrfView {
    const NAME: &'static str = "CsrfTokens";

    fn schema() -> Value {
        let token = |description: &str| json!({ "type": "string", "minLength": 43, "maxLength": 43, "description": description });
        json!({
            "type": "object",
            "description": "The CSRF tokens of a session; they stay the same for as long as it lives.",
            "required": ["csrf_access_token", "csrf_refresh_token", "session_id"],
            "properties": {
                "csrf_access_token": token("In `X-CSRF-TOKEN` of unsafe requests that the access cookie authenticates."),
                "csrf_refresh_token": token("In `X-CSRF-TOKEN` of refreshes."),
                "session_id": id("The session they belong to."),
            },
        })
    }
}
