//! Signing keys.

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::tokens::SigningKey;

use crate::state::Changes;
use crate::store::Unit;

fn written(key: SigningKey) -> Changes {
    let mut changes = Changes::default();
    changes.keys.insert(key.kid.clone(), Some(key));
    changes
}

#[async_trait]
impl KeyRepository for Unit {
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        self.change(|view| {
            let twin = |known: &&SigningKey| known.algorithm == key.algorithm && known.ordinal == key.ordinal;
            if view.key(&key.kid).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            if view.keys().find(twin).is_some() {
                return Err(StoreError::Duplicate(Unique::KeyOrdinal));
            }
            Ok(((), written(key.clone())))
        })
        .await
    }

    async fn all(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        self.look(|view| {
            let mut keys: Vec<_> = view.keys().cloned().collect();
            keys.sort_by_key(|key| (key.algorithm.as_str(), key.ordinal));
            keys
        })
    }

    async fn activate(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|view| {
            let waits = |key: &&SigningKey| key.retires_at.is_none() && at < key.activates_at;
            let Some(key) = view.key(kid).filter(waits) else { return Ok((false, Changes::default())) };
            Ok((true, written(SigningKey { activates_at: at, ..key.clone() })))
        })
        .await
    }

    async fn revoke(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.change(|view| {
            let open = view.key(kid).filter(|key| key.retires_at.is_none());
            let Some(key) = open else { return Ok((false, Changes::default())) };
            Ok((true, written(SigningKey { retires_at: Some(at), ..key.clone() })))
        })
        .await
    }

    async fn delete(&mut self, kid: &str) -> Result<bool, StoreError> {
        self.change(|view| {
            let mut changes = Changes::default();
            if view.key(kid).is_some() {
                changes.keys.insert(kid.to_owned(), None);
            }
            Ok((!changes.keys.is_empty(), changes))
        })
        .await
    }
}
