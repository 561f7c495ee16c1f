//! The signing keys.

use async_trait::async_trait;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::tokens::{Algorithm, SigningKey};
use sea_orm::{ActiveValue, EntityTrait};

use crate::column::{corrupt, count, instant, maybe_instant, micros};
use crate::entity::signing_key::{ActiveModel, Entity, Model};
use crate::error::store_error;
use crate::unit::Unit;

#[async_trait]
impl KeyRepository for Unit {
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        let link = self.writing().await?;
        let row = ActiveModel {
            kid: ActiveValue::Set(key.kid.clone()),
            algorithm: ActiveValue::Set(key.algorithm.as_str().to_owned()),
            ordinal: ActiveValue::Set(i64::from(key.ordinal)),
            public: ActiveValue::Set(key.public.clone()),
            sealed_private: ActiveValue::Set(key.sealed_private.clone()),
            created_at: ActiveValue::Set(key.created_at.as_unix_micros()),
            activates_at: ActiveValue::Set(key.activates_at.as_unix_micros()),
            retires_at: ActiveValue::Set(micros(key.retires_at)),
        };
        Entity::insert(row).exec_without_returning(&link).await.map_err(store_error)?;
        self.keep(link);
        Ok(())
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
