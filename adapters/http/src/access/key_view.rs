//! API keys as they are shown.

use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyUsage, NewApiKey, Permissions, RoleName};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::limits::Quota;
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{Documented, id, instant, pointer};

use super::key_form::{name, network_list, permission_list, rate_limit, role_list};

/// What a key is; the same, whether it is new or has been used.
#[derive(Serialize)]
struct Kept {
    id: ApiKeyId,
    user_id: UserId,
    name: String,
    prefix: String,
    permissions: Permissions,
    roles: Vec<RoleName>,
    networks: Vec<String>,
    rate_limit: Option<RateLimit>,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    previous_secret_until: Option<Timestamp>,
    version: u32,
}

/// How often a key may be used.
#[derive(Serialize)]
struct RateLimit {
    requests: u32,
    per_seconds: u64,
}

impl From<Quota> for RateLimit {
    fn from(quota: Quota) -> Self {
        Self { requests: quota.burst, per_seconds: quota.period.as_secs() }
    }
}

impl From<ApiKey> for Kept {
    fn from(key: ApiKey) -> Self {
        Self {
            prefix: format!("pk_{}", key.id.as_uuid().simple()),
            id: key.id,
            user_id: key.owner,
            name: key.name,
            permissions: key.permissions,
            roles: key.roles,
            networks: key.networks.iter().map(ToString::to_string).collect(),
            rate_limit: key.quota.map(RateLimit::from),
            created_at: key.created_at,
            updated_at: key.updated_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            previous_secret_until: key.previous.map(|(_, until)| until),
            version: key.version,
        }
    }
}

/// A key, and how it was used.
#[derive(Serialize)]
pub(crate) struct KeyView {
    #[serde(flatten)]
    key: Kept,
    uses: u64,
    last_used_at: Option<Timestamp>,
}

impl From<(ApiKey, KeyUsage)> for KeyView {
    fn from((key, usage): (ApiKey, KeyUsage)) -> Self {
        Self { key: key.into(), uses: usage.uses, last_used_at: usage.last_used_at }
    }
}

/// A key with its secret, which is told once.
#[derive(Serialize)]
pub(crate) struct NewKeyView {
    #[serde(rename = "key")]
    secret: String,
    #[serde(flatten)]
    key: Kept,
}

impl From<NewApiKey> for NewKeyView {
    fn from(new: NewApiKey) -> Self {
        Self { secret: new.secret.expose().to_owned(), key: new.key.into() }
    }
}

/// A page of keys.
#[derive(Serialize)]
pub(crate) struct KeyPage {
    pub(crate) items: Vec<KeyView>,
    pub(crate) next_cursor: Option<String>,
}

/// The schema of a key with the members of `more`.
fn schema(description: &str, more: Value) -> Value {
    let maybe = |description: &str| {
        let mut instant = instant(description);
        instant["nullable"] = true.into();
        instant
    };
    let mut limit = rate_limit();
    limit["nullable"] = true.into();
    let mut properties = json!({
        "id": id("Which key."),
        "user_id": id("The account that it acts for."),
        "name": name("What it is called."),
        "prefix": {
            "type": "string", "minLength": 35, "maxLength": 35, "pattern": "^pk_[0-9a-f]{32}$",
            "description": "How the key begins: by this one that turns up somewhere is recognised.",
            "example": "pk_01981f3e7a607c1e9d0b52f1c1a6a001",
        },
        "permissions": permission_list("What it may do: at any moment only as much of it as its owner may do then."),
        "roles": role_list("The roles whose permissions it has besides."),
        "networks": network_list("The networks that it may be used from; from everywhere when there is none."),
        "rate_limit": limit,
        "created_at": instant("When it was created."),
        "updated_at": instant("When it last changed."),
        "expires_at": maybe("When it ends by itself; null for never."),
        "revoked_at": maybe("Since when it is revoked; null when it is not."),
        "previous_secret_until": maybe("Until when the secret before the last rotation still works; null when there is none."),
        "version": {
            "type": "integer", "format": "int64", "minimum": 1, "example": 1,
            "description": "Counts the changes of the key; `ETag` is this number in quotes, and `If-Match` asks for it.",
        },
    });
    if let (Some(properties), Value::Object(more)) = (properties.as_object_mut(), more) {
        properties.extend(more);
    }
    let required: Vec<String> = properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({ "type": "object", "description": description, "required": required, "properties": properties })
}

impl Documented for KeyView {
    const NAME: &'static str = "ApiKey";

    fn schema() -> Value {
        let mut last = instant("When it was last used; written with some delay.");
        last["nullable"] = true.into();
        let uses = json!({
            "type": "integer", "format": "int64", "minimum": 0, "example": 42,
            "description": "How often it was used; written with some delay.",
        });
        schema(
            "An API key. Its secret is told when it is made, and never again.",
            json!({ "uses": uses, "last_used_at": last }),
        )
    }
}

impl Documented for NewKeyView {
    const NAME: &'static str = "NewApiKey";

    fn schema() -> Value {
        let key = json!({
            "type": "string", "minLength": 108, "maxLength": 108, "pattern": "^pk_[0-9a-f]{32}_[0-9a-f]{72}$",
            "description": "The key itself, for the header `X-API-Key`: it is told here and never again.",
        });
        schema("An API key with its secret.", json!({ "key": key }))
    }
}

impl Documented for KeyPage {
    const NAME: &'static str = "ApiKeyPage";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A page of API keys, the newest first.",
            "required": ["items", "next_cursor"],
            "properties": {
                "items": { "type": "array", "maxItems": 200, "items": pointer(KeyView::NAME) },
                "next_cursor": { "type": "string", "nullable": true, "description": "Where the next page begins; null on the last page." },
            },
        })
    }
}
