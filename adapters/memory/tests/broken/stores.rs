//! Broken stores.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::accounts::PasswordHash;
use portcullis_domain::ids::{SessionId, UserId};
use portcullis_domain::ports::accounts::{CredentialRepository, UserRepository};
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::sessions::{Revoked, Rotated, Rotation, Session};
use portcullis_memory::MemoryStore;
use portcullis_memory::contract::{self, Storage};

use crate::{caught, random};

/// What is wrong with a store.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    ForgetsTheOutbox,
    AnnouncesBeforeTheCommit,
    ChecksThenRotates,
    ConfirmsWithoutHolding,
    GoesOnAfterAnError,
}

struct Broken {
    inner: Arc<MemoryStore>,
    fault: Fault,
}

struct BrokenTx {
    inner: Option<Box<dyn Tx>>,
    store: Arc<MemoryStore>,
    fault: Fault,
}

impl BrokenTx {
    fn tx(&mut self) -> &mut Box<dyn Tx> {
        self.inner.as_mut().expect("the unit is open")
    }
}

#[async_trait]
impl Store for Broken {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let inner = Some(self.inner.begin().await?);
        Ok(Box::new(BrokenTx { inner, store: self.inner.clone(), fault: self.fault }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl Tx for BrokenTx {
    fn users(&mut self) -> &mut dyn UserRepository {
        self.tx().users()
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self.tx().revocations()
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self.tx().keys()
    }

    async fn commit(mut self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        let tx = self.inner.take().expect("the unit is open");
        match self.fault {
            Fault::ForgetsTheOutbox => tx.commit(at, Vec::new()).await,
            Fault::AnnouncesBeforeTheCommit => {
                self.store.begin().await?.commit(at, effects).await?;
                tx.commit(at, Vec::new()).await
            }
            Fault::GoesOnAfterAnError => match tx.commit(at, effects).await {
                Err(StoreError::Closed) => Ok(()),
                other => other,
            },
            Fault::ChecksThenRotates | Fault::ConfirmsWithoutHolding => tx.commit(at, effects).await,
        }
    }
}

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

#[async_trait]
impl SessionRepository for BrokenTx {
    async fn insert(&mut self, session: &Session) -> Result<(), StoreError> {
        self.tx().sessions().insert(session).await
    }

    async fn by_id(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.tx().sessions().by_id(id).await
    }

    async fn live_of(
        &mut self,
        user: UserId,
        now: Timestamp,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        self.tx().sessions().live_of(user, now, after, limit).await
    }

    async fn beyond(&mut self, user: UserId, now: Timestamp, keep: u32) -> Result<Vec<SessionId>, StoreError> {
        self.tx().sessions().beyond(user, now, keep).await
    }

    async fn rotate(&mut self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        if self.fault == Fault::ChecksThenRotates
            && let Some(next) = self.by_id(rotation.session).await?.and_then(|session| rotation.apply(&session))
        {
            tokio::task::yield_now().await;
            self.tx().sessions().rotate(rotation).await?;
            return Ok(Rotated::First(next));
        }
        self.tx().sessions().rotate(rotation).await
    }

    async fn revoke(&mut self, id: SessionId, revoked: Revoked) -> Result<bool, StoreError> {
        self.tx().sessions().revoke(id, revoked).await
    }

    async fn revoke_all_of(
        &mut self,
        user: UserId,
        keep: Option<SessionId>,
        revoked: Revoked,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.tx().sessions().revoke_all_of(user, keep, revoked).await
    }

    async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.tx().sessions().purge(before, limit).await
    }
}

fn broken(fault: Fault) -> Storage {
    let inner = Arc::new(MemoryStore::new(random()));
    Storage { outbox: inner.clone(), store: Arc::new(Broken { inner, fault }), guard: Box::new(()) }
}

#[test]
fn a_store_that_forgets_the_outbox_is_caught() {
    let storage = broken(Fault::ForgetsTheOutbox);
    caught(move || async move {
        contract::outbox::an_effect_is_in_the_outbox_exactly_when_its_unit_is_committed(&storage).await;
    });
}

#[test]
fn a_store_that_announces_before_the_commit_is_caught() {
    let storage = broken(Fault::AnnouncesBeforeTheCommit);
    caught(move || async move {
        contract::outbox::an_effect_is_in_the_outbox_exactly_when_its_unit_is_committed(&storage).await;
    });
}

#[test]
fn a_store_that_checks_and_then_rotates_is_caught() {
    let storage = broken(Fault::ChecksThenRotates);
    caught(move || async move { contract::storage::of_racing_rotations_of_one_token_one_is_first(&storage).await });
}

#[test]
fn a_store_that_confirms_without_holding_is_caught() {
    let storage = broken(Fault::ConfirmsWithoutHolding);
    caught(move || async move { contract::storage::a_confirmed_password_stays_until_the_unit_ends(&storage).await });
}

#[test]
fn a_store_that_goes_on_after_an_error_is_caught() {
    let storage = broken(Fault::GoesOnAfterAnError);
    caught(move || async move { contract::storage::after_an_error_every_later_call_is_refused(&storage).await });
}
