//! The broker goes away and comes back: nobody who logs in notices, and nothing is lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::api::Api;
use crate::broker::Broker;
use crate::client::Client;
use crate::judge::judge;
use crate::place::Place;
use crate::proxy::Proxy;
use crate::service::Settings;

/// No call may wait for the broker.
const CALL_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_broker_delays_events_and_nothing_else_on_sqlite() {
    an_absent_broker_delays_events(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_broker_delays_events_and_nothing_else_on_postgres() {
    an_absent_broker_delays_events(Place::postgres().await).await;
}

async fn an_absent_broker_delays_events(place: Place) {
    let proxy = Proxy::to_broker().await;
    let broker = Broker::fresh().await.through(proxy.port());
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .with("PORTCULLIS__EVENTS__ANNOUNCE_REFRESHES", "true")
        .with("PORTCULLIS__EVENTS__CONFIRM_TIMEOUT", "2s");

    // Absent from the start: the service is ready all the same.
    proxy.cut();
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let mut clients: Vec<Client> = (0..8).map(|number| Client::new(number, 7, place.dir())).collect();
    clients = work(clients, &api).await;
    assert_eq!(broker.received().len(), 0);
    degraded(&api).await;

    proxy.resume();
    all_told(&broker, &clients, "the backlog of the start").await;
    healthy(&api).await;

    // Cut in the middle of the work.
    let (busy, ()) = tokio::join!(work(clients, &api), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.cut();
    });
    clients = work(busy, &api).await;
    degraded(&api).await;
    proxy.resume();
    all_told(&broker, &clients, "the backlog of the cut").await;

    // A line that is held open and says nothing.
    let (busy, ()) = tokio::join!(work(clients, &api), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.silence();
    });
    clients = work(busy, &api).await;
    degraded(&api).await;
    proxy.resume();
    all_told(&broker, &clients, "the backlog of the silence").await;
    healthy(&api).await;

    // It stops in time with the broker away, and the next start delivers what is left.
    proxy.cut();
    clients = work(clients, &api).await;
    service.stop().await;
    proxy.resume();
    let service = settings.start().await;
    all_told(&broker, &clients, "the backlog of the last run").await;
    service.stop().await;
}

async fn work(clients: Vec<Client>, api: &Api) -> Vec<Client> {
    let busy = clients.into_iter().map(|mut client| async move {
        for _ in 0..12 {
            let asked = Instant::now();
            assert!(client.step(api).await, "every call is answered");
            assert!(asked.elapsed() < CALL_WITHIN, "a call took {:?}", asked.elapsed());
        }
        assert_eq!(client.violations, Vec::<String>::new());
        client
    });
    join_all(busy).await
}

async fn all_told(broker: &Broker, clients: &[Client], what: &str) {
    let stories: Vec<_> =
        clients.iter().flat_map(|client| &client.accounts).map(|account| account.story.clone()).collect();
    let told = broker.wait(what, Duration::from_secs(45), |events| judge(&stories, events).lost.is_empty()).await;
    assert_eq!(judge(&stories, &told).violations(), Vec::<String>::new(), "{what}");
}

/// Ready, for it can serve; and it says that something is wrong.
async fn degraded(api: &Api) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let ready = api.get("/readyz?verbose", None).await.expect(200);
        if ready.text.contains("degraded") {
            return;
        }
        assert!(Instant::now() < deadline, "the broker is away, and readyz says {}", ready.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn healthy(api: &Api) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let ready = api.get("/readyz?verbose", None).await.expect(200);
        if !ready.text.contains("degraded") {
            return;
        }
        assert!(Instant::now() < deadline, "the broker is back, and readyz says {}", ready.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
