//! Confirmed publishes per second, with 1, 64 and 256 in flight, to a quorum queue and to a classic one.
//!
//! `cargo run --release -p portcullis-amqp --example throughput [seconds per row, default 3]`, against the broker that
//! `PORTCULLIS_TEST_AMQP` names (default: the development account on 127.0.0.1). It declares an exchange and queues of
//! its own and deletes them at the end. The classic queue is declared by hand: the publisher itself makes quorum queues.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use amqprs::channel::{
    Channel, ExchangeDeclareArguments, ExchangeDeleteArguments, QueueBindArguments, QueueDeclareArguments,
    QueueDeleteArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use portcullis_amqp::{AmqpPublisher, AmqpSettings};
use portcullis_domain::Timestamp;
use portcullis_domain::event::Event;
use portcullis_domain::ids::{EventId, UserId};
use portcullis_domain::ports::delivery::{Delivery, EventPublisher};
use uuid::Uuid;

type Anyhow<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own: figures out, environment in"
)]
async fn main() -> Anyhow<()> {
    let url =
        std::env::var("PORTCULLIS_TEST_AMQP").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned());
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    println!("{:<8} {:>9} {:>12} {:>10} {:>10}", "queue", "in flight", "confirmed/s", "p50 ms", "p99 ms");
    for kind in ["quorum", "classic"] {
        for in_flight in [1, 64, 256] {
            measure(&url, kind, in_flight, Duration::from_secs(seconds)).await?;
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn measure(url: &str, kind: &str, in_flight: usize, time: Duration) -> Anyhow<()> {
    let name = format!("portcullis.throughput.{kind}.{}", std::process::id());
    let mut arguments = OpenConnectionArguments::try_from(url)?;
    if arguments.get_virtual_host() == "%2f" {
        arguments.virtual_host("/");
    }
    let connection = Connection::open(&arguments).await?;
    let channel = connection.open_channel(None).await?;
    if kind == "classic" {
        channel.exchange_declare(ExchangeDeclareArguments::new(&name, "topic").durable(true).finish()).await?;
        channel.queue_declare(QueueDeclareArguments::durable_client_named(&name)).await?;
        channel.queue_bind(QueueBindArguments::new(&name, &name, "#")).await?;
    }
    let publisher = Arc::new(AmqpPublisher::start(AmqpSettings {
        url: url.to_owned().into(),
        exchange: name.clone(),
        queue: (kind == "quorum").then(|| name.clone()),
        source: "https://auth.example".to_owned(),
        confirm_timeout: Duration::from_secs(10),
        connection_name: "throughput".to_owned(),
    })?);
    while !publisher.is_ready().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (count, mut latencies) = load(&publisher, in_flight, time).await?;
    publisher.close().await;
    latencies.sort_unstable();
    let at =
        |percent: usize| latencies.get(latencies.len() * percent / 100).map_or(0.0, |micros| f64::from(*micros) / 1e3);
    let rate = count as f64 / time.as_secs_f64();
    println!("{kind:<8} {in_flight:>9} {rate:>12.0} {:>10.2} {:>10.2}", at(50), at(99));
    clean_up(channel, connection, &name).await
}

/// Keeps `in_flight` publishes under way for `time`; how many were confirmed, and the latency of each in microseconds.
async fn load(publisher: &Arc<AmqpPublisher>, in_flight: usize, time: Duration) -> Anyhow<(u64, Vec<u32>)> {
    let numbers = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + time;
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (publisher, numbers) = (Arc::clone(publisher), Arc::clone(&numbers));
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                while Instant::now() < until {
                    let delivery = delivery(numbers.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    publisher.publish(&delivery).await?;
                    latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                Ok::<_, portcullis_domain::ports::delivery::PublishError>(latencies)
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await??);
    }
    Ok((all.len() as u64, all))
}

fn delivery(number: u64) -> Delivery {
    let id = EventId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number)));
    let user_id = UserId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_9000_0000_0000_0000 | u128::from(number)));
    let event = Event::UserRegistered {
        user_id,
        username: Some("someone".to_owned()),
        email: "someone@example.org".to_owned(),
    };
    let subject = event.subject(id);
    Delivery {
        id,
        sequence: number,
        subject,
        occurred_at: Timestamp::from_unix_seconds(1_763_721_600),
        event,
        traceparent: None,
        attempts: 1,
        refusals: 0,
    }
}

async fn clean_up(channel: Channel, connection: Connection, name: &str) -> Anyhow<()> {
    channel.queue_delete(QueueDeleteArguments::new(name)).await?;
    channel.exchange_delete(ExchangeDeleteArguments::new(name)).await?;
    channel.close().await?;
    Ok(connection.close().await?)
}
