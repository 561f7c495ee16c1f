//! How long a revoked token lives on: from the logout at one of three replicas to the last of five verifiers.

use std::net::ToSocketAddrs;
use std::time::{Duration, Instant};

use amqprs::channel::{ExchangeDeleteArguments, QueueDeleteArguments};
use portcullis_verifier::amqp::AmqpFeed;
use portcullis_verifier::poll::PollFeed;
use portcullis_verifier::{FeedStatus, Rejected, Staleness, Verifier};
use tokio::time::sleep;

use crate::Plan;
use crate::closed::Measured;
use crate::drain::{amqp_url, open};
use crate::line::Line;
use crate::place::{Place, variable};
use crate::seed::{self, Tokens};
use crate::service::{CLIENT, Service, Settings};
use crate::table::{Table, Target};
use crate::wire::{Wire, request};

const REPLICAS: usize = 3;
const VERIFIERS: usize = 5;
/// So many of them would rather refuse than trust what they have not heard.
const STRICT: usize = 3;
/// Beyond it they do. A line that breaks without a word may have been dead for two heartbeats of five seconds, and counts
/// as lost for so long.
const BOUND: Duration = Duration::from_secs(15);
/// Whatever takes longer is not measured but broken.
const PATIENCE: Duration = Duration::from_secs(30);
const ISSUER: &str = "https://auth.example.test";

struct Fleet {
    services: Vec<Service>,
    wires: Vec<Wire>,
    verifiers: Vec<Verifier>,
    request: Vec<u8>,
}

/// `PORTCULLIS_REVOCATIONS` logouts, 250 when absent, at random replicas: over RabbitMQ, then by long poll; then the
/// line to the broker is cut.
pub(crate) async fn run(plan: &Plan, table: &mut Table) {
    if !plan.wants("revoke") {
        return;
    }
    let count = variable("PORTCULLIS_REVOCATIONS").map_or(250, |text| text.parse().expect("a number"));
    let place = Place::postgres().await;
    let name = place.dir().file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let line = line_to_broker().await;
    let mut fleet = Fleet::start(&place, &name).await;
    let sessions = seed::sessions(&fleet.services[0].address, 2 * count).await;
    let (over_amqp, by_poll) = sessions.split_at(count);

    fleet.listen(&line, &name).await;
    let took = fleet.revoke_all(over_amqp).await;
    let of = format!("{count} logouts on {REPLICAS} replicas, {VERIFIERS} verifiers; {}", took.notes());
    let figure = "a revoked token's life, over RabbitMQ: p99";
    table.add(figure, took.ms(99.0), "ms", Target::AtMost(250.0), &of);
    fleet.cut(&line, table).await;

    fleet.ask().await;
    let took = fleet.revoke_all(by_poll).await;
    let of = format!("{count} logouts on {REPLICAS} replicas, {VERIFIERS} verifiers; {}", took.notes());
    table.add("a revoked token's life, by long poll: p99", took.ms(99.0), "ms", Target::None, &of);

    drop((fleet.verifiers, fleet.wires));
    fleet.services.into_iter().for_each(Service::kill);
    sweep(&name).await;
    place.remove().await;
}

impl Fleet {
    async fn start(place: &Place, name: &str) -> Self {
        let (mut services, mut wires) = (Vec::new(), Vec::new());
        for _ in 0..REPLICAS {
            let settings = Settings::on(place).with_cheap_passwords().with("AMQP_URL", &amqp_url());
            let settings = settings
                .with("PORTCULLIS__EVENTS__EXCHANGE", name)
                .with("PORTCULLIS__EVENTS__QUEUE", name)
                .with("PORTCULLIS__TOKENS__ISSUER", ISSUER);
            let service = settings.start().await;
            wires.push(Wire::to(&service.address).await.expect("the service accepts"));
            services.push(service);
        }
        Self { services, wires, verifiers: Vec::new(), request: Vec::new() }
    }

    /// Verifiers that listen to the broker.
    async fn listen(&mut self, line: &Line, exchange: &str) {
        let mut broker = url::Url::parse(&amqp_url()).expect("PORTCULLIS_TEST_AMQP is a URL");
        broker.set_host(Some("127.0.0.1")).expect("a host");
        broker.set_port(Some(line.port)).expect("a port");
        self.verifiers.clear();
        for number in 0..VERIFIERS {
            let feed = AmqpFeed::new(broker.as_str()).and_then(|feed| feed.exchange(exchange)).expect("a broker");
            let policy = if number < STRICT { Staleness::RefuseBeyond(BOUND) } else { Staleness::Accept };
            let built = self.trusting(number).feed(feed).staleness(policy).build();
            self.verifiers.push(built.expect("these settings are valid"));
        }
        self.until_accepted().await;
    }

    /// Verifiers that ask a replica.
    async fn ask(&mut self) {
        self.verifiers.clear();
        for number in 0..VERIFIERS {
            let url = format!("http://{}", self.services[number % REPLICAS].address);
            let feed = PollFeed::new(&url, CLIENT.0, CLIENT.1).expect("a URL");
            let policy = Staleness::RefuseBeyond(4 * BOUND);
            let built = self.trusting(number).feed(feed).staleness(policy).build();
            self.verifiers.push(built.expect("these settings are valid"));
        }
        self.until_accepted().await;
    }

    fn trusting(&self, number: usize) -> portcullis_verifier::Builder {
        let service = &self.services[number % REPLICAS];
        Verifier::builder(ISSUER).address(format!("http://{}", service.address)).audience("portcullis")
    }

    /// Until everybody accepts what is issued now; how long that took.
    async fn until_accepted(&self) -> Duration {
        let since = Instant::now();
        loop {
            let token = seed::last_session(&self.services[0].address, 0).await.access;
            if self.accepting(&token).await == self.verifiers.len() {
                return since.elapsed();
            }
            assert!(since.elapsed() < PATIENCE, "the verifiers do not accept good tokens");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many verifiers accept it.
    async fn accepting(&self, token: &str) -> usize {
        let mut accepting = 0;
        for verifier in &self.verifiers {
            accepting += usize::from(verifier.verify_async(token).await.is_ok());
        }
        accepting
    }

    async fn log_out(&mut self, token: &str) {
        let header = format!("authorization: Bearer {token}\r\n");
        request(&mut self.request, "POST", "/api/v1/auth/logout", &header, "");
        let replica = usize::from(random()) % REPLICAS;
        let status = self.wires[replica].call(&self.request).await.expect("the service answers").status;
        assert_eq!(status, 204, "a session ends");
    }

    /// Ends one session after the other; how long each token lived on, from the sending of the request to the last
    /// verifier that refuses it.
    async fn revoke_all(&mut self, sessions: &[Tokens]) -> Measured {
        let (began, mut took) = (Instant::now(), Vec::with_capacity(sessions.len()));
        for Tokens { refresh, .. } in sessions {
            // Strict verifiers want a token that was issued after they began to hear.
            let token = self.refreshed(refresh).await;
            assert_eq!(self.accepting(&token).await, self.verifiers.len(), "a good token is accepted by all");
            // Not in step with whatever the service does at intervals.
            sleep(Duration::from_micros(400 * u64::from(random()))).await;
            let asked = Instant::now();
            self.log_out(&token).await;
            for verifier in &self.verifiers {
                while verifier.verify(&token).is_ok() {
                    assert!(asked.elapsed() < PATIENCE, "a verifier never hears of it");
                    sleep(Duration::from_micros(500)).await;
                }
                assert_eq!(verifier.verify(&token), Err(Rejected::Revoked));
            }
            took.push(asked.elapsed());
        }
        Measured::of(took, 0, began.elapsed())
    }

    async fn refreshed(&mut self, refresh: &str) -> String {
        seed::refresh(&mut self.request, refresh);
        let reply = self.wires[0].call(&self.request).await.expect("the service answers");
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(reply.body));
        Tokens::of(reply.body).expect("tokens").access
    }

    /// What the verifiers do when the broker is out of reach, and how long they need when it is back.
    async fn cut(&mut self, line: &Line, table: &mut Table) {
        let good = seed::last_session(&self.services[0].address, 1).await.access;
        let bad = seed::last_session(&self.services[0].address, 2).await.access;
        assert_eq!((self.accepting(&good).await, self.accepting(&bad).await), (VERIFIERS, VERIFIERS));
        line.cut();
        let cut = Instant::now();
        self.until(|feed| matches!(feed, FeedStatus::Lost { .. })).await;
        let noticed = cut.elapsed();
        self.log_out(&bad).await;
        assert_eq!(self.accepting(&good).await, VERIFIERS, "within the bound nobody is refused");
        while self.verifiers[..STRICT].iter().any(|strict| strict.verify(&good).is_ok()) {
            assert!(cut.elapsed() < PATIENCE, "the strict ones go on");
            sleep(Duration::from_millis(1)).await;
        }
        let refused = cut.elapsed();
        let stale = |verifier: &Verifier| verifier.verify(&bad) == Err(Rejected::Stale);
        assert!(self.verifiers[..STRICT].iter().all(stale), "a strict one refuses what it cannot know");
        let reporting = |verifier: &Verifier| matches!(verifier.status().feed, FeedStatus::Lost { .. });
        let lenient = &self.verifiers[STRICT..];
        let open = lenient.iter().filter(|one| one.verify(&bad).is_ok() && reporting(one)).count();
        let of = format!(
            "a bound of {} s, of which the line may have been dead for 10 s already; noticed after {:.1} ms",
            BOUND.as_secs(),
            ms(noticed)
        );
        let figure = "broker cut: the strict verifiers refuse everything after";
        table.add(figure, refused.as_secs_f64(), "s", Target::AtMost(BOUND.as_secs_f64() + 0.25), &of);
        let of = format!("of {}, a token that was revoked meanwhile", VERIFIERS - STRICT);
        let figure = "broker cut: lenient verifiers that accept and report it";
        table.add(figure, open as f64, "", Target::AtLeast((VERIFIERS - STRICT) as f64), &of);

        line.mend();
        let mended = Instant::now();
        self.until(|feed| matches!(feed, FeedStatus::Gap { .. })).await;
        let heard = mended.elapsed();
        let unheard = |verifier: &Verifier| verifier.verify(&good) == Err(Rejected::Unheard);
        assert!(self.verifiers[..STRICT].iter().all(unheard), "what is from before the gap must be refreshed");
        self.until_accepted().await;
        let of = format!(
            "all hear again after {:.2} s; then what is issued in the next second is accepted",
            heard.as_secs_f64()
        );
        let figure = "broker back: until new tokens are accepted by all";
        table.add(figure, mended.elapsed().as_secs_f64(), "s", Target::AtMost(7.0), &of);
    }

    async fn until(&self, is_so: impl Fn(FeedStatus) -> bool) {
        let since = Instant::now();
        while !self.verifiers.iter().all(|verifier| is_so(verifier.status().feed)) {
            assert!(since.elapsed() < PATIENCE, "a feed does not notice");
            sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn line_to_broker() -> Line {
    let url = url::Url::parse(&amqp_url()).expect("PORTCULLIS_TEST_AMQP is a URL");
    let at = (url.host_str().expect("a host"), url.port().unwrap_or(5672));
    let target = at.to_socket_addrs().expect("the broker's host").next().expect("an address");
    Line::to(target).await
}

/// Removes what the services declared at the broker.
async fn sweep(name: &str) {
    let connection = open().await;
    let channel = connection.open_channel(None).await.expect("a channel");
    channel.queue_delete(QueueDeleteArguments::new(name)).await.expect("the queue can be deleted");
    channel.exchange_delete(ExchangeDeleteArguments::new(name)).await.expect("the exchange can be deleted");
    channel.close().await.expect("the channel closes");
    connection.close().await.expect("the connection closes");
}

fn random() -> u8 {
    let mut byte = [0];
    aws_lc_rs::rand::fill(&mut byte).expect("randomness");
    byte[0]
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
