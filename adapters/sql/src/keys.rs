//! The signing keys.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::tokens::{Algorithm, SigningKey};
use sea_orm::{ConnectionTrait, EntityTrait, Value};

use crate::column::{corrupt, count, instant, maybe_instant, micros};
use crate::entity::signing_key::{Entity, Model};
use crate::error::store_error;
use crate::signal::telling;
use crate::unit::Unit;

const INSERT: &str = "INSERT INTO signing_keys (kid, algorithm, ordinal, public, sealed_private, created_at, \
    activates_at, retires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
pub(crate) const ACTIVATE: &str =
    "UPDATE signing_keys SET activates_at = $2 WHERE kid = $1 AND retires_at IS NULL AND activates_at > $2";
pub(crate) const REVOKE: &str = "UPDATE signing_keys SET retires_at = $2 WHERE kid = $1 AND retires_at IS NULL";
pub(crate) const DELETE: &str = "DELETE FROM signing_keys WHERE kid = $1";

#[async_trait]
impl KeyRepository for Unit {
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        let values = [
            key.kid.as_str().into(),
            key.algorithm.as_str().into(),
            i64::from(key.ordinal).into(),
            key.public.clone().into(),
            key.sealed_private.clone().into(),
            key.created_at.as_unix_micros().into(),
            key.activates_at.as_unix_micros().into(),
            micros(key.retires_at).into(),
        ];
        self.change_key(INSERT, values).await.map(drop)
    }

    async fn all(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        let link = self.reading()?;
        let rows = Entity::find().all(&link).await.map_err(store_error)?;
        let mut keys = rows.into_iter().map(signing_key).collect::<Result<Vec<_>, _>>()?;
        // Here, for the databases sort text each in its own way.
        keys.sort_by_key(|key| (key.algorithm.as_str(), key.ordinal));
        self.keep(link);
        Ok(keys)
    }

    async fn activate(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.change_key(ACTIVATE, [kid.into(), at.as_unix_micros().into()]).await
    }

    async fn revoke(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.change_key(REVOKE, [kid.into(), at.as_unix_micros().into()]).await
    }

    async fn delete(&mut self, kid: &str) -> Result<bool, StoreError> {
        self.change_key(DELETE, [kid.into()]).await
    }
}

impl Unit {
    /// Whether the change met a key.
    async fn change_key<const N: usize>(&mut self, change: &str, values: [Value; N]) -> Result<bool, StoreError> {
        let link = self.writing().await?;
        let met = link.query_one_raw(telling(&link, change, values)).await.map_err(store_error)?;
        self.keep(link);
        Ok(met.is_some())
    }
}

fn signing_key(row: Model) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        algorithm: Algorithm::parse(&row.algorithm).ok_or_else(|| corrupt("signing_keys.algorithm"))?,
        ordinal: count("signing_keys.ordinal", row.ordinal)?,
        created_at: instant("signing_keys.created_at", row.created_at)?,
        activates_at: instant("signing_keys.activates_at", row.activates_at)?,
        retires_at: maybe_instant("signing_keys.retires_at", row.retires_at)?,
        kid: row.kid,
        public: row.public,
        sealed_private: row.sealed_private,
    })
}
