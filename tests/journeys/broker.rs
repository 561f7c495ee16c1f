//! RabbitMQ as the tests use it: an exchange of their own, and a queue that collects all that is published there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amqprs::BasicProperties;
use amqprs::channel::{
    BasicConsumeArguments, BasicPublishArguments, Channel, ExchangeDeclareArguments, ExchangeDeleteArguments,
    QueueBindArguments, QueueDeclareArguments, QueueDeleteArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use serde_json::Value;
use tokio::sync::Notify;

use crate::place::unique;
use crate::surroundings::variable;

/// Where the tests' RabbitMQ is.
pub(crate) fn amqp_url() -> String {
    variable("PORTCULLIS_TEST_AMQP").unwrap_or_else(|| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

/// An exchange for one test, and everything that arrives at it.
pub(crate) struct Broker {
    url: String,
    exchange: String,
    sink: String,
    service_queue: String,
    /// Queues that others declared, to be deleted with ours.
    others: Vec<String>,
    channel: Channel,
    /// Held open: the consumer ends with it.
    _connection: Connection,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    events: Mutex<Vec<Received>>,
    arrived: Notify,
}

/// A message as it came from the broker.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The routing key.
    pub(crate) routing_key: String,
    /// The AMQP `message_id`.
    pub(crate) message_id: String,
    /// The AMQP `content_type`.
    pub(crate) content_type: String,
    /// Whether the message survives a restart of the broker.
    pub(crate) persistent: bool,
    /// The body, byte for byte.
    pub(crate) body: Vec<u8>,
    /// The body as JSON.
    pub(crate) json: Value,
}

impl Received {
    /// The CloudEvents `type` without the product's name and the version: `user.registered`.
    pub(crate) fn name(&self) -> &str {
        let kind = self.json["type"].as_str().unwrap_or_default();
        kind.trim_start_matches("portcullis.").trim_end_matches(".v1")
    }

    /// A text of the data; empty when it is not there.
    pub(crate) fn data(&self, key: &str) -> &str {
        self.json["data"][key].as_str().unwrap_or_default()
    }
}

impl Broker {
    /// A fresh exchange with a queue of the test's own.
    pub(crate) async fn fresh() -> Self {
        let name = unique("portcullis");
        let connection = open().await;
        let channel = connection.open_channel(None).await.expect("a channel");
        let exchange = ExchangeDeclareArguments::new(&name, "topic").durable(true).finish();
        channel.exchange_declare(exchange).await.expect("the exchange can be declared");
        let sink = format!("{name}-sink");
        channel.queue_declare(QueueDeclareArguments::new(&sink).finish()).await.expect("the queue can be declared");
        channel.queue_bind(QueueBindArguments::new(&sink, &name, "#")).await.expect("the queue can be bound");
        let inbox = Arc::new(Inbox::default());
        let consume = BasicConsumeArguments::new(&sink, "journeys").manual_ack(false).finish();
        let (_tag, mut messages) = channel.basic_consume_rx(consume).await.expect("the queue can be consumed");
        let shelf = Arc::clone(&inbox);
        tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                let deliver = message.deliver.expect("a delivery");
                let properties = message.basic_properties.expect("properties");
                let body = message.content.expect("a body");
                shelf.events.lock().expect("nobody panicked with the inbox").push(Received {
                    routing_key: deliver.routing_key().clone(),
                    message_id: properties.message_id().cloned().unwrap_or_default(),
                    content_type: properties.content_type().cloned().unwrap_or_default(),
                    persistent: properties.delivery_mode() == Some(2),
                    json: serde_json::from_slice(&body).unwrap_or(Value::Null),
                    body,
                });
                shelf.arrived.notify_waiters();
            }
        });
        Self {
            url: amqp_url(),
            sink,
            service_queue: format!("{name}-service"),
            others: Vec::new(),
            exchange: name,
            channel,
            _connection: connection,
            inbox,
        }
    }

    /// What `AMQP_URL` says.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The service reaches the broker at another address: that of a proxy.
    pub(crate) fn through(mut self, port: u16) -> Self {
        let mut url = url::Url::parse(&self.url).expect("the broker's URL is one");
        url.set_host(Some("127.0.0.1"))
            .and_then(|()| url.set_port(Some(port)).map_err(|()| url::ParseError::InvalidPort))
            .expect("an address");
        self.url = url.into();
        self
    }

    /// The exchange of this test.
    pub(crate) fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The queue that the service declares for itself.
    pub(crate) fn service_queue(&self) -> &str {
        &self.service_queue
    }

    /// A name for a queue that a consumer declares; it is deleted at the end, with its dead letters.
    pub(crate) fn consumers_queue(&mut self) -> String {
        let name = unique("consumer");
        self.others.extend([name.clone(), format!("{name}.dead")]);
        name
    }

    /// Publishes a message of the test's own making.
    pub(crate) async fn publish(&self, routing_key: &str, message_id: &str, body: &[u8]) {
        let mut properties = BasicProperties::default();
        properties.with_content_type("application/cloudevents+json").with_message_id(message_id);
        let to = BasicPublishArguments::new(&self.exchange, routing_key);
        self.channel.basic_publish(properties, body.to_vec(), to).await.expect("the broker takes it");
    }

    /// Waits until so many messages are in the queue that the service declared; its count lags behind the confirms.
    pub(crate) async fn until_service_queue_holds(&self, messages: usize) {
        self.until_queue_holds(&self.service_queue, messages).await;
    }

    /// Waits until so many messages wait in a queue.
    pub(crate) async fn until_queue_holds(&self, queue: &str, messages: usize) {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let passive = QueueDeclareArguments::new(queue).passive(true).finish();
            let found = self.channel.queue_declare(passive).await.expect("the queue is declared");
            let count = found.expect("an answer").1 as usize;
            if count == messages {
                return;
            }
            assert!(Instant::now() < deadline, "{queue} holds {count} of {messages} messages");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All that has arrived, in the order of its arrival.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.inbox.events.lock().expect("nobody panicked with the inbox").clone()
    }

    /// Waits until what has arrived satisfies `enough`; panics after `patience`.
    #[track_caller]
    pub(crate) fn wait(
        &self,
        what: &str,
        patience: Duration,
        enough: impl Fn(&[Received]) -> bool,
    ) -> impl Future<Output = Vec<Received>> {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = Instant::now() + patience;
            loop {
                let arrived = self.inbox.arrived.notified();
                let events = self.received();
                if enough(&events) {
                    return events;
                }
                let left = deadline.saturating_duration_since(Instant::now());
                if tokio::time::timeout(left, arrived).await.is_err() && !enough(&self.received()) {
                    let names: Vec<_> = events.iter().map(Received::name).collect();
                    panic!("{caller}: {what} did not arrive within {patience:?}; there are {names:?}");
                }
            }
        }
    }

    /// Waits for so many events of a name about an account.
    pub(crate) async fn of(&self, name: &str, user: &str, count: usize) -> Vec<Received> {
        let mine = |event: &&Received| event.name() == name && event.data("user_id") == user;
        let what = format!("{count} × {name} of {user}");
        let all = self.wait(&what, Duration::from_secs(15), |events| events.iter().filter(mine).count() >= count).await;
        all.iter().filter(mine).cloned().collect()
    }
}

impl Drop for Broker {
    /// Removes exchange and queues, also after a failure.
    fn drop(&mut self) {
        let ours = [self.sink.clone(), self.service_queue.clone()];
        let (exchange, queues) = (self.exchange.clone(), [&ours[..], &self.others].concat());
        // A runtime of its own: the test's may be about to end.
        let swept = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(sweep(&exchange, &queues));
        });
        let swept = swept.join();
        if !std::thread::panicking() {
            swept.expect("the test's exchange and queues can be deleted");
        }
    }
}

async fn sweep(exchange: &str, queues: &[String]) {
    let connection = open().await;
    let channel = connection.open_channel(None).await.expect("a channel");
    for queue in queues {
        channel.queue_delete(QueueDeleteArguments::new(queue)).await.expect("the queue can be deleted");
    }
    channel.exchange_delete(ExchangeDeleteArguments::new(exchange)).await.expect("the exchange can be deleted");
    channel.close().await.expect("the channel closes");
    connection.close().await.expect("the connection closes");
}

async fn open() -> Connection {
    let text = amqp_url();
    let url = url::Url::parse(&text).expect("PORTCULLIS_TEST_AMQP is a URL");
    let (host, port) = (url.host_str().expect("a host"), url.port().unwrap_or(5672));
    let mut arguments = OpenConnectionArguments::new(host, port, url.username(), url.password().unwrap_or_default());
    // amqprs takes the path of a URL as it is, escapes and all.
    arguments.virtual_host(&match url.path().trim_start_matches('/') {
        "" => "/".to_owned(),
        vhost => vhost.replace("%2f", "/").replace("%2F", "/"),
    });
    Connection::open(&arguments).await.unwrap_or_else(|error| panic!("the tests need RabbitMQ at {text}: {error}"))
}
