//! The store: one writer at a time, readers who see what is committed.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::ids::EventId;
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use portcullis_domain::ports::ambient::Randomness;
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::stats::StatsRepository;
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::ports::webhooks::WebhookRepository;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};

use crate::state::{Changes, State, Waiting};
use crate::view::View;

/// All state of the service, in memory: [`Store`], [`Outbox`](portcullis_domain::ports::delivery::Outbox) and
/// [`WebhookQueue`](portcullis_domain::ports::webhooks::WebhookQueue).
///
/// A unit of work waits for its turn at its first write and keeps it until it ends; reads never wait and see what is
/// committed (with the unit's own writes over it). Nothing survives the process.
pub struct MemoryStore {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    state: RwLock<State>,
    turn: Arc<Mutex<()>>,
    random: Arc<dyn Randomness>,
    pub(crate) committed: Notify,
}

impl MemoryStore {
    /// An empty store; `random` makes the ids of events.
    pub fn new(random: Arc<dyn Randomness>) -> Self {
        let shared = Shared { state: RwLock::default(), turn: Arc::default(), random, committed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }
}

impl Shared {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(Unit { shared, turn: None, changes: Changes::default(), failed: false }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A unit of work.
pub(crate) struct Unit {
    shared: Arc<Shared>,
    turn: Option<OwnedMutexGuard<()>>,
    changes: Changes,
    failed: bool,
}

impl Unit {
    /// Reads; refused once the unit has failed.
    pub(crate) fn look<T>(&self, read: impl FnOnce(&View<'_>) -> T) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::Closed);
        }
        let state = self.shared.read();
        Ok(read(&View { state: &state, changes: &self.changes }))
    }

    /// Notes what is only written; it waits for no turn, because nothing depends on what is there.
    pub(crate) fn note(&mut self, changes: Changes) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Closed);
        }
        self.changes.extend(changes);
        Ok(())
    }

    /// Waits for the turn, then decides on the state as it is and writes; an error ends the unit.
    pub(crate) async fn change<T>(
        &mut self,
        decide: impl FnOnce(&View<'_>) -> Result<(T, Changes), StoreError> + Send,
    ) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::Closed);
        }
        if self.turn.is_none() {
            self.turn = Some(Arc::clone(&self.shared.turn).lock_owned().await);
        }
        let decided = {
            let state = self.shared.read();
            decide(&View { state: &state, changes: &self.changes })
        };
        match decided {
            Ok((answer, changes)) => {
                self.changes.extend(changes);
                Ok(answer)
            }
            Err(error) => {
                self.failed = true;
                self.changes = Changes::default();
                self.turn = None;
                Err(error)
            }
        }
    }
}

impl Changes {
    fn extend(&mut self, newer: Self) {
        self.users.extend(newer.users);
        self.passwords.extend(newer.passwords);
        self.granted.extend(newer.granted);
        self.roles.extend(newer.roles);
        self.api_keys.extend(newer.api_keys);
        self.one_time_tokens.extend(newer.one_time_tokens);
        self.sessions.extend(newer.sessions);
        self.revocations.extend(newer.revocations);
        self.attempts.extend(newer.attempts);
        self.audit.extend(newer.audit);
        self.erasures.extend(newer.erasures);
        self.keys.extend(newer.keys);
        self.clients.extend(newer.clients);
        self.webhooks.extend(newer.webhooks);
    }
}

#[async_trait]
impl Tx for Unit {
    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self
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
        self
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self
    }

    async fn commit(mut self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Closed);
        }
        let announces = !effects.is_empty();
        {
            // One lock for the rows and the outbox: the order of sequences is the order of commits.
            let mut state = self.shared.write();
            state.apply(std::mem::take(&mut self.changes));
            for effect in effects {
                let Effect::Publish { event, traceparent, webhooks } = effect;
                let id = EventId::new(at, &*self.shared.random);
                state.last_sequence += 1;
                let sequence = state.last_sequence;
                let subject = event.subject(id);
                let delivery =
                    Delivery { id, sequence, subject, occurred_at: at, event, traceparent, attempts: 0, refusals: 0 };
                for webhook in webhooks {
                    if state.webhooks.contains_key(&webhook) {
                        state.queue.insert((webhook, id), Waiting::new(delivery.clone()));
                    }
                }
                state.outbox.insert(sequence, Waiting::new(delivery));
            }
        }
        if announces {
            self.shared.committed.notify_one();
        }
        Ok(())
    }
}
