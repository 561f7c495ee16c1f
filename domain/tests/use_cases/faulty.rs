//! A store whose commits fail, or are not answered, while a test says so, and in which the units of racing tasks take turns.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::app::Ports;
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::stats::StatsRepository;
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::ports::webhooks::WebhookRepository;

use crate::world::{World, policy};

/// Whether commits fail, and what was asked of the store.
#[derive(Clone, Default)]
pub(crate) struct Fault {
    fails: Arc<AtomicBool>,
    unanswered: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

impl Fault {
    pub(crate) fn set(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Whether the connection breaks after each commit, before its answer.
    pub(crate) fn leave_unanswered(&self, unanswered: bool) {
        self.unanswered.store(unanswered, Ordering::SeqCst);
    }

    /// Puts such a store before the one there is.
    pub(crate) fn stand_before(&self, ports: &mut Ports) {
        ports.store = Arc::new(Faulty { inner: ports.store.clone(), fault: self.clone() });
    }

    /// What was asked of the store since the last call.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics in here"))
    }

    fn note(&self, what: &'static str) {
        self.asked.lock().expect("no test panics in here").push(what);
    }
}

struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
}

struct FaultyTx {
    inner: Box<dyn Tx>,
    fault: Fault,
}

/// A world, and the switch that makes its commits fail.
pub(crate) async fn faulty_world() -> (World, Fault) {
    let fault = Fault::default();
    let world = World::with(policy(), |ports| fault.stand_before(ports)).await;
    (world, fault)
}

#[async_trait]
impl Store for Faulty {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        // Memory never waits: without this each task would run to its end before the next one begins.
        tokio::task::yield_now().await;
        self.fault.note("begin");
        Ok(Box::new(FaultyTx { inner: self.inner.begin().await?, fault: self.fault.clone() }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl Tx for FaultyTx {
    fn users(&mut self) -> &mut dyn UserRepository {
        self.fault.note("users");
        self.inner.users()
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self.fault.note("credentials");
        self.inner.credentials()
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self.fault.note("sessions");
        self.inner.sessions()
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self.fault.note("revocations");
        self.inner.revocations()
    }

    fn attempts(&mut self) -> &mut dyn AttemptRepository {
        self.fault.note("attempts");
        self.inner.attempts()
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self.fault.note("audit");
        self.inner.audit()
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self.fault.note("keys");
        self.inner.keys()
    }

    fn clients(&mut self) -> &mut dyn ClientRepository {
        self.fault.note("clients");
        self.inner.clients()
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self.fault.note("roles");
        self.inner.roles()
    }

    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self.fault.note("api_keys");
        self.inner.api_keys()
    }

    fn one_time_tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self.fault.note("one_time_tokens");
        self.inner.one_time_tokens()
    }

    fn stats(&mut self) -> &mut dyn StatsRepository {
        self.fault.note("stats");
        self.inner.stats()
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self.fault.note("webhooks");
        self.inner.webhooks()
    }

    async fn commit(self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        self.fault.note("commit");
        if self.fault.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the connection broke".into()));
        }
        self.inner.commit(at, effects).await?;
        if self.fault.unanswered.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the connection broke".into()));
        }
        Ok(())
    }
}
