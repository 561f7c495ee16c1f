//! The protocol endpoints in the OpenAPI document.

use serde_json::{Value, json};

use crate::schema::pointer;

use super::form::FORM;
use super::{INTROSPECT, REVOKE, TOKEN};

/// The tag of these operations.
const TAG: &str = "OAuth2";

/// The security scheme of clients with a secret.
pub(crate) const CLIENT_SCHEME: &str = "client_secret_basic";

/// The operations, by path.
pub(crate) fn paths() -> Value {
    let granted = json!({
        "description": "The tokens.",
        "headers": {
            "Pragma": { "description": "`no-cache`", "required": true, "schema": { "type": "string" } },
            "X-Refresh-Outcome": {
                "description": "With a refresh token: `rotated`, or `replayed` when it had been used a moment before and this is the same successor. On 400 `reuse`: it had been used long before, its session has ended.",
                "schema": { "type": "string" },
            },
        },
        "content": { "application/json": { "schema": pointer("AccessTokenResponse") } },
    });
    let told = json!({
        "description": "What there is to say.",
        "content": { "application/json": { "schema": pointer("Introspection") } },
    });
    let ended = json!({ "description": "The token is good no more, or never was the client's; the body is empty." });
    json!({
        TOKEN: { "post": operation(
            "token",
            "Tokens for clients (RFC 6749)",
            "`client_credentials`: a token in the client's own name, for clients of the store; what it allows is the client's scope, or what `scope` names of it. \
             `refresh_token`: the next tokens of a session, for the client that signed in; the first-party client says its `client_id` and has no secret. \
             `scope` narrows the new access token, the session keeps its own.",
            ("AccessTokenRequest", "`invalid_request`: a parameter is missing, repeated, or where it must not be. `invalid_grant`: the refresh token is not valid for this client. \
             `invalid_scope`: it is malformed or goes too far. `unauthorized_client`: the client gets no tokens in its own name. `unsupported_grant_type`: there is no such grant."),
            &granted,
        ) },
        INTROSPECT: { "post": operation(
            "introspect",
            "What a token is good for (RFC 7662)",
            "Every client may ask about every token, and about every API key. Nothing is known of where a key was presented: one that names networks is active only when the service that asks has its own address in one of them. Anything that is not active, for whatever reason, is `{\"active\":false}` and no more. \
             `token_use` tells access tokens from refresh tokens: only the former open a resource. A token that a client got in its own name has no `sid`, and the client as `sub`. \
             `roles` and `permissions` of an access token that tells of them are those of this moment. One with `act` is active only as long as whoever acts may act as others.",
            ("TokenRequest", MALFORMED),
            &told,
        ) },
        REVOKE: { "post": operation(
            "revoke",
            "End what is behind a token (RFC 7009)",
            "An access token and a refresh token of a session both stand for the whole session; a token that a client got in its own name stands for itself. \
             A client can revoke what is its own (same `client_id`), and a client of the configuration first-party sessions too; for any other token, as for an unknown one, nothing happens, and the answer is the same.",
            ("TokenRequest", MALFORMED),
            &ended,
        ) },
    })
}

const MALFORMED: &str = "`invalid_request`: a parameter is missing, repeated, or where it must not be.";

fn operation(id: &str, summary: &str, description: &str, (request, malformed): (&str, &str), success: &Value) -> Value {
    let refused = |description: &str| json!({ "description": description, "content": { "application/json": { "schema": pointer("OAuthError") } } });
    json!({
        "tags": [TAG],
        "operationId": id,
        "summary": summary,
        "description": description,
        "security": [{ CLIENT_SCHEME: [] }, {}],
        "requestBody": {
            "required": true,
            "content": { FORM: { "schema": pointer(request) } },
        },
        "responses": {
            "200": success,
            "400": refused(malformed),
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
        CLIENT_SCHEME: {
            "type": "http", "scheme": "basic",
            "description": "Client id and secret, each form-encoded, as user name and password (RFC 6749 §2.3.1). Instead, `client_id` and `client_secret` may be parameters of the body under `/oauth2`, never both.",
        },
    })
}
