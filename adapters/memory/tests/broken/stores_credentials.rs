//! Passwords that are not held.

use async_trait::async_trait;
use portcullis_domain::accounts::{CredentialState, PasswordHash};
use portcullis_domain::ids::UserId;
use portcullis_domain::ports::accounts::CredentialRepository;
use portcullis_domain::ports::store::StoreError;
use portcullis_memory::contract;

use crate::caught;
use crate::stores::{BrokenTx, Fault, broken};

#[async_trait]
impl CredentialRepository for BrokenTx {
    async fn insert(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        self.tx().credentials().insert(user, hash).await
    }

    async fn put(&mut self, user: UserId, hash: &PasswordHash) -> Result<(), StoreError> {
        self.tx().credentials().put(user, hash).await
    }

    async fn set_state(&mut self, user: UserId, state: CredentialState) -> Result<(), StoreError> {
        if self.fault == Fault::ForgetsTheState {
            return Ok(());
        }
        self.tx().credentials().set_state(user, state).await
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

#[test]
fn a_store_that_forgets_the_state_of_a_password_is_caught() {
    let storage = broken(Fault::ForgetsTheState);
    caught(move || async move {
        contract::storage::a_session_starts_only_with_a_password_that_may_be_used(&storage).await;
    });
}

#[test]
fn a_store_that_starts_sessions_while_an_account_is_suspended_is_caught() {
    let storage = broken(Fault::StartsWithoutHolding);
    caught(move || async move {
        contract::storage::no_session_starts_at_an_account_that_is_being_suspended(&storage).await;
    });
}
