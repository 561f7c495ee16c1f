//! The bodies of the protocol endpoints in the OpenAPI document.

use serde_json::{Value, json};

use crate::schema::{id, seconds};

use super::{GRANT_TYPES, error};

/// The bodies.
pub(crate) fn schemas() -> Value {
    let client_id = |description: &str| json!({ "type": "string", "description": description });
    let secret = json!({ "type": "string", "format": "password", "description": "For `client_secret_post`." });
    json!({
        "AccessTokenRequest": {
            "type": "object",
            "description": "A grant, and what is asked for. Parameters that are not listed are ignored, repeated ones refused.",
            "required": ["grant_type"],
            "properties": {
                "grant_type": { "type": "string", "enum": GRANT_TYPES, "description": "By what the tokens are had." },
                "scope": { "type": "string", "description": "What the access token is to allow, separated by spaces; all that may be had without it.", "example": "orders:read" },
                "refresh_token": { "type": "string", "description": "With `grant_type=refresh_token`: from login or the last refresh." },
                "client_id": client_id("For `client_secret_post`, and for a client that has no secret."),
                "client_secret": secret,
            },
        },
        "AccessTokenResponse": {
            "type": "object",
            "description": "Tokens (RFC 6749 §5.1).",
            "required": ["access_token", "token_type", "expires_in", "scope"],
            "properties": {
                "access_token": { "type": "string", "minLength": 1, "description": "For each call, in the header `Authorization`." },
                "token_type": { "type": "string", "enum": ["Bearer"], "description": "How the access token is presented." },
                "expires_in": seconds("For how many seconds the access token is good.", 900),
                "scope": { "type": "string", "description": "What it allows, separated by spaces." },
                "refresh_token": { "type": "string", "minLength": 1, "description": "Of a session: for the next tokens; good for one use." },
                "refresh_expires_in": seconds("Of a session: for how many seconds the refresh token is good.", 2_592_000),
                "session_id": id("Of a session: which one."),
            },
        },
        "TokenRequest": {
            "type": "object",
            "description": "A token, and where to look for it first. Parameters that are not listed are ignored, repeated ones refused.",
            "required": ["token"],
            "properties": {
                "token": { "type": "string", "minLength": 1, "description": "An access token, a refresh token, or, for introspection, an API key." },
                "token_type_hint": { "type": "string", "description": "`access_token` or `refresh_token`; anything else is ignored.", "example": "access_token" },
                "client_id": client_id("For `client_secret_post`."),
                "client_secret": secret,
            },
        },
        "Introspection": {
            "type": "object",
            "description": "What a token is good for. Everything but `active` is there only when it is active.",
            "required": ["active"],
            "properties": {
                "active": { "type": "boolean", "description": "Whether it is good at all." },
                "token_use": { "type": "string", "enum": ["access_token", "refresh_token", "api_key"], "description": "Which kind it is." },
                "token_type": { "type": "string", "enum": ["Bearer", "api_key"], "description": "How it is presented: not said of refresh tokens." },
                "iss": { "type": "string", "description": "Who issued it.", "example": "https://auth.example.com" },
                "sub": { "type": "string", "description": "Whom it speaks for: the id of a user, of an API key its owner, or the `client_id` of a client in its own name." },
                "aud": { "type": "string", "description": "Whom it is for; access tokens only." },
                "client_id": { "type": "string", "description": "The client it was issued to; of an API key its own id." },
                "scope": { "type": "string", "description": "What it allows, separated by spaces; of an API key what it may do at this moment." },
                "exp": { "type": "integer", "format": "int64", "description": "When it expires, if it does, in seconds since 1970." },
                "iat": { "type": "integer", "format": "int64", "description": "When it was issued, in seconds since 1970." },
                "auth_time": { "type": "integer", "format": "int64", "description": "When the user proved who they are, in seconds since 1970." },
                "jti": id("Which token; access tokens only."),
                "sid": id("The session it belongs to, if it belongs to one."),
                "roles": { "type": "array", "items": { "type": "string" }, "description": "The roles it carries, if it carries any." },
                "permissions": { "type": "array", "items": { "type": "string" }, "description": "The permissions it carries, if it carries any." },
                "act": {
                    "type": "object", "description": "Who acts as the subject, when it is somebody else (RFC 8693 §4.1).",
                    "required": ["sub"], "properties": { "sub": id("Who.") },
                },
            },
        },
        "OAuthError": {
            "type": "object",
            "description": "A refusal (RFC 6749 §5.2).",
            "required": ["error", "error_description"],
            "properties": {
                "error": { "type": "string", "enum": error::CODES },
                "error_description": { "type": "string", "description": "For the developer of the client." },
            },
        },
    })
}
