//! What the protocol endpoints can do, for clients that configure themselves (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! Nothing is in it that does not work, and nothing comes from the request: every URL begins with the configured issuer.

use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use serde_json::{Value, json};

use crate::documents::DOCS;
use crate::keys::{JWKS, condition, serve};
use crate::oauth::{GRANT_TYPES, INTROSPECT, NO_SECRET, REVOKE, SECRET_METHODS, TOKEN};
use crate::openapi::{answered, faults};
use crate::routes::Routes;
use crate::settings::HttpSettings;

/// The path of the metadata of an authorization server (RFC 8414 §3).
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";
/// The path of the same for clients that know OpenID Connect only.
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";

/// Adds the document at its paths.
pub(crate) fn add_routes(routes: &mut Routes, settings: &Arc<HttpSettings>) {
    // An issuer with a path has it behind the well-known one (RFC 8414 §3.1).
    let inserted = format!("{OAUTH}{}", path_of(&settings.issuer));
    let mut paths = vec![OAUTH, OPENID];
    if inserted != OAUTH {
        paths.push(&inserted);
    }
    for path in paths {
        let settings = settings.clone();
        let document = LazyLock::new(move || document(&settings).to_string());
        routes.add_for_everybody(path, make_sync(move |request| serve(&request, document.clone())));
    }
}

/// The document.
fn document(settings: &HttpSettings) -> Value {
    let at = |path: &str| format!("{}{path}", settings.issuer);
    let [basic, post] = SECRET_METHODS;
    let mut document = json!({
        "issuer": settings.issuer,
        "token_endpoint": at(TOKEN),
        "token_endpoint_auth_methods_supported": [basic, post, NO_SECRET],
        "introspection_endpoint": at(INTROSPECT),
        "introspection_endpoint_auth_methods_supported": SECRET_METHODS,
        "revocation_endpoint": at(REVOKE),
        "revocation_endpoint_auth_methods_supported": SECRET_METHODS,
        "jwks_uri": at(JWKS),
        "grant_types_supported": GRANT_TYPES,
        // Required, and there is no authorization endpoint.
        "response_types_supported": [],
        "service_documentation": at(DOCS),
    });
    // Those of sessions; what a client may have is between it and the operator. RFC 8414 §3.2: no empty lists.
    let scopes = settings.first_party_scope.values();
    if !scopes.is_empty() {
        document["scopes_supported"] = json!(scopes);
    }
    document
}

/// The path of a URL that has no slash at its end; empty when it has none.
fn path_of(issuer: &str) -> &str {
    let authority = issuer.find("://").map_or(0, |colon| colon + "://".len());
    let rest = issuer.get(authority..).unwrap_or_default();
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or_default()
}

/// The operations in the OpenAPI document.
pub(crate) fn paths() -> Value {
    let operation = |id: &str, summary: &str| {
        let mut responses = faults();
        responses["200"] = answered("What there is.", "ServerMetadata");
        responses["304"] = json!({ "description": "It is what `If-None-Match` says." });
        json!({ "get": {
            "tags": ["Metadata"], "operationId": id, "summary": summary,
            "description": "Good for five minutes. Everything in it works, and every URL begins with the issuer.",
            "parameters": [condition("The `ETag` of what is known already.")], "responses": responses,
        } })
    };
    json!({
        OAUTH: operation("serverMetadata", "What the protocol endpoints can do (RFC 8414)"),
        OPENID: operation("openidConfiguration", "The same, where clients of OpenID Connect look for it"),
    })
}

/// The schemas of these operations.
pub(crate) fn schemas() -> Value {
    let url = |description: &str| json!({ "type": "string", "format": "uri", "description": description });
    let list =
        |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    json!({
        "ServerMetadata": {
            "type": "object",
            "description": "The metadata of the authorization server (RFC 8414 §2).",
            "required": [
                "issuer", "token_endpoint", "token_endpoint_auth_methods_supported", "introspection_endpoint",
                "introspection_endpoint_auth_methods_supported", "revocation_endpoint",
                "revocation_endpoint_auth_methods_supported", "jwks_uri", "grant_types_supported",
                "response_types_supported", "service_documentation",
            ],
            "properties": {
                "issuer": url("Who issues the tokens (`iss`)."),
                "token_endpoint": url("Where tokens are had."),
                "token_endpoint_auth_methods_supported": list("How a client authenticates there; `none` is for the first-party client."),
                "introspection_endpoint": url("Where it is told what a token is good for."),
                "introspection_endpoint_auth_methods_supported": list("How a client authenticates there."),
                "revocation_endpoint": url("Where a token is revoked."),
                "revocation_endpoint_auth_methods_supported": list("How a client authenticates there."),
                "jwks_uri": url("The public keys."),
                "grant_types_supported": list("By what tokens are had."),
                "response_types_supported": list("Empty: there is no authorization endpoint."),
                "scopes_supported": list("What the tokens of sessions allow."),
                "service_documentation": url("For developers."),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_issuer_is_what_follows_its_authority() {
        for (issuer, path) in [
            ("https://auth.example.com", ""),
            ("http://localhost:8080", ""),
            ("https://example.com/auth", "/auth"),
            ("https://example.com:8443/a/b", "/a/b"),
        ] {
            assert_eq!(path_of(issuer), path, "{issuer}");
        }
    }
}
