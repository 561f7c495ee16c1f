//! Broken stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::sessions::{RevocationRepository, RevocationSignal, SessionRepository};
use portcullis_domain::ports::stats::StatsRepository;
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::ports::webhooks::WebhookRepository;
use portcullis_memory::MemoryStore;
use portcullis_memory::contract::{self, Replicas, Storage};

use crate::{caught, random};

/// What is wrong with a store.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    ForgetsTheOutbox,
    AnnouncesBeforeTheCommit,
    ChecksThenRotates,
    ConfirmsWithoutHolding,
    GoesOnAfterAnError,
    StartsWithoutHolding,
    StartsWithoutRoom,
    CountsFailuresByReading,
    ReservesByReading,
    WritesEntriesAtOnce,
    ForgetsEntries,
    GivesIdsAgain,
    OverlooksVersions,
    RevokesKeysByReading,
    PutsKeysOff,
    ForgetsTheWebhooks,
    AnnouncesTwice,
    ForgetsTheState,
    AsksForHoldersWithoutHolding,
    GrantsByReading,
    RedeemsByReading,
    LosesUses,
    CountsBeforeItInserts,
}

struct Broken {
    inner: Arc<MemoryStore>,
    fault: Fault,
}

pub(crate) struct BrokenTx {
    pub(crate) inner: Option<Box<dyn Tx>>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) fault: Fault,
}

impl BrokenTx {
    pub(crate) fn tx(&mut self) -> &mut Box<dyn Tx> {
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

    fn attempts(&mut self) -> &mut dyn AttemptRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self
    }

    fn clients(&mut self) -> &mut dyn ClientRepository {
        self
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self
    }

    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self
    }

    fn one_time_tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self
    }

    fn stats(&mut self) -> &mut dyn StatsRepository {
        self.tx().stats()
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self
    }

    async fn commit(mut self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        let tx = self.inner.take().expect("the unit is open");
        match self.fault {
            Fault::ForgetsTheOutbox => tx.commit(at, Vec::new()).await,
            Fault::AnnouncesBeforeTheCommit => {
                self.store.begin().await?.commit(at, effects).await?;
                tx.commit(at, Vec::new()).await
            }
            Fault::ForgetsTheWebhooks => tx.commit(at, without_webhooks(&effects)).await,
            Fault::AnnouncesTwice => {
                tx.commit(at, without_webhooks(&effects)).await?;
                self.store.begin().await?.commit(at, effects).await
            }
            Fault::GoesOnAfterAnError => match tx.commit(at, effects).await {
                Err(StoreError::Closed) => Ok(()),
                other => other,
            },
            _ => tx.commit(at, effects).await,
        }
    }
}

fn without_webhooks(effects: &[Effect]) -> Vec<Effect> {
    let without = |effect: &Effect| {
        let Effect::Publish { event, traceparent, .. } = effect.clone();
        Effect::Publish { event, traceparent, webhooks: Vec::new() }
    };
    effects.iter().map(without).collect()
}

pub(crate) fn broken(fault: Fault) -> Storage {
    let inner = Arc::new(MemoryStore::new(random()));
    let (outbox, queue) = (inner.clone(), inner.clone());
    Storage { outbox, queue, store: Arc::new(Broken { inner, fault }), guard: Box::new(()) }
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

#[test]
fn a_store_that_starts_sessions_without_holding_the_password_is_caught() {
    let storage = broken(Fault::StartsWithoutHolding);
    caught(move || async move { contract::storage::a_start_that_waited_sees_the_new_password(&storage).await });
}

#[test]
fn a_store_that_goes_on_after_a_session_could_not_start_is_caught() {
    let storage = broken(Fault::StartsWithoutHolding);
    caught(move || async move {
        contract::storage::a_session_that_cannot_start_with_the_commit_takes_its_unit_along(&storage).await;
    });
}

#[test]
fn a_store_that_starts_sessions_without_a_place_for_them_is_caught() {
    let storage = broken(Fault::StartsWithoutRoom);
    caught(move || async move {
        contract::storage::a_session_starts_with_the_commit_while_there_is_room(&storage).await;
    });
}

#[test]
fn a_store_that_loses_a_failure_is_caught() {
    let storage = broken(Fault::CountsFailuresByReading);
    caught(move || async move { contract::storage::of_racing_failures_all_are_counted(&storage).await });
}

#[test]
fn a_store_that_gives_the_one_attempt_to_several_is_caught() {
    let storage = broken(Fault::ReservesByReading);
    caught(move || async move { contract::storage::of_racing_reservations_one_gets_the_attempt(&storage).await });
}

#[test]
fn a_store_whose_audit_entries_survive_a_rollback_is_caught() {
    let storage = broken(Fault::WritesEntriesAtOnce);
    caught(move || async move {
        contract::storage::an_entry_is_there_exactly_when_its_unit_is_committed(&storage).await;
    });
}

#[test]
fn a_store_that_forgets_audit_entries_is_caught() {
    let storage = broken(Fault::ForgetsEntries);
    caught(move || async move { contract::storage::of_racing_units_each_leaves_its_entries_or_none(&storage).await });
}

/// Says that it hears, and hears nothing.
struct Deaf;

#[async_trait]
impl RevocationSignal for Deaf {
    async fn heard(&self) {
        std::future::pending::<()>().await;
    }

    fn is_connected(&self) -> bool {
        true
    }
}

#[test]
fn a_signal_that_hears_nothing_is_caught() {
    let store = Arc::new(MemoryStore::new(random()));
    let replicas =
        Replicas { here: store.clone(), signal: Arc::new(Deaf), elsewhere: vec![store], guard: Box::new(()) };
    caught(move || async move { contract::revocation_signal::a_revocation_elsewhere_is_heard(&replicas).await });
}

/// Hears of revocations and of nothing else.
struct OneEar(Arc<MemoryStore>, AtomicUsize);

#[async_trait]
impl RevocationSignal for OneEar {
    async fn heard(&self) {
        loop {
            let mut tx = self.0.begin().await.expect("a unit of work begins");
            let since = tx.revocations().since(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH).await;
            let count = since.expect("revocations are read").len();
            if self.1.swap(count, Ordering::SeqCst) != count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn is_connected(&self) -> bool {
        true
    }
}

#[test]
fn a_signal_that_hears_of_revocations_alone_is_caught() {
    let replicas = || {
        let store = Arc::new(MemoryStore::new(random()));
        let signal = Arc::new(OneEar(store.clone(), AtomicUsize::new(0)));
        Replicas { here: store.clone(), signal, elsewhere: vec![store], guard: Box::new(()) }
    };
    contract::run(async move { contract::revocation_signal::a_revocation_elsewhere_is_heard(&replicas()).await });
    caught(move || async move {
        contract::revocation_signal::every_change_of_a_client_elsewhere_is_heard(&replicas()).await;
    });
    caught(move || async move {
        contract::revocation_signal::every_change_of_a_key_elsewhere_is_heard(&replicas()).await;
    });
}

/// Has always something to say.
struct Talkative;

#[async_trait]
impl RevocationSignal for Talkative {
    async fn heard(&self) {}

    fn is_connected(&self) -> bool {
        true
    }
}

#[test]
fn a_signal_that_never_rests_is_caught() {
    let store = Arc::new(MemoryStore::new(random()));
    let replicas = Replicas { here: store, signal: Arc::new(Talkative), elsewhere: Vec::new(), guard: Box::new(()) };
    caught(move || async move { contract::revocation_signal::word_comes_when_there_is_some(&replicas).await });
}
