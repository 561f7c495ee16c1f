//! A store in which a use case of the keys can be stopped, for a while or for good, before and after every step.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::stats::StatsRepository;
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::ports::webhooks::WebhookRepository;
use portcullis_domain::tokens::SigningKey;
use portcullis_domain::{App, Timestamp};
use tokio::task::yield_now;

use crate::keys_scene::replica_over;
use crate::world::World;

struct Steps(Arc<dyn Store>);

struct Unit(Box<dyn Tx>);

/// Another process over the store of `world`, whose future can be dropped at every step.
pub(crate) fn stepping_replica(world: &World, seed: u64) -> App {
    replica_over(world, seed, Arc::new(Steps(world.ports.store.clone())))
}

#[async_trait]
impl Store for Steps {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        yield_now().await;
        Ok(Box::new(Unit(self.0.begin().await?)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }
}

#[async_trait]
impl KeyRepository for Unit {
    async fn insert(&mut self, key: &SigningKey) -> Result<(), StoreError> {
        yield_now().await;
        self.0.keys().insert(key).await
    }

    async fn all(&mut self) -> Result<Vec<SigningKey>, StoreError> {
        let keys = self.0.keys().all().await;
        yield_now().await;
        keys
    }

    async fn activate(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.keys().activate(kid, at).await
    }

    async fn revoke(&mut self, kid: &str, at: Timestamp) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.keys().revoke(kid, at).await
    }

    async fn delete(&mut self, kid: &str) -> Result<bool, StoreError> {
        yield_now().await;
        self.0.keys().delete(kid).await
    }
}

#[async_trait]
impl Tx for Unit {
    fn users(&mut self) -> &mut dyn UserRepository {
        self.0.users()
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self.0.credentials()
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self.0.sessions()
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self.0.revocations()
    }

    fn attempts(&mut self) -> &mut dyn AttemptRepository {
        self.0.attempts()
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self.0.audit()
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self
    }

    fn clients(&mut self) -> &mut dyn ClientRepository {
        self.0.clients()
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self.0.roles()
    }

    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self.0.api_keys()
    }

    fn one_time_tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self.0.one_time_tokens()
    }

    fn stats(&mut self) -> &mut dyn StatsRepository {
        self.0.stats()
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self.0.webhooks()
    }

    async fn commit(self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        yield_now().await;
        let done = self.0.commit(at, effects).await;
        yield_now().await;
        done
    }
}
