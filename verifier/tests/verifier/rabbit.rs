//! The real broker, with an exchange of the test's own, and a line to it that can be cut.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use amqprs::BasicProperties;
use amqprs::channel::{BasicPublishArguments, Channel, ExchangeDeclareArguments, ExchangeDeleteArguments};
use amqprs::connection::{Connection, OpenConnectionArguments};
use portcullis_domain::event::{CloudEvent, Event};
use portcullis_domain::ids::{EventId, UserId};
use portcullis_domain::ports::delivery::Delivery;
use portcullis_domain::{Timestamp, ports::ambient::Randomness};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Random enough for ids.
pub(crate) struct Dice;

impl Randomness for Dice {
    fn fill(&self, buf: &mut [u8]) {
        aws_lc_rs::rand::fill(buf).expect("the system has randomness");
    }
}

/// `amqp://…` of the test broker.
#[expect(clippy::disallowed_methods, reason = "tests find their servers by the environment")]
pub(crate) fn url() -> String {
    std::env::var("PORTCULLIS_TEST_AMQP").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned())
}

fn parsed() -> url::Url {
    url::Url::parse(&url()).expect("PORTCULLIS_TEST_AMQP is a URL")
}

fn broker() -> String {
    let url = parsed();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672))
}

/// An exchange that no other test uses. Dropped, it is deleted.
pub(crate) struct Rabbit {
    pub(crate) exchange: String,
    channel: Channel,
    _connection: Connection,
}

impl Rabbit {
    pub(crate) async fn fresh() -> Self {
        let exchange = format!("portcullis.test.{:016x}", RandomState::new().hash_one(std::process::id()));
        let (connection, channel) = open().await;
        let rabbit = Self { exchange, channel, _connection: connection };
        rabbit.declare().await;
        rabbit
    }

    async fn declare(&self) {
        let declare = ExchangeDeclareArguments::new(&self.exchange, "topic").durable(true).finish();
        self.channel.exchange_declare(declare).await.expect("the exchange is declared");
    }

    /// Publishes an event of `source`, as the service itself writes it.
    pub(crate) async fn publish(&self, source: &str, event: Event) {
        let now = Timestamp::from_unix_seconds(1_767_268_800);
        let id = EventId::new(now, &Dice);
        let routing_key = event.name();
        let subject = event.subject(id);
        let delivery =
            Delivery { id, sequence: 1, subject, occurred_at: now, event, traceparent: None, attempts: 1, refusals: 0 };
        let json = serde_json::to_vec(&CloudEvent::new(&delivery, source)).expect("an event is JSON");
        self.publish_raw(routing_key, json).await;
    }

    pub(crate) async fn publish_raw(&self, routing_key: &str, body: Vec<u8>) {
        let arguments = BasicPublishArguments::new(&self.exchange, routing_key);
        self.channel.basic_publish(BasicProperties::default(), body, arguments).await.expect("it is published");
    }

    pub(crate) async fn delete_exchange(&self) {
        self.channel.exchange_delete(ExchangeDeleteArguments::new(&self.exchange)).await.expect("it is deleted");
    }

    pub(crate) async fn declare_again(&self) {
        self.declare().await;
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        let exchange = self.exchange.clone();
        // A runtime of its own: the test's cannot be waited on here.
        let deleted = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (connection, channel) = open().await;
                channel.exchange_delete(ExchangeDeleteArguments::new(&exchange)).await.unwrap();
                channel.close().await.unwrap();
                connection.close().await.unwrap();
            });
        });
        assert!(deleted.join().is_ok() || std::thread::panicking(), "{} was not deleted", self.exchange);
    }
}

async fn open() -> (Connection, Channel) {
    let url = parsed();
    let password = url.password().unwrap_or_default();
    let port = url.port().unwrap_or(5672);
    let arguments = OpenConnectionArguments::new(url.host_str().unwrap(), port, url.username(), password);
    let connection = Connection::open(&arguments)
        .await
        .unwrap_or_else(|error| panic!("these tests need a RabbitMQ at {} (PORTCULLIS_TEST_AMQP): {error}", broker()));
    let channel = connection.open_channel(None).await.expect("a channel opens");
    (connection, channel)
}

/// A line to the broker that can be cut, silenced and mended.
pub(crate) struct Line {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    silence: Arc<Notify>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    open: Vec<JoinHandle<()>>,
}

impl Line {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let (shared, silence) = (state.clone(), Arc::new(Notify::new()));
        let silenced = silence.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut state = shared.lock().unwrap();
                if state.is_cut {
                    continue;
                }
                let silenced = silenced.clone();
                state.open.push(tokio::spawn(async move {
                    let mut far = TcpStream::connect(broker()).await.expect("the broker answers");
                    tokio::select! {
                        // Either end may hang up.
                        ended = tokio::io::copy_bidirectional(&mut near, &mut far) => drop(ended),
                        // Both ends stay open, and nothing goes through any more.
                        () = silenced.notified() => std::future::pending().await,
                    }
                }));
            }
        });
        Self { address, state, silence, task }
    }

    /// The broker's URL by way of this line.
    pub(crate) fn url(&self) -> String {
        let mut url = parsed();
        url.set_host(Some(&self.address.ip().to_string())).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.into()
    }

    pub(crate) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = true;
        state.open.drain(..).for_each(|one| one.abort());
    }

    /// Nothing goes through any more, and nobody is told.
    pub(crate) fn silence(&self) {
        self.silence.notify_waiters();
    }

    pub(crate) fn mend(&self) {
        self.state.lock().unwrap().is_cut = false;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

pub(crate) fn user_id(text: &str) -> UserId {
    text.parse().expect("a UUID")
}
