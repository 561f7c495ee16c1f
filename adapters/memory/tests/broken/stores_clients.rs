//! Clients and keys that are given, changed or revoked when they should not be.

use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::clients::{Client, ClientId};
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::store::StoreError;
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::tokens::SigningKey;
use portcullis_memory::contract;

use crate::caught;
use crate::stores::{BrokenTx, Fault, broken};

#[async_trait]
impl ClientRepository for BrokenTx {
    async fn insert(&mut self, client: &Client) -> Result<(), StoreError> {
        if self.fault == Fault::GivesIdsAgain
            && let Some(old) = self.by_id(&client.id).await?.filter(|old| !old.is_live())
        {
            return self.tx().clients().update(&Client { version: old.version, ..client.clone() }).await;
        }
        self.tx().clients().insert(client).await
    }

    async fn update(&mut self, client: &Client) -> Result<(), StoreError> {
        if self.fault == Fault::OverlooksVersions
            && let Some(stored) = self.by_id(&client.id).await?
        {
            return self.tx().clients().update(&Client { version: stored.version, ..client.clone() }).await;
        }
        self.tx().clients().update(client).await
    }

    async fn by_id(&mut self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        self.tx().clients().by_id(id).await
    }

    async fn changed_since(&mut self, at: Timestamp) -> Result<Vec<Client>, StoreError> {
        self.tx().clients().changed_since(at).await
    }
}

#[async_trait]
impl KeyRepository for BrokenTx {
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        self.tx().keys().insert(key).await
    }

    async fn all(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        self.tx().keys().all().await
    }

    async fn activate(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        let key = self.all().await?.into_iter().find(|key| key.kid == kid);
        match key.filter(|_| self.fault == Fault::PutsKeysOff) {
            Some(key) => {
                self.tx().keys().delete(kid).await?;
                self.tx().keys().insert(&SigningKey { activates_at: at, ..key }).await?;
                Ok(true)
            }
            None => self.tx().keys().activate(kid, at).await,
        }
    }

    async fn revoke(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        if self.fault == Fault::RevokesKeysByReading {
            let open = self.all().await?.iter().any(|key| key.kid == kid && key.retires_at.is_none());
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.tx().keys().revoke(kid, at).await?;
            return Ok(open);
        }
        self.tx().keys().revoke(kid, at).await
    }

    async fn delete(&mut self, kid: &str) -> Result<bool, StoreError> {
        self.tx().keys().delete(kid).await
    }
}

#[test]
fn a_store_that_gives_the_ids_of_deleted_clients_again_is_caught() {
    let storage = broken(Fault::GivesIdsAgain);
    caught(move || async move { contract::storage::the_id_of_a_deleted_client_is_not_given_again(&storage).await });
}

#[test]
fn a_store_that_overlooks_the_version_of_a_client_is_caught() {
    let storage = broken(Fault::OverlooksVersions);
    caught(move || async move { contract::storage::of_racing_updates_of_a_client_one_succeeds(&storage).await });
    let storage = broken(Fault::OverlooksVersions);
    caught(move || async move {
        contract::storage::an_update_of_an_old_version_of_a_client_is_a_conflict(&storage).await;
    });
}

#[test]
fn a_store_that_reads_and_then_revokes_a_key_is_caught() {
    let storage = broken(Fault::RevokesKeysByReading);
    caught(move || async move { contract::storage::of_racing_revocations_of_a_key_one_is_told_so(&storage).await });
}

#[test]
fn a_store_that_puts_a_key_off_is_caught() {
    let storage = broken(Fault::PutsKeysOff);
    caught(move || async move { contract::storage::a_key_is_brought_forward_and_never_put_off(&storage).await });
    let storage = broken(Fault::PutsKeysOff);
    caught(move || async move { contract::storage::a_revoked_key_is_not_brought_forward(&storage).await });
}
