//! What consumers receive.

use amqprs::channel::QueueDeclareArguments;
use portcullis_domain::ports::delivery::EventPublisher;

use crate::delivery::{delivery, id};
use crate::rabbit::{Rabbit, ready};

#[tokio::test]
async fn a_consumer_receives_a_persistent_cloud_event_with_its_properties() {
    let rabbit = Rabbit::fresh().await;
    let publisher = ready(rabbit.settings()).await;
    let mut sent = delivery(7);
    sent.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    publisher.publish(&sent).await.unwrap();

    let received = rabbit.received(1).await;
    let [message] = received.as_slice() else { panic!("{} messages", received.len()) };
    assert_eq!((message.exchange.as_str(), message.routing_key.as_str()), (rabbit.name.as_str(), "user.registered"));
    let properties = &message.properties;
    assert_eq!(properties.content_type().unwrap(), "application/cloudevents+json");
    assert_eq!(properties.message_id().unwrap(), &id(7).to_string());
    assert_eq!(properties.message_type().unwrap(), "portcullis.user.registered.v1");
    assert_eq!(properties.app_id().unwrap(), "portcullis");
    assert_eq!(properties.timestamp(), Some(1_763_721_600));
    assert_eq!(properties.delivery_mode(), Some(2));

    let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(body["id"], id(7).to_string());
    assert_eq!(body["specversion"], "1.0");
    assert_eq!(body["source"], "https://auth.example");
    assert_eq!(body["type"], "portcullis.user.registered.v1");
    assert_eq!(body["subject"], sent.subject);
    assert_eq!(body["sequence"], "00000000000000000007");
    assert_eq!(body["traceparent"], sent.traceparent.unwrap());
    assert_eq!(body["data"]["email"], "user7@example.org");
    publisher.close().await;
}

#[tokio::test]
async fn exchange_and_queue_are_durable_and_the_queue_is_a_quorum_queue() {
    let rabbit = Rabbit::fresh().await;
    let publisher = ready(rabbit.settings()).await;
    publisher.close().await;
    // Declaring again with the very same properties is accepted, with any other it is not.
    let second = ready(rabbit.settings()).await;
    second.close().await;
    let classic = QueueDeclareArguments::durable_client_named(&rabbit.name);
    assert!(rabbit.channel().queue_declare(classic).await.is_err(), "it could be declared as a classic queue");
}

#[tokio::test]
async fn a_message_far_larger_than_a_frame_arrives_whole() {
    let rabbit = Rabbit::fresh().await;
    let publisher = ready(rabbit.settings()).await;
    let mut sent = delivery(1);
    sent.subject = "s".repeat(700_000);
    publisher.publish(&sent).await.unwrap();
    let received = rabbit.received(1).await;
    let body: serde_json::Value = serde_json::from_slice(&received[0].body).unwrap();
    assert_eq!(body["subject"].as_str().map(str::len), Some(700_000));
    publisher.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_concurrent_publishes_arrive_once_each() {
    let rabbit = Rabbit::fresh().await;
    let publisher = std::sync::Arc::new(ready(rabbit.settings()).await);
    let publishes: Vec<_> = (0..1000)
        .map(|number| {
            let publisher = std::sync::Arc::clone(&publisher);
            tokio::spawn(async move { publisher.publish(&delivery(number)).await })
        })
        .collect();
    for publish in publishes {
        publish.await.unwrap().unwrap();
    }
    let mut ids = rabbit.received_ids(1000).await;
    ids.sort();
    let expected: Vec<_> = (0..1000).map(|number| id(number).to_string()).collect();
    assert_eq!(ids, expected);
    publisher.close().await;
}

#[tokio::test]
async fn closing_waits_for_the_confirms_of_what_is_in_flight() {
    let rabbit = Rabbit::fresh().await;
    let publisher = std::sync::Arc::new(ready(rabbit.settings()).await);
    publisher.publish(&delivery(0)).await.unwrap(); // from here on many may be in flight
    let publishes: Vec<_> = (1..=50)
        .map(|number| {
            let publisher = std::sync::Arc::clone(&publisher);
            tokio::spawn(async move { publisher.publish(&delivery(number)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    publisher.close().await;
    assert!(!publisher.is_ready().await);
    let mut delivered = 1;
    for publish in publishes {
        delivered += usize::from(publish.await.unwrap().is_ok());
    }
    assert_eq!(rabbit.received_ids(delivered).await.len(), delivered);
    let after = publisher.publish(&delivery(51)).await;
    assert!(after.unwrap_err().to_string().contains("closed"));
}
