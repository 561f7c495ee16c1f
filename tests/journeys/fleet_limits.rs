//! Limits that several replicas count together, and that outlive them.

use futures_util::future::join_all;

use crate::api::{Api, Person};
use crate::place::Place;
use crate::proxy::Proxy;
use crate::service::{Service, Settings};

async fn start(settings: &Settings) -> (Vec<Service>, Vec<Api>) {
    let services = join_all((0..3).map(|_| settings.start())).await;
    let apis = services.iter().map(|service| Api::at(&service.url)).collect();
    (services, apis)
}

async fn stop(services: Vec<Service>) {
    for service in services {
        service.stop().await;
    }
}

/// How many of `count` calls in parallel, here and there, were not refused by the limit.
async fn let_through(apis: &[Api], count: usize) -> usize {
    let calls = (0..count).map(|number| {
        let api = &apis[number % apis.len()];
        async move { api.get("/api/v1/me", None).await }
    });
    let answers = join_all(calls).await;
    for answer in &answers {
        assert!(matches!(answer.status, 401 | 429), "{} {}", answer.status, answer.text);
        assert_eq!(answer.status == 429, answer.headers.contains_key("retry-after"));
        assert!(answer.headers.contains_key("ratelimit-policy"), "{:?}", answer.headers);
    }
    answers.iter().filter(|answer| answer.status == 401).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a015_three_replicas_count_one_address_together_and_a_restart_forgets_nothing() {
    let place = Place::postgres().await;
    let proxy = Proxy::to_redis().await;
    let settings = Settings::on(&place).sharing_redis_at(proxy.port()).with("PORTCULLIS__LIMITS__OTHER", "50/12h");
    let (mut services, apis) = start(&settings).await;
    until_redis_counts(&apis).await;
    let first = let_through(&apis, 120).await;
    for service in &mut services {
        service.kill();
    }
    let (services, apis) = start(&settings).await;
    until_redis_counts(&apis).await;
    let second = let_through(&apis, 60).await;
    // Before the connections stood, each replica counted for itself.
    assert!((50..=56).contains(&(first + second)), "{first} + {second} requests were let through, 50 are allowed");
    assert!(second <= 6, "{second} were let through after the restart");
    stop(services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a015_without_redis_each_replica_goes_on_counting_and_says_so() {
    let place = Place::postgres().await;
    let proxy = Proxy::to_redis().await;
    let settings = Settings::on(&place).sharing_redis_at(proxy.port()).with("PORTCULLIS__LIMITS__OTHER", "20/12h");
    let (services, apis) = start(&settings).await;
    until_redis_counts(&apis).await;
    proxy.cut();
    let through = let_through(&apis, 200).await;
    assert!((1..=60).contains(&through), "{through} of 200 requests were let through: three replicas allow 20 each");
    assert_eq!(let_through(&apis, 60).await, 0, "nothing fails open");
    for service in &services {
        assert!(service.log().contains("redis") || service.log().contains("Redis"), "{}", service.log());
    }
    stop(services).await;
}

async fn until_redis_counts(apis: &[Api]) {
    for api in apis {
        let since = std::time::Instant::now();
        while api.get("/readyz?verbose", None).await.text.contains("degraded") {
            assert!(since.elapsed() < std::time::Duration::from_secs(20), "Redis is not used");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// A012, A015, I7: wrong passwords are counted in the database, by all replicas, for good.
#[tokio::test(flavor = "multi_thread")]
async fn a012_failed_attempts_are_counted_across_replicas_and_restarts() {
    let place = Place::postgres().await;
    let settings = Settings::on(&place).with("PORTCULLIS__ATTEMPTS__FIRST_WAIT", "1h");
    let (mut services, apis) = start(&settings).await;
    let who = Person::new();
    apis[0].register(&who).await.expect(201);
    for number in 0..12 {
        apis[number % 3].login(&who.email, "not-the-password").await.expect_problem(401, "invalid-credentials");
    }
    for service in &mut services {
        service.kill();
    }
    let (services, apis) = start(&settings).await;
    for number in 0..8 {
        apis[number % 3].login(&who.email, "not-the-password").await.expect_problem(401, "invalid-credentials");
    }
    for api in &apis {
        // Nobody can tell the right password from a wrong one now, nor an account from none.
        let right = api.login(&who.email, &who.password).await.expect_problem(429, "too-many-attempts");
        let wrong = api.login(&who.email, "not-the-password").await.expect_problem(429, "too-many-attempts");
        assert!(right.headers.contains_key("retry-after") && wrong.headers.contains_key("retry-after"));
    }
    stop(services).await;
}
