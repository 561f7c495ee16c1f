//! Passwords that are not held.

use async_trait::async_trait;
use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::CredentialRepository;
use portcullis_domain::ports::store::StoreError;

use crate::stores::{BrokenTx, Fault};

#[async_trait]
impl CredentialRepository for BrokenTx {
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        self.tx().credentials().insert(user, hash).await
    }

    async fn of(&mut self, user: UserId) -> Result<Option<PasswordHash>, StoreError> {
        self.tx().credentials().of(user).await
    }

    async fn confirm(&mut self, user: UserId, hash: &PasswordHash) -> Result<bool, StoreError> {
        if self.fault == Fault::ConfirmsWithoutHolding {
            return Ok(self.of(user).await?.as_ref() == Some(hash));
        }
        self.tx().credentials().confirm(user, hash).await
    }

    async fn replace(&mut self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        self.tx().credentials().replace(user, old, new).await
    }
}
