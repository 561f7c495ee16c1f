//! An API key as a row.

use std::time::Duration;

use portcullis_domain::access::{ApiKey, KeyUsage};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::limits::Quota;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::secret::SecretDigest;
use sea_orm::{FromQueryResult, QueryResult, Value};

use crate::column::{corrupt, count, digest, instant, maybe_instant, micros};
use crate::entity::api_key::Model;
use crate::error::{store_error, unavailable};
use crate::roles::role_names;

/// What is written of a key in any case, in the order of the statements.
pub(super) fn values(key: &ApiKey) -> Result<[Value; 14], StoreError> {
    let permissions = serde_json::to_string(&key.permissions).map_err(|error| unavailable(error.to_string()))?;
    let networks: Vec<String> = key.networks.iter().map(ToString::to_string).collect();
    let period = key.quota.map(|quota| i64::try_from(quota.period.as_micros()).unwrap_or(i64::MAX));
    let ends_at = [key.expires_at, key.revoked_at].into_iter().flatten().min();
    Ok([
        (*key.id.as_uuid()).into(),
        i64::from(key.version).into(),
        key.name.as_str().into(),
        key.secret.0.to_vec().into(),
        key.previous.map(|(digest, _)| digest.0.to_vec()).into(),
        micros(key.previous.map(|(_, until)| until)).into(),
        permissions.into(),
        networks.join(" ").into(),
        key.quota.map(|quota| i64::from(quota.burst)).into(),
        period.into(),
        key.updated_at.as_unix_micros().into(),
        micros(key.expires_at).into(),
        micros(key.revoked_at).into(),
        micros(ends_at).into(),
    ])
}

/// The key that a row holds, and how it was used.
pub(super) fn key(found: &QueryResult) -> Result<(ApiKey, KeyUsage), StoreError> {
    let row = Model::from_query_result(found, "").map_err(store_error)?;
    let roles: Option<String> = found.try_get("", "key_roles").map_err(store_error)?;
    let previous = match (row.previous_secret, row.previous_until) {
        (Some(secret), Some(until)) => Some((
            SecretDigest(digest("api_keys.previous_secret", secret)?),
            instant("api_keys.previous_until", until)?,
        )),
        _ => None,
    };
    let networks = row.networks.split_whitespace().map(|text| text.parse().map_err(|_| corrupt("api_keys.networks")));
    let usage = KeyUsage {
        uses: u64::try_from(row.uses).map_err(|_| corrupt("api_keys.uses"))?,
        last_used_at: maybe_instant("api_keys.last_used_at", row.last_used_at)?,
    };
    let key = ApiKey {
        id: ApiKeyId::from_uuid(row.id),
        owner: UserId::from_uuid(row.owner),
        name: row.name,
        secret: SecretDigest(digest("api_keys.secret", row.secret)?),
        previous,
        permissions: serde_json::from_str(&row.permissions).map_err(|_| corrupt("api_keys.permissions"))?,
        roles: role_names("api_key_roles.role", roles.as_deref())?,
        networks: networks.collect::<Result<_, _>>()?,
        quota: quota(row.quota_burst, row.quota_period)?,
        created_at: instant("api_keys.created_at", row.created_at)?,
        updated_at: instant("api_keys.updated_at", row.updated_at)?,
        expires_at: maybe_instant("api_keys.expires_at", row.expires_at)?,
        revoked_at: maybe_instant("api_keys.revoked_at", row.revoked_at)?,
        version: count("api_keys.version", row.version)?,
    };
    Ok((key, usage))
}

fn quota(burst: Option<i64>, period: Option<i64>) -> Result<Option<Quota>, StoreError> {
    let (Some(burst), Some(period)) = (burst, period) else { return Ok(None) };
    let period = u64::try_from(period).map_err(|_| corrupt("api_keys.quota_period"))?;
    Ok(Some(Quota { burst: count("api_keys.quota_burst", burst)?, period: Duration::from_micros(period) }))
}
