//! A broker that does not want us as we are: it is said once, with a remedy, and tried again.

use std::time::Duration;

use amqprs::channel::{ExchangeDeclareArguments, QueueDeclareArguments};
use portcullis_amqp::{AmqpPublisher, AmqpSettings};
use portcullis_domain::ports::delivery::{EventPublisher, PublishError};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use crate::delivery::delivery;
use crate::journal::Journal;
use crate::rabbit::{Rabbit, address, becomes_ready, ready, settings_for};

/// Starts a publisher that cannot connect, and returns its line in the log once it is there.
async fn complaint(settings: AmqpSettings, journal: &Journal) -> (AmqpPublisher, String) {
    let publisher = AmqpPublisher::start(settings).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while journal.count("RabbitMQ is not available") == 0 {
        assert!(Instant::now() < until, "no complaint: {}", journal.text());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(!publisher.is_ready().await);
    assert!(matches!(publisher.publish(&delivery(1)).await, Err(PublishError::Unavailable(_))));
    let line = journal.text().lines().find(|line| line.contains("RabbitMQ is not available")).unwrap().to_owned();
    (publisher, line)
}

#[tokio::test]
async fn a_wrong_password_is_told_with_a_remedy() {
    let (journal, _guard) = Journal::open();
    let url = format!("amqp://portcullis-nobody:Pa55-canary@{}/%2f", address());
    let (publisher, line) = complaint(settings_for(&url, "portcullis.test.nobody"), &journal).await;
    assert!(line.contains("check user and password"), "{line}");
    assert!(line.contains(&address()), "{line}");
    publisher.close().await;
    assert!(!journal.text().contains("canary"), "{}", journal.text());
}

#[tokio::test]
async fn an_unknown_virtual_host_is_told_with_a_remedy() {
    let (journal, _guard) = Journal::open();
    let url = format!("amqp://guest:guest@{}/portcullis-nowhere", address());
    let (publisher, line) = complaint(settings_for(&url, "portcullis.test.nowhere"), &journal).await;
    assert!(line.contains("create the virtual host"), "{line}");
    assert!(line.contains("/portcullis-nowhere"), "{line}");
    publisher.close().await;
}

#[tokio::test]
async fn a_queue_of_another_kind_is_told_with_a_remedy_and_used_once_it_is_gone() {
    let (journal, _guard) = Journal::open();
    let rabbit = Rabbit::fresh().await;
    rabbit.channel().queue_declare(QueueDeclareArguments::durable_client_named(&rabbit.name)).await.unwrap();
    let (publisher, line) = complaint(rabbit.settings(), &journal).await;
    assert!(line.contains("406 PRECONDITION_FAILED") && line.contains("x-queue-type"), "{line}");
    assert!(line.contains("delete it on the broker"), "{line}");

    rabbit.delete_queue().await;
    becomes_ready(&publisher).await;
    publisher.publish(&delivery(1)).await.unwrap();
    assert_eq!(journal.count("RabbitMQ is not available"), 1, "once: {}", journal.text());
    publisher.close().await;
}

#[tokio::test]
async fn an_exchange_of_another_kind_is_told_with_a_remedy() {
    let (journal, _guard) = Journal::open();
    let rabbit = Rabbit::fresh().await;
    rabbit
        .channel()
        .exchange_declare(ExchangeDeclareArguments::new(&rabbit.name, "fanout").durable(true).finish())
        .await
        .unwrap();
    let (publisher, line) = complaint(rabbit.settings(), &journal).await;
    assert!(line.contains("406 PRECONDITION_FAILED") && line.contains("delete it on the broker"), "{line}");
    publisher.close().await;
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_told_with_a_remedy() {
    let (journal, _guard) = Journal::open();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (publisher, line) = complaint(settings_for(&format!("amqp://u:p@{free}"), "events"), &journal).await;
    assert!(line.contains("check that a RabbitMQ listens there"), "{line}");
    assert!(line.contains(&format!("{free}/")), "{line}");
    publisher.close().await;
}

#[tokio::test]
async fn an_event_without_a_queue_is_refused_as_unroutable() {
    let rabbit = Rabbit::fresh().await;
    let publisher = ready(AmqpSettings { queue: None, ..rabbit.settings() }).await;
    for number in 1..=3 {
        match publisher.publish(&delivery(number)).await {
            Err(PublishError::Refused(why)) => assert!(why.contains("unroutable: 312 NO_ROUTE"), "{why}"),
            other => panic!("not refused: {other:?}"),
        }
    }
    assert!(publisher.is_ready().await, "the next one may have a queue");
    publisher.close().await;
}

#[tokio::test]
async fn a_queue_that_was_deleted_is_declared_again() {
    let rabbit = Rabbit::fresh().await;
    let publisher = ready(rabbit.settings()).await;
    publisher.publish(&delivery(1)).await.unwrap();
    for destroy in [true, false] {
        if destroy {
            rabbit.delete_queue().await;
        } else {
            rabbit.unbind().await;
        }
        assert!(matches!(publisher.publish(&delivery(2)).await, Err(PublishError::Refused(_))));
        sleep(Duration::from_millis(50)).await;
        becomes_ready(&publisher).await;
        publisher.publish(&delivery(3)).await.unwrap();
    }
    publisher.close().await;
}
