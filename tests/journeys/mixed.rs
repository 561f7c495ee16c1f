//! A mixed load while Redis and the broker come and go: no acknowledged change is lost, and nothing but "later" is said.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::api::{Api, Person};
use crate::broker::{Broker, Received};
use crate::client::Client;
use crate::judge::judge;
use crate::place::Place;
use crate::proxy::Proxy;
use crate::random::Random;
use crate::service::Settings;
use crate::settle::verify;
use crate::surroundings::variable;

const CLIENTS: u64 = 16;

/// `PORTCULLIS_MIXED_SECONDS`: 600 is the bar, less is quicker.
fn length() -> Duration {
    Duration::from_secs(variable("PORTCULLIS_MIXED_SECONDS").map_or(15, |text| text.parse().expect("seconds")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_load_survives_redis_and_the_broker_coming_and_going() {
    let place = Place::postgres().await;
    let (to_broker, to_redis) = (Proxy::to_broker().await, Proxy::to_redis().await);
    let broker = Broker::fresh().await.through(to_broker.port());
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .sharing_redis_at(to_redis.port())
        .with("PORTCULLIS__EVENTS__ANNOUNCE_REFRESHES", "true")
        .with("PORTCULLIS__LIMITS__OTHER", "1000000/1s")
        .with("PORTCULLIS__EVENTS__CONFIRM_TIMEOUT", "2s");
    let (a, b) = (settings.start().await, settings.start().await);
    let apis = [Api::at(&a.url), Api::at(&b.url)];

    let seed = Random::seed_from("PORTCULLIS_MIXED_SEED");
    let over = AtomicBool::new(false);
    let (guesses, later) = (AtomicU64::new(0), AtomicU64::new(0));
    let workers = join_all((0..CLIENTS).map(|number| {
        let client = Client::new(number, seed, place.dir());
        let api = &apis[usize::try_from(number % 2).expect("small")];
        work(client, api, &over)
    }));
    // Registered before the load begins: while it lasts a replica may have no room for them.
    let mut victims = Vec::new();
    for api in &apis {
        let victim = Person::new();
        let id = api.register(&victim).await.expect(201).str("id").to_owned();
        victims.push((victim, id));
    }
    let guessers =
        join_all(apis.iter().zip(&victims).map(|(api, (victim, _))| guess(api, victim, &over, &guesses, &later)));
    let weather = async {
        let mut random = Random::seeded(seed);
        let end = Instant::now() + length();
        while Instant::now() < end {
            for proxy in [&to_broker, &to_redis] {
                match random.below(3) {
                    0 => proxy.cut(),
                    1 => proxy.silence(),
                    _ => proxy.resume(),
                }
            }
            tokio::time::sleep(random.millis(500, 2_500)).await;
        }
        to_broker.resume();
        to_redis.resume();
        over.store(true, Ordering::Relaxed);
    };
    let (mut clients, _, ()) = tokio::join!(workers, guessers, weather);

    let mut violations: Vec<String> = Vec::new();
    let checks = clients.iter_mut().map(|client| async {
        let mut found = std::mem::take(&mut client.violations);
        for account in &mut client.accounts {
            found.extend(verify(&apis[0], account).await.err());
        }
        found
    });
    for found in join_all(checks).await {
        violations.extend(found);
    }
    let stories: Vec<_> =
        clients.iter().flat_map(|client| &client.accounts).map(|account| account.story.clone()).collect();
    let told = broker.wait("every event", Duration::from_secs(60), |events| judge(&stories, events).lost.is_empty());
    // What is told of the victims is not part of any client's story.
    let about_clients = |event: &Received| !victims.iter().any(|(_, id)| event.data("user_id") == id);
    let told: Vec<Received> = told.await.into_iter().filter(about_clients).collect();
    violations.extend(judge(&stories, &told).violations());
    assert_eq!(violations, Vec::<String>::new(), "seed {seed}");
    assert!(guesses.load(Ordering::Relaxed) > 0, "nobody guessed");
    a.stop().await;
    b.stop().await;
}

async fn work(mut client: Client, api: &Api, over: &AtomicBool) -> Client {
    while !over.load(Ordering::Relaxed) {
        if !client.step(api).await {
            client.violations.push("a call was not answered, or with a 5xx that is not `later`".to_owned());
            return client;
        }
    }
    client
}

/// Wrong passwords at names that nobody has, and at the victim's.
async fn guess(api: &Api, victim: &Person, over: &AtomicBool, guesses: &AtomicU64, later: &AtomicU64) {
    while !over.load(Ordering::Relaxed) {
        for login in [victim.email.clone(), Person::new().email] {
            let answer = api.login(&login, "not-the-password").await;
            match answer.status {
                401 => guesses.fetch_add(1, Ordering::Relaxed),
                429 | 503 if answer.headers.contains_key("retry-after") => later.fetch_add(1, Ordering::Relaxed),
                status => panic!("a guess was answered {status}: {}", answer.text),
            };
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
