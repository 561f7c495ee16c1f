//! The public keys, for whoever verifies tokens.

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use serde_json::{Value, json};

use crate::body::JSON;
use crate::documents::{not_modified, tag_of};
use crate::openapi::{answered, faults};
use crate::routes::Routes;
use crate::state::State;

/// The path of the JWK Set.
pub(crate) const JWKS: &str = "/.well-known/jwks.json";
/// The path of the PASERK set.
pub(crate) const PASERK: &str = "/.well-known/paserk.json";

/// How long verifiers may keep the keys; the next key is published long before it signs.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");
const ANYBODY: HeaderValue = HeaderValue::from_static("*");

/// Adds both documents.
pub(crate) fn add_routes(routes: &mut Routes, state: &Arc<State>) {
    let shared = state.clone();
    let jwks = make_sync(move |request| serve(&request, shared.app.tokens.published_keys().jwks));
    routes.add_for_everybody(JWKS, jwks);
    let shared = state.clone();
    let paserk = make_sync(move |request| serve(&request, shared.app.tokens.published_keys().paserk));
    routes.add_for_everybody(PASERK, paserk);
}

/// A document that everybody may read and keep for a while.
pub(crate) fn serve(request: &Request, document: String) -> Response {
    let tag = tag_of(document.as_bytes());
    let mut response = if not_modified(request.headers(), &tag) {
        Response::builder().status(StatusCode::NOT_MODIFIED).finish()
    } else {
        Response::builder().content_type(JSON).body(document)
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, CACHED);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    response
}

/// The condition of a request for something that may be known already.
pub(crate) fn condition(description: &str) -> Value {
    json!({
        "name": "If-None-Match", "in": "header", "schema": { "type": "string" },
        "description": description,
    })
}

/// The operations in the OpenAPI document.
pub(crate) fn paths() -> Value {
    let operation = |id: &str, summary: &str, schema: &str| {
        let mut responses = faults();
        responses["200"] = answered("The keys, the active one first.", schema);
        responses["304"] = json!({ "description": "They are what `If-None-Match` says." });
        let condition = condition("The `ETag` of the keys that are known already.");
        json!({ "get": {
            "tags": ["Metadata"], "operationId": id, "summary": summary,
            "description": "Good for five minutes. The next key is here long before it signs, a retired one until its last token has expired.",
            "parameters": [condition], "responses": responses,
        } })
    };
    json!({
        JWKS: operation("jwks", "The public keys of JWT access tokens (RFC 7517)", "JwkSet"),
        PASERK: operation("paserk", "The public keys of PASETO access tokens", "PaserkSet"),
    })
}

/// The schemas of these operations.
pub(crate) fn schemas() -> Value {
    json!({
        "JwkSet": {
            "type": "object",
            "description": "A JWK Set (RFC 7517 §5).",
            "required": ["keys"],
            "properties": { "keys": { "type": "array", "items": {
                "type": "object",
                "required": ["kty", "kid"],
                "properties": {
                    "kty": { "type": "string", "description": "The kind of key." },
                    "kid": { "type": "string", "description": "Which key (RFC 7638 thumbprint)." },
                    "alg": { "type": "string", "description": "What it signs." },
                    "use": { "type": "string", "description": "`sig`" },
                },
            } } },
        },
        "PaserkSet": {
            "type": "object",
            "description": "Public keys as PASERK.",
            "required": ["keys"],
            "properties": { "keys": { "type": "array", "items": {
                "type": "object",
                "required": ["kid", "paserk"],
                "properties": {
                    "kid": { "type": "string", "pattern": "^k4\\.pid\\.", "description": "Which key." },
                    "paserk": { "type": "string", "pattern": "^k4\\.public\\.", "description": "The key." },
                },
            } } },
        },
    })
}
