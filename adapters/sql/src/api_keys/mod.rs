//! API keys.

pub(crate) mod page;
mod row;
pub(crate) mod uses;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::access::{ApiKey, KeyInUse, KeyQuery, KeyUsage, RoleName};
use portcullis_domain::ids::{ApiKeyId, UserId};
use portcullis_domain::ports::access::ApiKeyRepository;
use portcullis_domain::ports::store::StoreError;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use uuid::Uuid;

use crate::accounts::status;
use crate::column::next;
use crate::error::{store_error, unavailable};
use crate::link::Link;
use crate::roles::role_names;
use crate::sessions::words;
use crate::unit::Unit;

const INSERT: &str = "INSERT INTO api_keys (id, version, name, secret, previous_secret, previous_until, permissions, \
    networks, quota_burst, quota_period, updated_at, expires_at, revoked_at, ends_at, owner, created_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
pub(crate) const UPDATE: &str = "UPDATE api_keys SET name = $3, secret = $4, previous_secret = $5, previous_until = $6, \
    permissions = $7, networks = $8, quota_burst = $9, quota_period = $10, updated_at = $11, expires_at = $12, \
    revoked_at = $13, ends_at = $14, version = $15 WHERE id = $1 AND version = $2";
/// Whoever deletes a role locks it first and its keys then: so does this, for the two not to wait for each other.
const HOLD_ROLES: &str = "SELECT name FROM roles WHERE name IN (SELECT json_array_elements_text($1::json)) \
    ORDER BY name FOR KEY SHARE";
const FORGET_ROLES: &str = "DELETE FROM api_key_roles WHERE key_id = $1";
const ROLES_ON_POSTGRES: &str = "INSERT INTO api_key_roles (key_id, role) \
    SELECT $1, role FROM json_array_elements_text($2::json) AS role ON CONFLICT DO NOTHING";
/// `WHERE true` tells SQLite where the query ends.
const ROLES_ON_SQLITE: &str = "INSERT INTO api_key_roles (key_id, role) \
    SELECT $1, value FROM json_each($2) WHERE true ON CONFLICT DO NOTHING";
/// One new key of an account after the other: the count that follows sees those that were committed before. No row is
/// held for it, so that whoever deletes a role and this do not wait for each other.
const HOLD_PLACES: &str = "SELECT pg_advisory_xact_lock(hashtextextended('portcullis.api_keys.' || \
    current_schema() || '.' || $1::uuid::text, 0))::text";
pub(crate) const LIVE: &str = "SELECT count(*) FROM api_keys WHERE owner = $1 AND revoked_at IS NULL \
    AND (expires_at IS NULL OR expires_at > $2)";
pub(crate) const PURGE: &str = "DELETE FROM api_keys WHERE id IN \
    (SELECT id FROM api_keys WHERE ends_at < $1 ORDER BY ends_at LIMIT $2 {pass})";
/// In the order in which their uses are counted.
pub(crate) const DELETE_OF: &str =
    "DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE owner = $1 ORDER BY id {lock})";

#[async_trait]
impl ApiKeyRepository for Unit {
    async fn insert(&mut self, key: &ApiKey, most: u32) -> Result<(), StoreError> {
        let link = self.writing().await?;
        if live_of(&link, key.owner, key.created_at).await? >= i64::from(most) {
            return Err(StoreError::Full);
        }
        let more = [(*key.owner.as_uuid()).into(), key.created_at.as_unix_micros().into()];
        let values = row::values(key)?.into_iter().chain(more);
        let insert = Statement::from_sql_and_values(link.get_database_backend(), INSERT, values);
        link.execute_raw(insert).await.map_err(store_error)?;
        if !key.roles.is_empty() {
            add_roles(&link, key).await?;
        }
        self.keep(link);
        Ok(())
    }

    async fn update(&mut self, key: &ApiKey) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let backend = link.get_database_backend();
        if backend == DbBackend::Postgres && !key.roles.is_empty() {
            link.query_all_raw(link.statement(HOLD_ROLES, [json(&key.roles)?])).await.map_err(store_error)?;
        }
        let values = row::values(key)?.into_iter().chain([next("api_keys.version", key.version)?.into()]);
        let update = Statement::from_sql_and_values(backend, UPDATE, values);
        if link.execute_raw(update).await.map_err(store_error)?.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        link.execute_raw(link.statement(FORGET_ROLES, [(*key.id.as_uuid()).into()])).await.map_err(store_error)?;
        if !key.roles.is_empty() {
            add_roles(&link, key).await?;
        }
        self.keep(link);
        Ok(())
    }

    async fn by_id(&mut self, id: ApiKeyId) -> Result<Option<(ApiKey, KeyUsage)>, StoreError> {
        let link = self.reading()?;
        let look = link.statement(page::BY_ID.as_str(), [(*id.as_uuid()).into()]);
        let found = link.query_one_raw(look).await.map_err(store_error)?;
        let found = found.map(|found| row::key(&found)).transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn in_use(&mut self, id: ApiKeyId) -> Result<Option<KeyInUse>, StoreError> {
        let link = self.reading()?;
        let look = link.statement(page::IN_USE.as_str(), [(*id.as_uuid()).into()]);
        let found = link.query_one_raw(look).await.map_err(store_error)?;
        let found = found.map(|found| {
            let owner_status: String = found.try_get("", "owner_status").map_err(store_error)?;
            let owner_roles: Option<String> = found.try_get("", "owner_roles").map_err(store_error)?;
            Ok::<_, StoreError>(KeyInUse {
                key: row::key(&found)?.0,
                owner_status: status("users.status", &owner_status)?,
                owner_roles: role_names("user_roles.role", owner_roles.as_deref())?,
            })
        });
        let found = found.transpose()?;
        self.keep(link);
        Ok(found)
    }

    async fn page(&mut self, query: &KeyQuery) -> Result<Vec<(ApiKey, KeyUsage)>, StoreError> {
        let link = self.reading()?;
        let page = page::statement(link.get_database_backend(), query);
        let rows = link.query_all_raw(page).await.map_err(store_error)?;
        let keys = rows.iter().map(row::key).collect::<Result<_, _>>()?;
        self.keep(link);
        Ok(keys)
    }

    async fn add_uses(&mut self, uses: &[(ApiKeyId, KeyUsage)]) -> Result<(), StoreError> {
        let link = self.writing().await?;
        uses::add(&link, uses).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let link = self.writing().await?;
        let values = [before.as_unix_micros().into(), i64::from(limit).into()];
        let purge = link.statement(&words(link.get_database_backend(), PURGE), values);
        let gone = link.execute_raw(purge).await.map_err(store_error)?;
        self.keep(link);
        Ok(gone.rows_affected())
    }
}

/// How many keys of an account are live at `now`; it holds until the unit ends, for SQLite has one writer.
async fn live_of(link: &Link, owner: UserId, now: Timestamp) -> Result<i64, StoreError> {
    let owner: Value = (*owner.as_uuid()).into();
    if link.get_database_backend() == DbBackend::Postgres {
        link.query_one_raw(link.statement(HOLD_PLACES, [owner.clone()])).await.map_err(store_error)?;
    }
    counted(link, link.statement(LIVE, [owner, now.as_unix_micros().into()])).await
}

/// What a statement counts.
pub(crate) async fn counted(link: &Link, look: Statement) -> Result<i64, StoreError> {
    let row = link.query_one_raw(look).await.map_err(store_error)?;
    let row = row.ok_or_else(|| unavailable("a count without a row"))?;
    row.try_get_by_index(0).map_err(store_error)
}

/// Removes the keys of an account.
pub(crate) async fn delete_of(link: &Link, owner: Uuid) -> Result<(), StoreError> {
    let delete = link.statement(&words(link.get_database_backend(), DELETE_OF), [owner.into()]);
    link.execute_raw(delete).await.map(drop).map_err(store_error)
}

async fn add_roles(link: &Link, key: &ApiKey) -> Result<(), StoreError> {
    let sql = match link.get_database_backend() {
        DbBackend::Postgres => ROLES_ON_POSTGRES,
        _ => ROLES_ON_SQLITE,
    };
    let add = link.statement(sql, [(*key.id.as_uuid()).into(), json(&key.roles)?]);
    link.execute_raw(add).await.map(drop).map_err(store_error)
}

fn json(roles: &[RoleName]) -> Result<Value, StoreError> {
    serde_json::to_string(roles).map(Value::from).map_err(|error| unavailable(error.to_string()))
}
