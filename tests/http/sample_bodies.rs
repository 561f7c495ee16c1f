//! A good request for each operation of the OpenAPI document: one without a row here fails the test that asks.

use serde_json::{Value, json};

use crate::harness::{Ask, PASSWORD};
use crate::staff::Member;

/// An id that nothing has.
pub(crate) const NOBODY: &str = "019bc0fc-1000-7a11-8000-00000000dead";

/// What the parameters of a path stand for.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    /// An account, one of its sessions and one of its API keys.
    pub(crate) user: String,
    pub(crate) session: String,
    pub(crate) key: String,
    /// A refresh token of that account.
    pub(crate) refresh: String,
    /// A session and an API key of an administrator.
    pub(crate) own_session: String,
    pub(crate) own_key: String,
}

impl Targets {
    /// Somebody without any API key.
    pub(crate) fn of(member: &Member) -> Self {
        Self {
            user: member.id.clone(),
            session: member.tokens.session.clone(),
            key: NOBODY.to_owned(),
            refresh: member.tokens.refresh.clone(),
            own_session: NOBODY.to_owned(),
            own_key: NOBODY.to_owned(),
        }
    }

    /// What stands for `{id}` in paths that begin like this.
    fn id(&self, pattern: &str) -> &str {
        let known = [
            ("/api/v1/users/", self.user.as_str()),
            ("/api/v1/me/sessions/", &self.own_session),
            ("/api/v1/me/api-keys/", &self.own_key),
            ("/api/v1/api-keys/", &self.key),
            ("/api/v1/clients/", "orders"),
        ];
        let known = known.into_iter().find(|(prefix, _)| pattern.starts_with(prefix));
        known.unwrap_or_else(|| panic!("nothing is known of the id in {pattern}: say here what it stands for")).1
    }
}

/// A path with something in the place of its parameters.
pub(crate) fn path_of(pattern: &str, targets: &Targets) -> String {
    let path = if pattern.contains("{id}") { pattern.replace("{id}", targets.id(pattern)) } else { pattern.to_owned() };
    let path = path
        .replace("{session}", &targets.session)
        .replace("{role}", "support")
        .replace("{name}", "vacant")
        .replace("{type}", "portcullis.user.registered.v1");
    assert!(!path.contains('{'), "{path} has a parameter that is not known here: say what it stands for");
    path
}

/// A request with a body that is complete.
pub(crate) fn body_of(operation: &str, targets: &Targets, ask: Ask) -> Ask {
    match operation {
        "token" => ask.form("grant_type=client_credentials"),
        "introspect" | "revoke" => ask.form("token=x"),
        "refresh" => ask.json(json!({ "refresh_token": targets.refresh })),
        "createApiKey" => ask.json(json!({ "name": "a robot", "user_id": targets.user })),
        "actOnUsers" => ask.json(json!({ "action": "enable", "ids": [targets.user] })),
        other => ask.json(json_of(other, PASSWORD)),
    }
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
        "createRole" => json!({ "name": "desk", "permissions": [] }),
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
