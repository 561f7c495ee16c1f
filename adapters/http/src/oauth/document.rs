//! The protocol endpoints in the OpenAPI document.

use serde_json::{Value, json};

use crate::schema::{id, pointer};

use super::form::FORM;
use super::{INTROSPECT, REVOKE};

/// The tag of these operations.
const TAG: &str = "OAuth2";

/// The operations, by path.
pub(crate) fn paths() -> Value {
    json!({
        INTROSPECT: { "post": operation(
            "introspect",
            "What a token is good for (RFC 7662)",
            "Every client may ask about every token. Anything that is not active, for whatever reason, is `{\"active\":false}` and no more. `token_use` tells access tokens from refresh tokens: only the former open a resource.",
            &json!({
                "description": "What there is to say.",
                "content": { "application/json": { "schema": pointer("Introspection") } },
            }),
        ) },
        REVOKE: { "post": operation(
            "revoke",
            "End the session behind a token (RFC 7009)",
            "An access token and a refresh token both stand for their whole session. A client can revoke the tokens of its own sessions (same `client_id`) and of first-party sessions; for any other token, as for an unknown one, nothing happens, and the answer is the same.",
            &json!({ "description": "The token is good no more, or never was the client's; the body is empty." }),
        ) },
    })
}

fn operation(id: &str, summary: &str, description: &str, success: &Value) -> Value {
    let refused = |description: &str| json!({ "description": description, "content": { "application/json": { "schema": pointer("OAuthError") } } });
    json!({
        "tags": [TAG],
        "operationId": id,
        "summary": summary,
        "description": description,
        "security": [{ "client_secret_basic": [] }, {}],
        "requestBody": {
            "required": true,
            "content": { FORM: { "schema": pointer("TokenRequest") } },
        },
        "responses": {
            "200": success,
            "400": refused("`invalid_request`: a parameter is missing, repeated, or where it must not be."),
            "401": refused("`invalid_client`: client authentication failed."),
            "408": refused("`invalid_request`: the body did not arrive in time."),
            "413": refused("`invalid_request`: the body is too large."),
            "415": refused("`invalid_request`: the body is not a form."),
            "500": refused("`server_error`"),
            "503": refused("`temporarily_unavailable`: try again after `Retry-After` seconds."),
        },
    })
}

/// How clients authenticate.
pub(crate) fn security_schemes() -> Value {
    json!({
        "client_secret_basic": {
            "type": "http", "scheme": "basic",
            "description": "Client id and secret, each form-encoded, as user name and password (RFC 6749 §2.3.1). Instead, `client_id` and `client_secret` may be parameters of the body, never both.",
        },
    })
}

/// The bodies.
pub(crate) fn schemas() -> Value {
    json!({
        "TokenRequest": {
            "type": "object",
            "description": "A token, and where to look for it first. Parameters that are not listed are ignored, repeated ones refused.",
            "required": ["token"],
            "properties": {
                "token": { "type": "string", "minLength": 1, "description": "An access token or a refresh token." },
                "token_type_hint": { "type": "string", "description": "`access_token` or `refresh_token`; anything else is ignored.", "example": "access_token" },
                "client_id": { "type": "string", "description": "For `client_secret_post`." },
                "client_secret": { "type": "string", "format": "password", "description": "For `client_secret_post`." },
            },
        },
        "Introspection": {
            "type": "object",
            "description": "What a token is good for. Everything but `active` is there only when it is active.",
            "required": ["active"],
            "properties": {
                "active": { "type": "boolean", "description": "Whether it is good at all." },
                "token_use": { "type": "string", "enum": ["access_token", "refresh_token"], "description": "Which kind it is." },
                "token_type": { "type": "string", "enum": ["Bearer"], "description": "How it is presented; access tokens only." },
                "iss": { "type": "string", "description": "Who issued it.", "example": "https://auth.example.com" },
                "sub": id("Whom it speaks for."),
                "aud": { "type": "string", "description": "Whom it is for; access tokens only." },
                "client_id": { "type": "string", "description": "The client it was issued to." },
                "scope": { "type": "string", "description": "What it allows, separated by spaces." },
                "exp": { "type": "integer", "format": "int64", "description": "When it expires, in seconds since 1970." },
                "iat": { "type": "integer", "format": "int64", "description": "When it was issued, in seconds since 1970." },
                "auth_time": { "type": "integer", "format": "int64", "description": "When the user proved who they are, in seconds since 1970." },
                "jti": id("Which token; access tokens only."),
                "sid": id("The session it belongs to."),
                "roles": { "type": "array", "items": { "type": "string" }, "description": "The roles it carries, if it carries any." },
                "permissions": { "type": "array", "items": { "type": "string" }, "description": "The permissions it carries, if it carries any." },
            },
        },
        "OAuthError": {
            "type": "object",
            "description": "A refusal (RFC 6749 §5.2).",
            "required": ["error", "error_description"],
            "properties": {
                "error": { "type": "string", "enum": ["invalid_request", "invalid_client", "server_error", "temporarily_unavailable"] },
                "error_description": { "type": "string", "description": "For the developer of the client." },
            },
        },
    })
}
