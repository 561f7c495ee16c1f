//! A113: the password is in no log line, error or debug output.

use portcullis_amqp::AmqpPublisher;
use portcullis_domain::ports::delivery::EventPublisher;

use crate::delivery::delivery;
use crate::fake_broker::FakeBroker;
use crate::journal::Journal;
use crate::rabbit::{becomes_ready, stops_being_ready};

#[tokio::test]
async fn a113_the_password_is_never_shown_even_when_the_broker_repeats_it() {
    let (journal, _guard) = Journal::open();
    let broker = FakeBroker::listen().await;
    let settings = broker.settings();
    let mut shown = format!("{settings:?}");
    let publisher = AmqpPublisher::start(settings).unwrap();
    shown += &format!("{publisher:?}");

    let mut talk = broker.connection().await;
    talk.log_in().await;
    talk.close_connection(403, "ACCESS_REFUSED - user 'tester' with password 'Pa55-canary'\r\nforged=line").await;
    talk.hung_up().await;
    shown += &format!("{:?}", publisher.publish(&delivery(1)).await);

    let mut talk = broker.accept().await;
    becomes_ready(&publisher).await;
    talk.block("Pa55-canary").await;
    stops_being_ready(&publisher, std::time::Duration::from_secs(2)).await;
    shown += &format!("{:?} {:?}", publisher.publish(&delivery(1)).await, publisher.last_error());
    talk.close_connection(403, "Pa55-canary").await;
    talk.hung_up().await;

    shown += &format!("{publisher:?}");
    publisher.close().await;
    shown += &journal.text();
    assert!(shown.contains("403") && shown.contains("[redacted]"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!journal.text().lines().any(|line| line.starts_with("forged")), "a line of the broker's own (A112)");
}
