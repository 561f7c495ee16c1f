//! API keys as they are named and shown.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyUsage, NewApiKey};
use portcullis_domain::ids::ApiKeyId;
use serde_json::{Value, json};

use super::Outcome;
use super::operate::{listed, sheet, shown, tell, tell_once};
use crate::exchange::printable;

/// Reads which key is meant: its id, or what it begins with. A whole key names itself as well: somebody who has found one
/// gives it to `revoke`, and no error repeats what may be a secret.
#[derive(Clone)]
pub(super) struct KeyName;

impl TypedValueParser for KeyName {
    type Value = ApiKeyId;

    fn parse_ref(&self, command: &Command, _: Option<&Arg>, value: &OsStr) -> Result<ApiKeyId, clap::Error> {
        let text = value.to_str().unwrap_or_default();
        let id = text.strip_prefix("pk_").map_or_else(|| text.parse().ok(), begun);
        let why = "this is not the id of an API key: see `portcullis api-keys list`";
        id.ok_or_else(|| command.clone().error(ErrorKind::ValueValidation, why))
    }
}

/// The id in the first 32 digits after `pk_`.
fn begun(rest: &str) -> Option<ApiKeyId> {
    let digits = rest.get(..32).filter(|digits| digits.is_ascii())?;
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    groups.join("-").parse().ok()
}

/// The key itself, once.
pub(super) fn tell_key(NewApiKey { key, secret }: &NewApiKey, json: bool, hint: &str) -> Outcome {
    let mut told = described(key, KeyUsage::default());
    told["key"] = secret.expose().into();
    let text = format!("id   {}\nkey  {}\n", key.id, secret.expose());
    let remedy = format!("run `portcullis api-keys rotate {}` for another secret", key.id);
    tell_once(json, &told, &text, hint, &remedy)
}

/// A key, as it is and as it was used.
pub(super) fn told(key: &ApiKey, usage: KeyUsage, json: bool) -> Outcome {
    let rate = key.quota.map(|quota| format!("{}/{}s", quota.burst, quota.period.as_secs_f64()));
    let text = sheet(&[
        ("id", key.id.to_string()),
        ("name", printable(&key.name, ApiKey::NAME_MAX)),
        ("owner", key.owner.to_string()),
        ("state", state(key, now())),
        ("permissions", listed(key.permissions.iter())),
        ("roles", listed(&key.roles)),
        ("networks", listed(&key.networks)),
        ("rate", rate.unwrap_or_else(|| "-".to_owned())),
        ("created", key.created_at.to_string()),
        ("expires", shown(key.expires_at)),
        ("uses", usage.uses.to_string()),
        ("last used", shown(usage.last_used_at)),
    ]);
    tell(json, &described(key, usage), &text)
}

/// For programs, without its secrets.
pub(super) fn described(key: &ApiKey, usage: KeyUsage) -> Value {
    json!({
        "id": key.id,
        "user_id": key.owner,
        "name": key.name,
        "prefix": format!("pk_{}", key.id.as_uuid().simple()),
        "permissions": key.permissions.iter().collect::<Vec<_>>(),
        "roles": key.roles,
        "networks": key.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "rate_limit": key.quota.map(|quota| json!({ "requests": quota.burst, "per_seconds": quota.period.as_secs() })),
        "uses": usage.uses,
        "last_used_at": usage.last_used_at,
        "created_at": key.created_at,
        "updated_at": key.updated_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "previous_secret_until": key.previous.as_ref().map(|(_, until)| until),
        "version": key.version,
    })
}

/// Whether it may be used.
pub(super) fn state(key: &ApiKey, now: Timestamp) -> String {
    match (key.revoked_at, key.is_live(now)) {
        (Some(_), _) => "revoked".to_owned(),
        (None, true) => "live".to_owned(),
        (None, false) => "expired".to_owned(),
    }
}

/// This instant.
pub(super) fn now() -> Timestamp {
    portcullis::clock().now()
}
