//! The suite `publisher`: [`EventPublisher`](portcullis_domain::ports::delivery::EventPublisher).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::publisher_events::{ROUTING_KEYS, delivery, every_kind};
use super::samples::{at, kept, noted, session, user};
use super::{Publisher, Received};

use portcullis_domain::event::Event;
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::ports::store::Effect;

/// Runs the suite `publisher` on what `async fn factory() -> contract::Publisher` gives.
#[macro_export]
macro_rules! publisher_contract {
    ($factory:expr) => {
        $crate::promises!(
            publisher,
            $factory,
            ok_means_that_the_event_has_arrived,
            an_event_arrives_as_a_cloud_event,
            every_kind_of_event_has_its_routing_key,
            the_same_delivery_has_the_same_id_and_bytes_again,
            sixty_four_at_once_all_arrive,
            a_large_event_arrives_whole,
            an_open_way_out_is_ready,
        );
    };
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn published(subject: &Publisher, delivery: &Delivery) {
    let begun = Instant::now();
    kept(subject.publisher.publish(delivery).await, "an event that can be routed is published");
    assert!(begun.elapsed() < Duration::from_secs(10), "a publisher answers within 10 s");
}

fn json_of(received: &Received) -> Value {
    kept(serde_json::from_slice(&received.body), "the body is JSON")
}

/// After `Ok` the consumer has it.
pub async fn ok_means_that_the_event_has_arrived(subject: &Publisher) {
    let event = delivery(Event::UserDeleted { user_id: user("ann").id }, 1, None);
    published(subject, &event).await;
    let received = subject.sink.received(1).await;
    assert_eq!(received.len(), 1, "Ok means that the event has arrived, once");
    assert_eq!(received[0].id, event.id.to_string(), "the consumers' deduplication key is the event's id");
}

/// CloudEvents 1.0, structured mode, every attribute.
pub async fn an_event_arrives_as_a_cloud_event(subject: &Publisher) {
    let ann = user("ann");
    let event = Event::UserRegistered {
        user_id: ann.id,
        username: Some("ann".to_owned()),
        email: "grüße@example.com".to_owned(),
    };
    let (with, without) = (delivery(event.clone(), 42, Some(TRACE)), delivery(event, u64::from(u32::MAX) + 1, None));
    published(subject, &with).await;
    published(subject, &without).await;
    let received = subject.sink.received(2).await;
    let body = |delivery: &Delivery| {
        let id = delivery.id.to_string();
        let one = received.iter().find(|received| received.id == id);
        json_of(one.unwrap_or_else(|| panic!("Ok means that the event has arrived: {id}")))
    };
    let full = body(&with);
    let source = full["source"].as_str().unwrap_or_default().to_owned();
    assert!(source.starts_with("http"), "`source` is the URL of the issuer, not {source:?}");
    let schema = format!("{}/schemas/portcullis.user.registered.v1.json", source.trim_end_matches('/'));
    let expected = json!({
        "specversion": "1.0", "id": with.id.to_string(), "source": source, "type": "portcullis.user.registered.v1",
        "subject": format!("users/{}", ann.id), "time": at(7).to_rfc3339(), "datacontenttype": "application/json",
        "dataschema": schema, "sequence": "00000000000000000042", "traceparent": TRACE,
        "data": {"user_id": ann.id.to_string(), "username": "ann", "email": "grüße@example.com"},
    });
    assert_eq!(full, expected, "an event arrives as a CloudEvent with all its attributes and no others");
    let bare = body(&without);
    assert_eq!(bare.get("traceparent"), None, "an event without a trace has no trace attribute");
    assert_eq!(bare["sequence"], "00000000004294967296", "the sequence has 20 digits");
}

/// CONTRACT's routing keys.
pub async fn every_kind_of_event_has_its_routing_key(subject: &Publisher) {
    let ann = user("ann");
    let kinds = every_kind(&ann, &session(&ann, at(0)));
    assert_eq!(kinds.len(), ROUTING_KEYS.len(), "the suite knows every kind of event");
    let mut sent = Vec::new();
    for (event, key) in kinds.into_iter().zip(ROUTING_KEYS) {
        let event = delivery(event, 1, None);
        published(subject, &event).await;
        sent.push((event, key));
    }
    let received = subject.sink.received(sent.len()).await;
    for (event, key) in sent {
        let id = event.id.to_string();
        let one = received.iter().find(|received| received.id == id);
        let one = one.unwrap_or_else(|| panic!("Ok means that the event has arrived: {key}"));
        assert_eq!(one.routing_key, key, "every kind of event has its routing key");
        assert_eq!(json_of(one)["type"], format!("portcullis.{key}.v1"), "type and routing key belong together");
        assert_eq!(json_of(one)["data"], kept(serde_json::to_value(&event.event), "JSON")["data"], "the data is whole");
    }
}

/// A second attempt, after a lost confirm, can be recognised.
pub async fn the_same_delivery_has_the_same_id_and_bytes_again(subject: &Publisher) {
    let mut event = delivery(Event::UserDeleted { user_id: user("ann").id }, 1, Some(TRACE));
    published(subject, &event).await;
    event.attempts = 2;
    published(subject, &event).await;
    let received = subject.sink.received(2).await;
    assert_eq!(received.len(), 2, "every publish arrives; it is the consumer that drops duplicates");
    assert_eq!(received[0], received[1], "the same delivery has the same id, routing key and bytes at every attempt");
}

/// 640 events, 64 at a time.
pub async fn sixty_four_at_once_all_arrive(subject: &Publisher) {
    const EVENTS: usize = 640;
    let in_flight = Arc::new(Semaphore::new(64));
    let mut tasks = JoinSet::new();
    let mut sent = HashSet::new();
    for number in 0..EVENTS {
        let Effect::Publish { event, .. } = noted(&user("ann"), number);
        let event = delivery(event, number as u64, None);
        sent.insert(event.id.to_string());
        let (publisher, in_flight) = (subject.publisher.clone(), in_flight.clone());
        tasks.spawn(async move {
            let permit = kept(in_flight.acquire_owned().await, "a turn");
            kept(publisher.publish(&event).await, "concurrent calls are welcome");
            drop(permit);
        });
    }
    tasks.join_all().await;
    let received = subject.sink.received(EVENTS).await;
    assert_eq!(received.len(), EVENTS, "every event of {EVENTS} arrives exactly once");
    let ids: HashSet<_> = received.into_iter().map(|received| received.id).collect();
    assert_eq!(ids, sent, "64 at once all arrive, each under its own id");
}

/// Longer than one frame of any broker.
pub async fn a_large_event_arrives_whole(subject: &Publisher) {
    let Effect::Publish { event, .. } = noted(&user("ann"), "日".repeat(100_000));
    let event = delivery(event, 1, None);
    published(subject, &event).await;
    let received = subject.sink.received(1).await;
    let body = json_of(received.first().unwrap_or_else(|| panic!("Ok means that the event has arrived")));
    let changed = body["data"]["changed"][0].as_str().map(|text| text.chars().count());
    assert_eq!(changed, Some(100_000), "a large event arrives whole");
}

/// `is_ready`.
pub async fn an_open_way_out_is_ready(subject: &Publisher) {
    published(subject, &delivery(Event::UserDeleted { user_id: user("ann").id }, 1, None)).await;
    assert!(subject.publisher.is_ready().await, "a way out that has just let an event through is ready");
}
