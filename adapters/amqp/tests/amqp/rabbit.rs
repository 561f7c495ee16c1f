//! The real broker, with an exchange and a queue of the test's own.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use amqprs::BasicProperties;
use amqprs::channel::{
    BasicGetArguments, Channel, ExchangeDeleteArguments, QueueDeleteArguments, QueueUnbindArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use portcullis_amqp::{AmqpPublisher, AmqpSettings};
use portcullis_domain::ports::delivery::EventPublisher;
use tokio::time::{Instant, sleep};
use url::Url;

/// One message as a consumer gets it.
pub(crate) struct Message {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

/// Names that no other test uses, and a look at what arrives under them. Dropped, it deletes both.
pub(crate) struct Rabbit {
    pub(crate) name: String,
    channel: Channel,
    _connection: Connection,
}

impl Rabbit {
    pub(crate) async fn fresh() -> Self {
        let chance = RandomState::new().hash_one(std::process::id());
        let name = format!("portcullis.test.{chance:016x}");
        let (connection, channel) = open().await;
        Self { name, channel, _connection: connection }
    }

    pub(crate) fn settings(&self) -> AmqpSettings {
        settings_for(&url(), &self.name)
    }

    /// Takes messages until there are `at_least`, for at most ten seconds, and then those that are left.
    pub(crate) async fn received(&self, at_least: usize) -> Vec<Message> {
        let until = Instant::now() + Duration::from_secs(10);
        let mut taken = Vec::new();
        loop {
            let get = BasicGetArguments::new(&self.name).no_ack(true).finish();
            match self.channel.basic_get(get).await.expect("the queue can be read") {
                Some((ok, properties, body)) => taken.push(Message {
                    exchange: ok.exchange().clone(),
                    routing_key: ok.routing_key().clone(),
                    properties,
                    body,
                }),
                None if taken.len() >= at_least || Instant::now() > until => return taken,
                None => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// The ids of the messages that `received` takes.
    pub(crate) async fn received_ids(&self, at_least: usize) -> Vec<String> {
        self.received(at_least).await.iter().filter_map(|message| message.properties.message_id().cloned()).collect()
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(crate) async fn delete_queue(&self) {
        self.channel.queue_delete(QueueDeleteArguments::new(&self.name)).await.expect("the queue is deleted");
    }

    pub(crate) async fn unbind(&self) {
        let unbind = QueueUnbindArguments::new(&self.name, &self.name, "#");
        self.channel.queue_unbind(unbind).await.expect("the queue is unbound");
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A runtime of its own: the test's cannot be waited on here.
        let deleted = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (connection, channel) = open().await;
                channel.queue_delete(QueueDeleteArguments::new(&name)).await.unwrap();
                channel.exchange_delete(ExchangeDeleteArguments::new(&name)).await.unwrap();
                channel.close().await.unwrap();
                connection.close().await.unwrap();
            });
        });
        assert!(deleted.join().is_ok() || std::thread::panicking(), "{} was not deleted", self.name);
    }
}

/// Settings for a broker at `url`, with everything named `name`.
pub(crate) fn settings_for(url: &str, name: &str) -> AmqpSettings {
    AmqpSettings {
        url: url.to_owned().into(),
        exchange: name.to_owned(),
        queue: Some(name.to_owned()),
        source: "https://auth.example".to_owned(),
        confirm_timeout: Duration::from_secs(5),
        connection_name: name.to_owned(),
    }
}

/// The test broker's URL.
#[expect(clippy::disallowed_methods, reason = "tests find their servers by the environment")]
pub(crate) fn url() -> String {
    std::env::var("PORTCULLIS_TEST_AMQP").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// The test broker's URL with another address, say a proxy's.
pub(crate) fn url_at(address: std::net::SocketAddr) -> String {
    let mut url = Url::parse(&url()).unwrap();
    url.set_host(Some(&address.ip().to_string())).unwrap();
    url.set_port(Some(address.port())).unwrap();
    url.into()
}

/// `host:port` of the test broker.
pub(crate) fn address() -> String {
    let url = Url::parse(&url()).expect("PORTCULLIS_TEST_AMQP is a URL");
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672))
}

async fn open() -> (Connection, Channel) {
    let url = Url::parse(&url()).expect("PORTCULLIS_TEST_AMQP is a URL");
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut arguments = OpenConnectionArguments::new(
        url.host_str().unwrap(),
        url.port().unwrap_or(5672),
        &decoded(url.username()),
        &decoded(url.password().unwrap_or_default()),
    );
    let vhost = decoded(url.path().trim_start_matches('/'));
    arguments.virtual_host(if vhost.is_empty() { "/" } else { &vhost });
    let connection = Connection::open(&arguments)
        .await
        .unwrap_or_else(|error| panic!("these tests need a RabbitMQ at {} (PORTCULLIS_TEST_AMQP): {error}", address()));
    let channel = connection.open_channel(None).await.expect("a channel opens");
    (connection, channel)
}

/// A started publisher that is ready.
pub(crate) async fn ready(settings: AmqpSettings) -> AmqpPublisher {
    let publisher = AmqpPublisher::start(settings).expect("the settings are valid");
    becomes_ready(&publisher).await;
    publisher
}

/// Waits until it is ready, at most ten seconds.
pub(crate) async fn becomes_ready(publisher: &AmqpPublisher) {
    let until = Instant::now() + Duration::from_secs(10);
    while !publisher.is_ready().await {
        assert!(Instant::now() < until, "not ready: {:?}", publisher.last_error());
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until it is not ready, at most `within`.
pub(crate) async fn stops_being_ready(publisher: &AmqpPublisher, within: Duration) {
    let until = Instant::now() + within;
    while publisher.is_ready().await {
        assert!(Instant::now() < until, "still ready after {within:?}");
        sleep(Duration::from_millis(10)).await;
    }
}
