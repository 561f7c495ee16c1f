//! The outbox: how fast a backlog reaches RabbitMQ, each event confirmed.

use std::time::{Duration, Instant};

use amqprs::channel::{Channel, ExchangeDeleteArguments, QueueDeclareArguments, QueueDeleteArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};

use crate::place::{Place, variable};
use crate::seed;
use crate::service::Settings;
use crate::table::{Table, Target};
use crate::wire::{Wire, text};
use crate::{CONNECTIONS, Plan};

/// How many accounts the backlog is about: events of one account go out one after the other.
const ACCOUNTS: usize = 512;
/// Refreshes of each account.
const EACH: usize = 40;
/// A registration, a login, and the refreshes.
const EVENTS: usize = ACCOUNTS * (2 + EACH);

/// Fills the outbox while the broker is away, then lets it drain.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    for (scenario, figure) in [("drain-sqlite", "SQLite"), ("drain-postgres", "PostgreSQL")] {
        if plan.wants(scenario) {
            let place = if figure == "SQLite" { Place::sqlite() } else { Place::postgres().await };
            drain(table, &place, figure).await;
            place.remove().await;
        }
    }
}

async fn drain(table: &mut Table, place: &Place, figure: &str) {
    let name = place.dir().file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let settings = Settings::on(place)
        .with_cheap_passwords()
        .with("PORTCULLIS__EVENTS__ANNOUNCE_REFRESHES", "true")
        .with("PORTCULLIS__EVENTS__EXCHANGE", &name)
        .with("PORTCULLIS__EVENTS__QUEUE", &name);
    // Nobody listens on the discard port: the backlog grows.
    let away = settings.clone().with("AMQP_URL", "amqp://guest:guest@127.0.0.1:9/%2f").start().await;
    fill(&away.address).await;
    away.kill();

    let connection = open().await;
    let service = settings.with("AMQP_URL", &amqp_url()).start().await;
    let channel = declared(&connection, &name).await;
    let rate = watch(&channel, &name).await;
    let notes = format!("{EVENTS} events of {ACCOUNTS} accounts into a quorum queue");
    table.add(&format!("outbox to RabbitMQ, {figure}"), rate, "confirmed/s", Target::AtLeast(5_000.0), &notes);
    service.kill();
    channel.queue_delete(QueueDeleteArguments::new(&name)).await.expect("the queue can be deleted");
    channel.exchange_delete(ExchangeDeleteArguments::new(&name)).await.expect("the exchange can be deleted");
    channel.close().await.expect("the channel closes");
    connection.close().await.expect("the connection closes");
}

/// Each connection refreshes its accounts in turn, so that the backlog is as mixed as life.
async fn fill(address: &str) {
    let sessions = seed::sessions(address, ACCOUNTS).await;
    let mut tasks = tokio::task::JoinSet::new();
    for chains in sessions.chunks(ACCOUNTS / CONNECTIONS) {
        let mut chains: Vec<String> = chains.iter().map(|tokens| tokens.refresh.clone()).collect();
        let mut wire = Wire::to(address).await.expect("the service accepts");
        tasks.spawn(async move {
            let mut request = Vec::new();
            for _ in 0..EACH {
                for chain in &mut chains {
                    seed::refresh(&mut request, chain);
                    let reply = wire.call(&request).await.expect("the service answers");
                    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(reply.body));
                    *chain = text(reply.body, "refresh_token").expect("a token").to_owned();
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no connection broke");
    }
}

/// Where the broker is.
pub(crate) fn amqp_url() -> String {
    variable("PORTCULLIS_TEST_AMQP").unwrap_or_else(|| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// A connection to the broker.
pub(crate) async fn open() -> Connection {
    let text = amqp_url();
    let url = url::Url::parse(&text).expect("PORTCULLIS_TEST_AMQP is a URL");
    let (host, port) = (url.host_str().expect("a host"), url.port().unwrap_or(5672));
    let mut arguments = OpenConnectionArguments::new(host, port, url.username(), url.password().unwrap_or_default());
    // amqprs takes the path of a URL as it is, escapes and all.
    arguments.virtual_host(&match url.path().trim_start_matches('/') {
        "" => "/".to_owned(),
        vhost => vhost.replace("%2f", "/").replace("%2F", "/"),
    });
    Connection::open(&arguments).await.unwrap_or_else(|error| panic!("the bench needs RabbitMQ at {text}: {error}"))
}

/// A channel on which the service's queue is known to exist: asking for one that does not costs the channel.
async fn declared(connection: &Connection, queue: &str) -> Channel {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let channel = connection.open_channel(None).await.expect("a channel");
        if channel.queue_declare(passive(queue)).await.is_ok() {
            return channel;
        }
        assert!(Instant::now() < deadline, "the service has not declared its queue");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn passive(queue: &str) -> QueueDeclareArguments {
    QueueDeclareArguments::new(queue).passive(true).finish()
}

/// Events a second between the first look that finds some and the one that finds all.
async fn watch(channel: &Channel, queue: &str) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut first = None;
    loop {
        let (_, count, _) = channel.queue_declare(passive(queue)).await.expect("an answer").expect("the queue");
        let now = Instant::now();
        let count = count as usize;
        if count > 0 {
            let (begun, already) = *first.get_or_insert((now, count));
            if count >= EVENTS {
                return (EVENTS - already) as f64 / (now - begun).as_secs_f64();
            }
        }
        assert!(now < deadline, "after a minute {count} of {EVENTS} events have arrived");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
