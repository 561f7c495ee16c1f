//! Passwords, and whether they may be used.

use async_trait::async_trait;
use portcullis_domain::accounts::{CredentialState, PasswordHash};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::CredentialRepository;
use portcullis_domain::ports::store::{StoreError, Unique};

use crate::state::{Changes, Credential};
use crate::store::Unit;

fn written(user: UserId, hash: &PasswordHash, state: CredentialState) -> Changes {
    let mut changes = Changes::default();
    changes.passwords.insert(user, Some(Credential { hash: hash.clone(), state }));
    changes
}

#[async_trait]
impl CredentialRepository for Unit {
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        self.change(|view| {
            if view.credential(user).is_some() {
                return Err(StoreError::Duplicate(Unique::Id));
            }
            if view.user(user).is_none() {
                return Err(StoreError::Conflict);
            }
            Ok(((), written(user, hash, CredentialState::Usable)))
        })
        .await
    }

    async fn put(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        self.change(|view| {
            if view.user(user).is_none() {
                return Err(StoreError::Conflict);
            }
            Ok(((), written(user, hash, CredentialState::Usable)))
        })
        .await
    }

    async fn set_state(&mut self, user: UserId, state: CredentialState) -> Result<(), StoreError> {
        self.change(|view| {
            let changes = view.credential(user).map(|held| written(user, &held.hash, state));
            Ok(((), changes.unwrap_or_default()))
        })
        .await
    }

    async fn of(&mut self, user: UserId) -> Result<Option<PasswordHash>, StoreError> {
        self.look(|view| view.password(user).cloned())
    }

    async fn confirm(&mut self, user: UserId, hash: &PasswordHash) -> Result<bool, StoreError> {
        // It writes nothing but takes the turn: what is confirmed stays so until the unit ends.
        self.change(|view| Ok((view.password(user) == Some(hash), Changes::default()))).await
    }

    async fn replace(&mut self, user: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        self.change(|view| {
            let right = |held: &&Credential| held.hash == *old && held.state != CredentialState::Suspended;
            let changes = view.credential(user).filter(right).map(|held| written(user, new, held.state));
            Ok((changes.is_some(), changes.unwrap_or_default()))
        })
        .await
    }
}
