//! The store, with the webhooks that want an event filled in at its commit.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Timestamp;
use crate::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use crate::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use crate::ports::audit::AuditRepository;
use crate::ports::clients::ClientRepository;
use crate::ports::sessions::{RevocationRepository, SessionRepository};
use crate::ports::stats::StatsRepository;
use crate::ports::store::{Effect, Store, StoreError, Tx};
use crate::ports::tokens::KeyRepository;
use crate::ports::webhooks::WebhookRepository;

use super::WebhookDirectory;

/// A store that addresses events to webhooks. While none is enabled a unit of work is the inner store's own.
pub struct FanOut {
    inner: Arc<dyn Store>,
    directory: Arc<WebhookDirectory>,
}

impl FanOut {
    /// Over a store.
    pub fn new(inner: Arc<dyn Store>, directory: Arc<WebhookDirectory>) -> Self {
        Self { inner, directory }
    }
}

/// What [`async_trait`] makes of an answer: written out, so that the inner store's future is handed on as it is.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

impl Store for FanOut {
    fn begin<'s, 'a>(&'s self) -> Answer<'a, Box<dyn Tx>>
    where
        's: 'a,
        Self: 'a,
    {
        if !self.directory.has_enabled() {
            return self.inner.begin();
        }
        Box::pin(async move {
            let inner = self.inner.begin().await?;
            Ok(Box::new(FanOutTx { inner, directory: self.directory.clone() }) as Box<dyn Tx>)
        })
    }

    fn ping<'s, 'a>(&'s self) -> Answer<'a, ()>
    where
        's: 'a,
        Self: 'a,
    {
        self.inner.ping()
    }
}

struct FanOutTx {
    inner: Box<dyn Tx>,
    directory: Arc<WebhookDirectory>,
}

#[async_trait]
impl Tx for FanOutTx {
    fn users(&mut self) -> &mut dyn UserRepository {
        self.inner.users()
    }

    fn credentials(&mut self) -> &mut dyn CredentialRepository {
        self.inner.credentials()
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self.inner.sessions()
    }

    fn revocations(&mut self) -> &mut dyn RevocationRepository {
        self.inner.revocations()
    }

    fn attempts(&mut self) -> &mut dyn AttemptRepository {
        self.inner.attempts()
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self.inner.audit()
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self.inner.keys()
    }

    fn clients(&mut self) -> &mut dyn ClientRepository {
        self.inner.clients()
    }

    fn roles(&mut self) -> &mut dyn RoleRepository {
        self.inner.roles()
    }

    fn api_keys(&mut self) -> &mut dyn ApiKeyRepository {
        self.inner.api_keys()
    }

    fn one_time_tokens(&mut self) -> &mut dyn OneTimeTokenRepository {
        self.inner.one_time_tokens()
    }

    fn stats(&mut self) -> &mut dyn StatsRepository {
        self.inner.stats()
    }

    fn webhooks(&mut self) -> &mut dyn WebhookRepository {
        self.inner.webhooks()
    }

    async fn commit(self: Box<Self>, at: Timestamp, mut effects: Vec<Effect>) -> Result<(), StoreError> {
        let mut posts = false;
        for Effect::Publish { event, webhooks, .. } in &mut effects {
            *webhooks = self.directory.who_wants(event);
            posts |= !webhooks.is_empty();
        }
        self.inner.commit(at, effects).await?;
        if posts {
            self.directory.post();
        }
        Ok(())
    }
}
