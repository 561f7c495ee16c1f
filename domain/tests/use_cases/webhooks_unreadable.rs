//! A webhook that cannot be read stops no other.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use portcullis_domain::Timestamp;
use portcullis_domain::audit::Actor;
use portcullis_domain::ids::WebhookId;
use portcullis_domain::ports::access::{ApiKeyRepository, OneTimeTokenRepository, RoleRepository};
use portcullis_domain::ports::accounts::{AttemptRepository, CredentialRepository, UserRepository};
use portcullis_domain::ports::audit::AuditRepository;
use portcullis_domain::ports::clients::ClientRepository;
use portcullis_domain::ports::sessions::{RevocationRepository, SessionRepository};
use portcullis_domain::ports::stats::StatsRepository;
use portcullis_domain::ports::store::{Effect, Store, StoreError, Tx};
use portcullis_domain::ports::tokens::KeyRepository;
use portcullis_domain::ports::webhooks::WebhookRepository;
use portcullis_domain::webhooks::{Outcome, Webhook};

use crate::webhooks::{courier, created, round, taken};
use crate::webhooks_courier::waiting;
use crate::world::{HOUR, World, origin, policy};

/// The webhook whose row cannot be read.
type Damage = Arc<Mutex<Option<WebhookId>>>;

struct Damaged {
    inner: Arc<dyn Store>,
    damage: Damage,
}

struct DamagedTx {
    inner: Box<dyn Tx>,
    damage: Option<WebhookId>,
    over: bool,
}

#[async_trait]
impl Store for Damaged {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let damage = *self.damage.lock().expect("no test panics in here");
        Ok(Box::new(DamagedTx { inner: self.inner.begin().await?, damage, over: false }))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl Tx for DamagedTx {
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
        self
    }

    async fn commit(self: Box<Self>, at: Timestamp, effects: Vec<Effect>) -> Result<(), StoreError> {
        self.inner.commit(at, effects).await
    }
}

#[async_trait]
impl WebhookRepository for DamagedTx {
    async fn insert(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.inner.webhooks().insert(webhook).await
    }

    async fn update(&mut self, webhook: &Webhook) -> Result<(), StoreError> {
        self.inner.webhooks().update(webhook).await
    }

    async fn delete(&mut self, id: WebhookId) -> Result<bool, StoreError> {
        self.inner.webhooks().delete(id).await
    }

    async fn by_id(&mut self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        if self.over {
            return Err(StoreError::Closed);
        }
        if self.damage == Some(id) {
            self.over = true;
            return Err(StoreError::Corrupt("webhooks.events".to_owned()));
        }
        self.inner.webhooks().by_id(id).await
    }

    async fn all(&mut self) -> Result<Vec<Webhook>, StoreError> {
        let all = self.inner.webhooks().all().await?;
        Ok(all.into_iter().filter(|webhook| self.damage != Some(webhook.id)).collect())
    }
}

async fn damaged_world() -> (World, Damage) {
    let damage = Damage::default();
    let behind = damage.clone();
    let world = World::with(policy(), move |ports| {
        ports.store = Arc::new(Damaged { inner: ports.store.clone(), damage: behind });
    });
    (world.await, damage)
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_keeps_what_waits_for_it_and_stops_no_other() {
    let (world, damage) = damaged_world().await;
    // Before and behind the others in every order.
    let mut webhooks = Vec::new();
    for host in ["a", "b", "c"] {
        webhooks.push(created(&world, &format!("https://{host}.example.com/"), &["user.*"]).await);
    }
    let broken = webhooks[1].id;
    world.register("ann").await;
    world.register("ben").await;
    *damage.lock().expect("no test panics in here") = Some(broken);

    let outcomes = round(&courier(&world)).await.outcomes;
    let why = Outcome::Failed("the webhook cannot be read (webhooks.events)".to_owned());
    let failed: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != Outcome::Sent).collect();
    assert_eq!(failed, [&(broken, why.clone()), &(broken, why)], "it is told");
    assert_eq!((outcomes.len(), world.webhooks.taken().len()), (6, 4), "the others have everything");
    assert_eq!(waiting(&world).await, 2, "nothing is lost");

    world.app.webhooks.learn().await.expect("the others are learned");
    world.register("cat").await;
    assert_eq!(taken(&world).await.len(), 6, "the others go on");
    assert_eq!(waiting(&world).await, 2, "nothing more is left for it");

    *damage.lock().expect("no test panics in here") = None;
    world.clock.advance(HOUR);
    assert_eq!(taken(&world).await.len(), 8, "when it can be read again it gets what waited");
    assert_eq!(waiting(&world).await, 0);
}

#[tokio::test]
async fn a_webhook_that_cannot_be_read_can_be_deleted_with_what_waits_for_it() {
    let (world, damage) = damaged_world().await;
    let webhook = created(&world, "https://a.example.com/", &[]).await;
    world.register("ann").await;
    *damage.lock().expect("no test panics in here") = Some(webhook.id);
    world.app.webhooks.disable(webhook.id, Actor::Operator, &origin()).await.expect_err("it cannot be read");
    world.app.webhooks.delete(webhook.id, Actor::Operator, &origin()).await.expect("it is deleted");
    assert_eq!((waiting(&world).await, taken(&world).await.len()), (0, 0));
}
