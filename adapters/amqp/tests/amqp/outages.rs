//! A line that fails between the publisher and the real broker.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis_amqp::{AmqpPublisher, AmqpSettings};
use portcullis_domain::ports::delivery::{EventPublisher, PublishError};
use tokio::time::{Instant, sleep};

use crate::delivery::{delivery, id};
use crate::journal::Journal;
use crate::line::Line;
use crate::rabbit::{Rabbit, address, becomes_ready, ready, stops_being_ready, url_at};

async fn behind(line: &Line, rabbit: &Rabbit) -> AmqpSettings {
    AmqpSettings { url: url_at(line.address).into(), confirm_timeout: Duration::from_secs(2), ..rabbit.settings() }
}

fn unavailable(outcome: &Result<(), PublishError>) -> bool {
    matches!(outcome, Err(PublishError::Unavailable(_)))
}

/// Publishes `count` messages over `workers` tasks while `trouble` acts on the line; what each was answered.
async fn under_load(
    publisher: &Arc<AmqpPublisher>,
    count: u64,
    workers: u64,
    trouble: impl AsyncFnOnce(),
) -> Vec<(u64, Result<(), PublishError>)> {
    let tasks: Vec<_> = (0..workers)
        .map(|worker| {
            let publisher = Arc::clone(publisher);
            tokio::spawn(async move {
                let mut outcomes = Vec::new();
                for number in (worker..count).step_by(usize::try_from(workers).unwrap()) {
                    let outcome = publisher.publish(&delivery(number)).await;
                    if outcome.is_err() {
                        sleep(Duration::from_millis(5)).await;
                    }
                    outcomes.push((number, outcome));
                }
                outcomes
            })
        })
        .collect();
    trouble().await;
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

/// Everything that was answered `Ok` is in the queue, and whatever failed was called unavailable. How many of each.
async fn nothing_confirmed_is_lost(rabbit: &Rabbit, outcomes: &[(u64, Result<(), PublishError>)]) -> (usize, usize) {
    let confirmed: Vec<_> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| id(*number).to_string()).collect();
    let failed = outcomes.iter().filter(|(_, outcome)| unavailable(outcome)).count();
    assert_eq!(confirmed.len() + failed, outcomes.len(), "an outcome that is neither");
    let queued: HashSet<_> = rabbit.received_ids(confirmed.len()).await.into_iter().collect();
    let lost: Vec<_> = confirmed.iter().filter(|id| !queued.contains(*id)).collect();
    assert!(lost.is_empty(), "confirmed and lost: {lost:?}");
    (confirmed.len(), failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_confirmed_before_a_cut_is_in_the_queue_and_the_rest_is_unavailable() {
    let (rabbit, line) = (Rabbit::fresh().await, Line::to(address()).await);
    let publisher = Arc::new(ready(behind(&line, &rabbit).await).await);
    let outcomes = under_load(&publisher, 4000, 64, async || {
        for _ in 0..3 {
            sleep(Duration::from_millis(100)).await;
            line.cut();
            stops_being_ready(&publisher, Duration::from_secs(2)).await;
            line.mend();
            becomes_ready(&publisher).await;
        }
    })
    .await;
    let (confirmed, failed) = nothing_confirmed_is_lost(&rabbit, &outcomes).await;
    assert!(confirmed > 64 && failed > 0, "{confirmed} confirmed, {failed} failed");
    publisher.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirms_that_never_arrive_are_not_taken_for_granted() {
    let (rabbit, line) = (Rabbit::fresh().await, Line::to(address()).await);
    let publisher = Arc::new(ready(behind(&line, &rabbit).await).await);
    let outcomes = under_load(&publisher, 2000, 64, async || {
        sleep(Duration::from_millis(100)).await;
        line.deafen(); // the broker takes the messages, and its confirms are lost
        stops_being_ready(&publisher, Duration::from_secs(4)).await;
        line.mend();
        becomes_ready(&publisher).await;
    })
    .await;
    let (confirmed, failed) = nothing_confirmed_is_lost(&rabbit, &outcomes).await;
    assert!(confirmed > 0 && failed > 0, "{confirmed} confirmed, {failed} failed");
    publisher.close().await;
}

#[tokio::test]
async fn a_stalled_line_is_unavailable_within_the_confirm_timeout() {
    let (rabbit, line) = (Rabbit::fresh().await, Line::to(address()).await);
    let publisher = ready(behind(&line, &rabbit).await).await;
    publisher.publish(&delivery(1)).await.unwrap();
    line.stall();
    let started = Instant::now();
    assert!(unavailable(&publisher.publish(&delivery(2)).await));
    assert!(started.elapsed() < Duration::from_millis(2500), "{:?}", started.elapsed());
    stops_being_ready(&publisher, Duration::from_secs(1)).await;
    line.mend();
    becomes_ready(&publisher).await;
    publisher.publish(&delivery(3)).await.unwrap();
    publisher.close().await;
}

#[tokio::test]
async fn heartbeats_find_a_half_open_connection_without_any_publish() {
    let (rabbit, line) = (Rabbit::fresh().await, Line::to(address()).await);
    let mut settings = behind(&line, &rabbit).await;
    settings.url = format!("{}?heartbeat=2", url_at(line.address)).into();
    let publisher = ready(settings).await;
    line.stall();
    stops_being_ready(&publisher, Duration::from_secs(8)).await;
    line.mend();
    becomes_ready(&publisher).await;
    publisher.close().await;
}

#[tokio::test]
async fn a_broker_that_comes_later_is_found_and_until_then_publishes_fail_at_once() {
    let (journal, _guard) = Journal::open();
    let (rabbit, line) = (Rabbit::fresh().await, Line::to(address()).await);
    line.cut();
    let publisher = AmqpPublisher::start(behind(&line, &rabbit).await).unwrap();
    sleep(Duration::from_millis(700)).await;
    assert!(!publisher.is_ready().await);
    let started = Instant::now();
    assert!(unavailable(&publisher.publish(&delivery(1)).await));
    assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
    assert!(publisher.last_error().unwrap().contains(&line.address.to_string()));
    assert_eq!(journal.count("RabbitMQ is not available"), 1, "{}", journal.text());

    line.mend();
    becomes_ready(&publisher).await;
    publisher.publish(&delivery(1)).await.unwrap();
    assert_eq!(publisher.last_error(), None);
    assert_eq!(journal.count("connected to RabbitMQ"), 1, "{}", journal.text());
    publisher.close().await;
    assert_eq!(journal.count("disconnected from RabbitMQ"), 1, "{}", journal.text());
}

#[tokio::test]
async fn closing_during_an_outage_does_not_wait_for_the_broker() {
    let (rabbit, line) = (Rabbit::fresh().await, Line::to(address()).await);
    drop(ready(behind(&line, &rabbit).await).await); // declares what the end of the test deletes
    line.stall();
    let publisher = AmqpPublisher::start(behind(&line, &rabbit).await).unwrap();
    sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    publisher.close().await;
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}
