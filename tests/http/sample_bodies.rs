//! A good request for each operation of the OpenAPI document: one without a row here fails the test that asks.

use serde_json::{Value, json};

use crate::harness::Ask;

/// An id that nothing has.
const NOBODY: &str = "019bc0fc-1000-7a11-8000-00000000dead";

/// A path with something in the place of its parameters.
pub(crate) fn path_of(pattern: &str, user: &str, session: &str) -> String {
    let id = if pattern.starts_with("/api/v1/users/") { user } else { NOBODY };
    let id = if pattern.starts_with("/api/v1/clients/") { "orders" } else { id };
    let id = if pattern.starts_with("/api/v1/me/sessions/") { NOBODY } else { id };
    pattern
        .replace("{id}", id)
        .replace("{session}", session)
        .replace("{role}", "support")
        .replace("{name}", "support")
        .replace("{type}", "portcullis.user.registered.v1.json")
}

/// A request with a body that is complete.
pub(crate) fn body_of(operation: &str, password: &str, ask: Ask) -> Ask {
    let body = match operation {
        "token" => return ask.form("grant_type=client_credentials"),
        "introspect" | "revoke" => return ask.form("token=x"),
        other => json_of(other, password),
    };
    ask.json(body)
}

/// A body that is complete.
pub(crate) fn json_of(operation: &str, password: &str) -> Value {
    match operation {
        "register" => json!({ "email": "new@example.com", "password": password }),
        "login" => json!({ "login": "victim", "password": password }),
        "refresh" | "logout" => json!({}),
        "updateMe" => json!({ "username": "renamed" }),
        "deleteMe" => json!({ "current_password": password }),
        "changePassword" => json!({ "current_password": password, "new_password": "nine green bottles hanging" }),
        "createUser" => json!({ "email": "opened@example.com" }),
        "updateUser" => json!({ "email_verified": true }),
        "disableUser" | "impersonateUser" => json!({ "reason": "ticket 4711" }),
        "actOnUsers" => json!({ "action": "enable", "ids": [NOBODY] }),
        "createRole" => json!({ "name": "desk", "permissions": ["users:read"] }),
        "updateRole" => json!({ "description": "Helps" }),
        "createClient" => json!({ "client_id": "billing", "scope": "" }),
        "rotateClientSecret" => json!({ "overlap_seconds": 60 }),
        "setUp" => json!({ "token": "psu_x", "email": "first@example.com", "password": password }),
        "setPassword" => json!({ "token": "psl_x", "password": password }),
        "createApiKey" | "createOwnApiKey" => json!({ "name": "a robot" }),
        "updateApiKey" | "updateOwnApiKey" => json!({ "name": "another robot" }),
        "rotateApiKey" | "rotateOwnApiKey" => json!({ "overlap_seconds": 60 }),
        other => panic!("{other} has no sample body here: write one"),
    }
}
