//! Signing keys.

use async_trait::async_trait;
use portcullis_domain::ports::store::{StoreError, Unique};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::tokens::SigningKey;

use crate::state::Changes;
use crate::store::Unit;

#[async_trait]
impl KeyRepository for Unit {
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        self.change(|view| {
            let twin = |known: &&SigningKey| known.algorithm == key.algorithm && known.ordinal == key.ordinal;
            if view.keys().any(|known| known.kid == key.kid) {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            if view.keys().find(twin).is_some() {
                return Err(StoreError::Duplicate(Unique::KeyOrdinal));
            }
            let mut changes = Changes::default();
            changes.keys.insert(key.kid.clone(), Some(key.clone()));
            Ok(((), changes))
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
}
