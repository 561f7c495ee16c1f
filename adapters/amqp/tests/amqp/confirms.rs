//! Confirms, refusals and nonsense from a broker that we script.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use portcullis_amqp::AmqpPublisher;
use portcullis_domain::ports::delivery::{EventPublisher, PublishError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::delivery::{delivery, id};
use crate::fake_broker::{FakeBroker, Published, Talk};
use crate::journal::Journal;
use crate::rabbit::{becomes_ready, stops_being_ready};

type Outcome = JoinHandle<Result<(), PublishError>>;

/// Starts a publish and waits until the broker has it.
async fn sent(publisher: &Arc<AmqpPublisher>, talk: &mut Talk, number: u64) -> (Outcome, Published) {
    let outcome = start(publisher, number);
    let published = talk.published().await;
    assert_eq!(published.message_id, id(number).to_string());
    (outcome, published)
}

fn start(publisher: &Arc<AmqpPublisher>, number: u64) -> Outcome {
    let publisher = Arc::clone(publisher);
    tokio::spawn(async move { publisher.publish(&delivery(number)).await })
}

/// A publisher whose connection has confirmed one message, so that many may be in flight.
async fn proven(broker: &FakeBroker) -> (Arc<AmqpPublisher>, Talk) {
    let publisher = Arc::new(AmqpPublisher::start(broker.settings()).unwrap());
    let mut talk = broker.accept().await;
    becomes_ready(&publisher).await;
    let (first, published) = sent(&publisher, &mut talk, 1000).await;
    talk.ack(published.tag, false).await;
    first.await.unwrap().unwrap();
    (publisher, talk)
}

#[track_caller]
fn assert_unavailable(outcome: Result<(), PublishError>, because: &str) {
    match outcome {
        Err(PublishError::Unavailable(why)) => assert!(why.contains(because), "{why}"),
        other => panic!("not unavailable: {other:?}"),
    }
}

#[track_caller]
fn assert_refused(outcome: Result<(), PublishError>, because: &str) {
    match outcome {
        Err(PublishError::Refused(why)) => assert!(why.contains(because), "{why}"),
        other => panic!("not refused: {other:?}"),
    }
}

/// Does something that ends the connection while two publishes are in flight: both are unavailable, the publisher hangs
/// up, connects again, and works.
async fn ends_the_session<F: Future<Output = Talk>>(act: impl FnOnce(Talk) -> F, because: &str) {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (one, _) = sent(&publisher, &mut talk, 1).await;
    let (two, _) = sent(&publisher, &mut talk, 2).await;
    let mut talk = act(talk).await;
    assert_unavailable(one.await.unwrap(), because);
    assert_unavailable(two.await.unwrap(), because);
    talk.hung_up().await;

    let mut talk = broker.accept().await;
    becomes_ready(&publisher).await;
    let (three, published) = sent(&publisher, &mut talk, 3).await;
    talk.ack(published.tag, false).await;
    three.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_publish_is_mandatory_and_answered_by_its_ack_only() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (outcome, published) = sent(&publisher, &mut talk, 1).await;
    assert!(published.mandatory);
    assert_eq!((published.exchange.as_str(), published.routing_key.as_str()), ("events", "user.registered"));
    sleep(Duration::from_millis(100)).await;
    assert!(!outcome.is_finished(), "answered without a confirm");
    talk.ack(published.tag, false).await;
    outcome.await.unwrap().unwrap();
}

#[tokio::test]
async fn acks_in_any_order_answer_their_own_publishes() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (one, first) = sent(&publisher, &mut talk, 1).await;
    let (two, second) = sent(&publisher, &mut talk, 2).await;
    let (three, third) = sent(&publisher, &mut talk, 3).await;
    talk.ack(third.tag, false).await;
    three.await.unwrap().unwrap();
    talk.nack(first.tag, false).await;
    assert_refused(one.await.unwrap(), "nack");
    assert!(!two.is_finished());
    talk.ack(second.tag, false).await;
    two.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_ack_of_multiple_answers_all_before_it_and_none_behind() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let mut outcomes = Vec::new();
    for number in 1..=5 {
        outcomes.push(sent(&publisher, &mut talk, number).await);
    }
    let fifth = outcomes.pop().unwrap();
    let last = outcomes.last().unwrap().1.tag;
    talk.ack(last, true).await;
    for (outcome, _) in outcomes {
        outcome.await.unwrap().unwrap();
    }
    assert!(!fifth.0.is_finished());
    talk.nack(fifth.1.tag, true).await;
    assert_refused(fifth.0.await.unwrap(), "nack");
}

#[tokio::test]
async fn a_returned_message_is_refused_although_its_ack_follows() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (one, first) = sent(&publisher, &mut talk, 1).await;
    let (two, second) = sent(&publisher, &mut talk, 2).await;
    let (three, third) = sent(&publisher, &mut talk, 3).await;
    talk.give_back(&second).await;
    talk.ack(third.tag, true).await;
    one.await.unwrap().unwrap();
    assert_refused(two.await.unwrap(), "unroutable: 312 NO_ROUTE");
    three.await.unwrap().unwrap();
    assert!(first.tag < second.tag && publisher.is_ready().await);
}

#[tokio::test]
async fn an_unknown_tag_ends_the_session() {
    ends_the_session(
        async |mut talk| {
            talk.ack(99, false).await;
            talk
        },
        "an ack for a message that is not in flight",
    )
    .await;
}

#[tokio::test]
async fn a_tag_that_was_settled_before_ends_the_session() {
    ends_the_session(
        async |mut talk| {
            talk.nack(1, false).await;
            talk
        },
        "a nack for a message that is not in flight",
    )
    .await;
}

#[tokio::test]
async fn a_return_of_a_message_that_is_not_in_flight_ends_the_session() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (one, first) = sent(&publisher, &mut talk, 1).await;
    talk.ack(first.tag, false).await;
    one.await.unwrap().unwrap();
    let (two, _) = sent(&publisher, &mut talk, 2).await;
    talk.give_back(&first).await;
    assert_unavailable(two.await.unwrap(), "a return for a message that is not in flight");
}

#[tokio::test]
async fn a_closed_channel_ends_the_session() {
    ends_the_session(
        async |mut talk| {
            talk.close_channel(404, "NOT_FOUND - no exchange 'events'").await;
            talk
        },
        "404 NOT_FOUND",
    )
    .await;
}

#[tokio::test]
async fn a_closed_connection_ends_the_session() {
    ends_the_session(
        async |mut talk| {
            talk.close_connection(320, "CONNECTION_FORCED - broker forced connection closure").await;
            talk
        },
        "320 CONNECTION_FORCED",
    )
    .await;
}

#[tokio::test]
async fn nonsense_on_the_wire_ends_the_session() {
    ends_the_session(
        async |mut talk| {
            talk.send_bytes(&[1, 0, 1, 0, 0, 0, 1, 0, 0]).await; // a frame without its end mark
            talk
        },
        "the connection was lost",
    )
    .await;
}

#[tokio::test]
async fn a_method_that_no_client_expects_ends_the_session() {
    ends_the_session(
        async |mut talk| {
            talk.send(crate::wire::Frame::method(1, 60, 31)).await; // cancel-ok out of the blue: the client panics
            talk
        },
        "the connection was lost",
    )
    .await;
}

#[tokio::test]
async fn a_confirm_that_does_not_come_is_unavailable_in_time_and_ends_the_session() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let started = Instant::now();
    let (one, _) = sent(&publisher, &mut talk, 1).await;
    assert_unavailable(one.await.unwrap(), "no confirm within 2000 ms");
    let waited = started.elapsed();
    assert!((Duration::from_millis(1900)..Duration::from_millis(2900)).contains(&waited), "{waited:?}");
    talk.hung_up().await;
    broker.accept().await;
}

#[tokio::test]
async fn after_a_missing_confirm_one_message_goes_out_at_a_time_until_one_is_confirmed() {
    let (journal, _guard) = Journal::open();
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (lost, _) = sent(&publisher, &mut talk, 1).await;
    assert_unavailable(lost.await.unwrap(), "no confirm");

    let mut talk = broker.accept().await;
    becomes_ready(&publisher).await;
    let (one, probe) = sent(&publisher, &mut talk, 1).await;
    let two = start(&publisher, 2);
    assert!(!publisher.is_ready().await, "ready although nothing is confirmed");
    assert!(publisher.last_error().unwrap().contains("has not confirmed"));
    assert!(talk.is_quiet(Duration::from_millis(200)).await, "a second message before the first confirm");
    talk.ack(probe.tag, false).await;
    one.await.unwrap().unwrap();
    let second = talk.published().await;
    assert!(publisher.is_ready().await);
    talk.ack(second.tag, false).await;
    two.await.unwrap().unwrap();
    for line in ["connected to RabbitMQ", "RabbitMQ is not available", "RabbitMQ confirms again"] {
        assert_eq!(journal.count(line), 1, "{}", journal.text());
    }
}

#[tokio::test]
async fn what_waited_for_its_turn_has_all_its_time_for_the_confirm_once_it_is_sent() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (lost, _) = sent(&publisher, &mut talk, 1).await;
    assert_unavailable(lost.await.unwrap(), "no confirm");

    let mut talk = broker.accept().await;
    becomes_ready(&publisher).await;
    let (one, probe) = sent(&publisher, &mut talk, 1).await;
    let asked = Instant::now();
    let waiting: Vec<_> = (2..=20).map(|number| start(&publisher, number)).collect();
    sleep(Duration::from_millis(1500)).await;
    talk.ack(probe.tag, false).await;
    one.await.unwrap().unwrap();
    let mut last = probe.tag;
    for _ in &waiting {
        last = talk.published().await.tag;
    }
    // Longer than the confirm timeout after they were asked for, and shorter than that after they were sent.
    sleep(Duration::from_millis(1000)).await;
    assert!(asked.elapsed() > Duration::from_secs(2));
    talk.ack(last, true).await;
    for outcome in waiting {
        outcome.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_blocked_connection_is_unavailable_at_once_and_is_kept() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let asked = Instant::now();
    let (before, first) = sent(&publisher, &mut talk, 1).await;
    talk.block("low on memory").await;
    stops_being_ready(&publisher, Duration::from_secs(2)).await;
    let started = Instant::now();
    assert_unavailable(publisher.publish(&delivery(2)).await, "low on memory");
    assert!(started.elapsed() < Duration::from_millis(200));
    assert!(publisher.last_error().unwrap().contains("low on memory"));
    assert_unavailable(before.await.unwrap(), "no confirm within 4000 ms");
    let waited = asked.elapsed();
    assert!((Duration::from_millis(3900)..Duration::from_millis(4900)).contains(&waited), "{waited:?}");

    talk.unblock().await;
    becomes_ready(&publisher).await;
    talk.ack(first.tag, false).await; // too late for its caller, and no reason to doubt
    let (after, second) = sent(&publisher, &mut talk, 3).await;
    assert_eq!(second.tag, first.tag + 1, "on the same channel");
    talk.ack(second.tag, false).await;
    after.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_count_right() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    let (gone, first) = sent(&publisher, &mut talk, 1).await;
    gone.abort();
    let (two, second) = sent(&publisher, &mut talk, 2).await;
    talk.ack(first.tag, false).await;
    talk.ack(second.tag, false).await;
    two.await.unwrap().unwrap();
}

#[tokio::test]
async fn dropping_the_publisher_hangs_up() {
    let broker = FakeBroker::listen().await;
    let (publisher, mut talk) = proven(&broker).await;
    drop(publisher);
    talk.hung_up().await;
}
