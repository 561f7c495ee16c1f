//! What API keys are made and changed with.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{Access, ApiKey, Permission, Permissions, RoleName};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::limits::Quota;
use serde_json::{Value, json};

use crate::body::{Fields, Form, JSON, MERGE_PATCH};
use crate::client_address::canonical;
use crate::problem::Reason;
use crate::schema::{Documented, id, instant};

/// The most requests of a limit.
const MOST_REQUESTS: u64 = 1_000_000;
/// The longest time of a limit, in seconds: a day.
const LONGEST_PERIOD: u64 = 86_400;

/// What a body says of a key; `None` where it says nothing.
pub(super) struct KeyFields {
    pub(super) name: Option<String>,
    pub(super) permissions: Option<Permissions>,
    pub(super) roles: Option<Vec<RoleName>>,
    pub(super) networks: Option<Vec<IpNet>>,
    pub(super) quota: Option<Option<Quota>>,
    pub(super) expires_at: Option<Option<Timestamp>>,
}

impl KeyFields {
    /// Reads the members that keys are made and changed with. All but the name may be absent; a new key needs one.
    pub(super) fn read(fields: &mut Fields, now: Timestamp, is_new: bool) -> Self {
        if is_new && !fields.has("name") {
            fields.miss("name");
        }
        let permission = |text: String| Permission::parse(&text).map_err(malformed);
        let role = |text: String| RoleName::parse(&text).map_err(malformed);
        let instant = |text: String| read_end(&text, now);
        let permissions = fields.list("permissions", 0..=ApiKey::PERMISSIONS_MAX, permission);
        Self {
            name: fields.optional("name", read_name),
            permissions: permissions.map(|permissions| permissions.into_iter().collect()),
            roles: fields.list("roles", 0..=ApiKey::ROLES_MAX, role),
            networks: fields.list("networks", 0..=ApiKey::NETWORKS_MAX, |text| read_network(&text)),
            quota: fields.object_nullable("rate_limit", read_limit),
            expires_at: fields.nullable("expires_at", instant),
        }
    }
}

fn malformed(error: impl std::error::Error) -> Reason {
    Reason::new("malformed", error.to_string())
}

fn read_name(text: String) -> Result<String, Reason> {
    if text.chars().count() > ApiKey::NAME_MAX {
        return Err(Reason::new("too-long", "a name has at most 100 characters"));
    }
    if text.trim().is_empty() {
        return Err(Reason::new("too-short", "a name is not empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Reason::new("malformed", "a name has no control characters"));
    }
    Ok(text)
}

/// A network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3), or one address. Mapped IPv4 addresses are IPv4 addresses.
fn read_network(text: &str) -> Result<IpNet, Reason> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network
        .map(canonical)
        .ok_or_else(|| Reason::new("malformed", "this is not an IP address or a network like 192.0.2.0/24"))
}

fn read_end(text: &str, now: Timestamp) -> Result<Timestamp, Reason> {
    let end = Timestamp::parse_rfc3339(text)
        .ok_or_else(|| Reason::new("malformed", "this is not an instant like 2026-01-31T12:00:00Z (RFC 3339)"))?;
    if end <= now { Err(Reason::new("out-of-range", "the end of a key is in the future")) } else { Ok(end) }
}

fn read_limit(fields: &mut Fields) -> Option<Quota> {
    for name in ["requests", "per_seconds"] {
        if !fields.has(name) {
            fields.miss(name);
        }
    }
    let requests = fields.whole("requests", 1..=MOST_REQUESTS);
    let seconds = fields.whole("per_seconds", 1..=LONGEST_PERIOD);
    Some(Quota { burst: u32::try_from(requests?).ok()?, period: Duration::from_secs(seconds?) })
}

/// A key of whoever asks.
pub(crate) struct CreateOwnKeyForm;

impl Documented for CreateOwnKeyForm {
    const NAME: &'static str = "CreateOwnApiKeyRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A new API key. It can do nothing that its owner cannot, and nothing at all without permissions or roles.",
            "additionalProperties": false,
            "required": ["name"],
            "properties": properties(),
        })
    }
}

impl Form for CreateOwnKeyForm {}

/// A key of anybody.
pub(crate) struct CreateKeyForm;

impl CreateKeyForm {
    /// The account that the key is for, if the body says.
    pub(super) fn read_owner(fields: &mut Fields) -> Option<UserId> {
        fields.optional("user_id", |text| text.parse().map_err(malformed))
    }
}

impl Documented for CreateKeyForm {
    const NAME: &'static str = "CreateApiKeyRequest";

    fn schema() -> Value {
        let mut schema = CreateOwnKeyForm::schema();
        let about = "The account that it acts for; without it the caller's own. Whoever makes a key for somebody else has all that this account may do.";
        schema["properties"]["user_id"] = id(about);
        schema
    }
}

impl Form for CreateKeyForm {}

/// A change of a key.
pub(crate) struct UpdateKeyForm;

impl Documented for UpdateKeyForm {
    const NAME: &'static str = "UpdateApiKeyRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "What to change; what is absent stays.",
            "additionalProperties": false,
            "properties": properties(),
        })
    }
}

impl Form for UpdateKeyForm {
    const MEDIA_TYPES: &'static [&'static str] = &[MERGE_PATCH, JSON];
}

/// A new secret.
pub(crate) struct RotateForm;

impl RotateForm {
    /// For how long the present secret still works.
    pub(super) fn read(fields: &mut Fields) -> Duration {
        let seconds = fields.whole("overlap_seconds", 0..=Access::LONGEST_OVERLAP.as_secs());
        seconds.map_or(Duration::ZERO, Duration::from_secs)
    }
}

impl Documented for RotateForm {
    const NAME: &'static str = "RotateApiKeyRequest";

    fn schema() -> Value {
        json!({
            "type": "object",
            "description": "A new secret.",
            "additionalProperties": false,
            "properties": {
                "overlap_seconds": {
                    "type": "integer", "format": "int64", "minimum": 0, "maximum": Access::LONGEST_OVERLAP.as_secs(),
                    "default": 0, "example": 3600,
                    "description": "For how many seconds the present secret still works, so that the new one can be brought to where it is used. With 0 it ends at once.",
                },
            },
        })
    }
}

impl Form for RotateForm {}

fn properties() -> Value {
    let mut limit = rate_limit();
    limit["nullable"] = true.into();
    let mut end = instant("When it ends by itself, in the future; null or absent for never.");
    end["nullable"] = true.into();
    // The example of an instant has passed.
    end["example"] = Value::Null;
    json!({
        "name": name("What it is called."),
        "permissions": permission_list("What it may do; none that its owner, or whoever asks, has not."),
        "roles": role_list("The roles whose permissions it has besides."),
        "networks": network_list("The networks, or single addresses, that it may be used from; from everywhere when there is none."),
        "rate_limit": limit,
        "expires_at": end,
    })
}

pub(super) fn name(description: &str) -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": ApiKey::NAME_MAX,
        "pattern": "^[^\\u0000-\\u001F\\u007F-\\u009F]*[^\\s\\u0000-\\u001F\\u007F-\\u009F][^\\u0000-\\u001F\\u007F-\\u009F]*$",
        "description": description, "example": "nightly backup",
    })
}

pub(super) fn permission_list(description: &str) -> Value {
    let permission = json!({
        "type": "string", "maxLength": Permission::MAX,
        "pattern": "^(\\*|[a-z][a-z0-9_-]{0,31}):(\\*|[a-z][a-z0-9_-]{0,31})$",
    });
    json!({
        "type": "array", "maxItems": ApiKey::PERMISSIONS_MAX, "items": permission,
        "description": description, "example": ["users:read"],
    })
}

pub(super) fn role_list(description: &str) -> Value {
    let role = json!({
        "type": "string", "minLength": 1, "maxLength": RoleName::MAX, "pattern": "^[a-z][a-z0-9._-]*$",
    });
    json!({ "type": "array", "maxItems": ApiKey::ROLES_MAX, "items": role, "description": description, "example": [] })
}

pub(super) fn network_list(description: &str) -> Value {
    json!({
        "type": "array", "maxItems": ApiKey::NETWORKS_MAX, "items": { "type": "string", "minLength": 2, "maxLength": 43 },
        "description": description, "example": ["192.0.2.0/24"],
    })
}

pub(super) fn rate_limit() -> Value {
    json!({
        "type": "object",
        "description": "How often it may be used: so many requests at once, and in so many seconds as many again. Null for as often as anybody.",
        "additionalProperties": false,
        "required": ["requests", "per_seconds"],
        "properties": {
            "requests": { "type": "integer", "format": "int64", "minimum": 1, "maximum": MOST_REQUESTS },
            "per_seconds": { "type": "integer", "format": "int64", "minimum": 1, "maximum": LONGEST_PERIOD },
        },
        "example": { "requests": 1000, "per_seconds": 60 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_or_a_single_address() {
        for (text, expected) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ] {
            assert_eq!(read_network(text).map(|network| network.to_string()).as_deref(), Ok(expected));
        }
        for wrong in
            ["", "localhost", "192.0.2.0/33", "192.0.2", "192.0.2.0/", "::/129", "192.0.2.0 - 192.0.2.9", " ::1"]
        {
            assert!(read_network(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_says_something_on_one_line() {
        assert!(read_name("backup".to_owned()).is_ok());
        assert!(read_name("ü".repeat(100)).is_ok());
        for wrong in [String::new(), "  ".to_owned(), "a\nb".to_owned(), "\u{7f}".to_owned(), "x".repeat(101)] {
            assert!(read_name(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
