//! A webhook that is slow, away or not there at all holds up nobody but itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use portcullis_domain::audit::Actor;
use portcullis_domain::ports::store::Store;
use portcullis_domain::ports::webhooks::{SendError, WebhookMessage, WebhookSender};
use portcullis_domain::webhooks::{FanOut, Outcome, WebhookDirectory, WebhookUrl};
use portcullis_memory::Reply;
use tokio::sync::Semaphore;

use crate::webhooks::{URL, courier, created, round, taken};
use crate::webhooks_courier::waiting;
use crate::world::{MINUTE, SECOND, World, origin, policy};

/// A sender whose receivers answer when the test says so.
struct Slow {
    permits: Semaphore,
    on_their_way: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl WebhookSender for Slow {
    async fn send(&self, message: &WebhookMessage<'_>) -> Result<(), SendError> {
        if !message.url.as_str().contains("slow") {
            return Ok(());
        }
        let now = self.on_their_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.permits.acquire().await.expect("it is never closed").forget();
        self.on_their_way.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn admits(&self, _: &WebhookUrl) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn a_slow_webhook_has_few_on_their_way_and_holds_up_no_other() {
    let slow =
        Arc::new(Slow { permits: Semaphore::new(0), on_their_way: AtomicUsize::new(0), most: AtomicUsize::new(0) });
    let behind = slow.clone();
    let world = World::with(policy(), move |ports| ports.webhook_sender = behind).await;
    created(&world, "https://slow.example.com/", &["user.*"]).await;
    created(&world, "https://fast.example.com/", &["user.*"]).await;
    for number in 0..60 {
        world.register(&format!("user-{number}")).await;
    }
    let courier = Arc::new(courier(&world));
    let mut running = tokio::task::JoinSet::new();
    let mut sent = 0;
    for _ in 0..40 {
        for errand in courier.claim(64).await.expect("a claim") {
            let courier = courier.clone();
            running.spawn(async move { courier.run(errand).await });
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        while let Some(ended) = running.try_join_next() {
            sent += u32::from(ended.expect("a task").expect("the store is there") == Outcome::Sent);
        }
        world.clock.advance(SECOND);
    }
    assert_eq!(sent, 60, "the fast one has everything while the slow one has answered nothing");
    assert_eq!(slow.most.load(Ordering::SeqCst), 8, "at most so many are on their way to one webhook");
    assert_eq!(running.len(), 16, "and as many wait for their turn");
    slow.permits.add_permits(1_000);
    while let Some(ended) = running.join_next().await {
        assert_eq!(ended.expect("a task").expect("the store is there"), Outcome::Sent);
    }
    while waiting(&world).await > 0 {
        world.clock.advance(2 * SECOND);
        round(&courier).await;
    }
}

#[tokio::test]
async fn a_commit_for_a_webhook_wakes_the_courier_and_no_other_commit_does() {
    let world = World::new().await;
    let courier = courier(&world);
    assert!(courier.needed().now_or_never().is_none(), "there is nothing to do without webhooks");
    world.register("ann").await;
    let webhook = created(&world, URL, &["session.*"]).await;
    tokio::time::timeout(SECOND, courier.needed()).await.expect("now there is");
    world.register("ben").await;
    assert!(courier.posted().now_or_never().is_none(), "nobody wants that");
    world.log_in("ben").await;
    tokio::time::timeout(SECOND, courier.posted()).await.expect("a commit that somebody wants wakes it");
    assert!(courier.posted().now_or_never().is_none(), "once");
    world.app.webhooks.delete(webhook.id, Actor::Operator, &origin()).await.expect("it is deleted");
    assert!(courier.needed().now_or_never().is_none());
}

#[tokio::test]
async fn without_an_enabled_webhook_a_unit_of_work_is_the_stores_own() {
    let world = World::new().await;
    let size = |store: Arc<dyn Store>| async move { size_of_val(&*store.begin().await.expect("a unit of work")) };
    let own = size(world.store.clone()).await;
    let empty = FanOut::new(world.store.clone(), Arc::new(WebhookDirectory::default()));
    assert_eq!(size(Arc::new(empty)).await, own, "nothing is wrapped");
    let webhook = created(&world, URL, &[]).await;
    world.app.webhooks.disable(webhook.id, Actor::Operator, &origin()).await.expect("a change");
    world.register("ann").await;
    assert!(!world.app.webhooks.known().has_enabled() && !world.app.webhooks.known().is_empty());
    assert_eq!(waiting(&world).await, 0);
}

#[tokio::test]
async fn a_failing_webhook_holds_up_no_other_and_takes_what_waited_when_it_is_back() {
    let world = World::new().await;
    created(&world, "https://bad.example.com/", &["user.*"]).await;
    created(&world, "https://good.example.com/", &["user.*"]).await;
    world.webhooks.answer_when(|posted| if posted.url.contains("bad") { Reply::Silence } else { Reply::Status(200) });
    for number in 0..20 {
        world.register(&format!("user-{number}")).await;
        round(&courier(&world)).await;
        world.clock.advance(SECOND);
    }
    assert_eq!(taken(&world).await.len(), 20, "the other one has everything");
    assert_eq!(waiting(&world).await, 20, "nothing is lost");
    world.webhooks.recover();
    for _ in 0..60 {
        taken(&world).await;
        world.clock.advance(MINUTE);
    }
    let bad = world.webhooks.taken().into_iter().filter(|posted| posted.url.contains("bad")).count();
    assert_eq!((bad, waiting(&world).await), (20, 0), "when it is back it gets what waited");
}
