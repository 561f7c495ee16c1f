//! SIGTERM: what runs is finished, what was committed is told, and the process ends with 0 in time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::api::{Api, Person, Tokens};
use crate::broker::Broker;
use crate::place::Place;
use crate::proxy::Proxy;
use crate::service::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_running_logins_on_sqlite() {
    sigterm_finishes_running_logins(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_running_logins_on_postgres() {
    sigterm_finishes_running_logins(Place::postgres().await).await;
}

async fn sigterm_finishes_running_logins(place: Place) {
    let broker = Broker::fresh().await;
    // Each hash takes a good part of a second, so that the signal finds logins running and waiting.
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .with_real_passwords()
        .with("PORTCULLIS__PASSWORDS__MEMORY_KIB", "131072")
        .with("PORTCULLIS__PASSWORDS__ITERATIONS", "4")
        .with("PORTCULLIS__PASSWORDS__THREADS", "2");
    let mut service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    let user = api.register(&who).await.expect(201);
    let idle = api.clone();
    idle.get("/livez", None).await.expect(200);

    // Two run and two wait: for so many there is always room, however slowly they arrive.
    let running = (0..4).map(|_| {
        let (api, who) = (Api::at(&service.url), who.clone());
        tokio::spawn(async move { api.login(&who.email, &who.password).await })
    });
    let running: Vec<_> = running.collect();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(running.iter().any(|login| !login.is_finished()), "logins run when the signal comes");
    let told = Instant::now();
    service.terminate();
    let answers = join_all(running).await;
    let status = service.ended_within(Duration::from_secs(30)).await.expect("it ends within 30 s of SIGTERM");
    assert!(status.success(), "{status}: {}", service.log());
    assert!(told.elapsed() < Duration::from_secs(30));

    let sessions: Vec<Tokens> =
        answers.into_iter().map(|answer| Tokens::of(&answer.expect("a task").expect(200))).collect();
    // Flushed before the end: nothing has to wait for the next start.
    let all = broker.wait("every login", Duration::from_secs(2), |events| {
        events.iter().filter(|event| event.name() == "session.started").count() >= sessions.len()
    });
    let started = all.await;
    for tokens in &sessions {
        assert!(started.iter().any(|event| event.data("session_id") == tokens.session), "{}", tokens.session);
    }
    assert!(started.iter().all(|event| event.data("user_id") == user.str("id")));

    let service = settings.start().await;
    let api = Api::at(&service.url);
    for tokens in &sessions {
        api.verify(&tokens.access).await.expect(204);
    }
    service.stop().await;
}

/// An idle keep-alive connection, a half-sent request and a silent one do not hold the process.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_not_wait_for_idle_connections() {
    use tokio::io::AsyncWriteExt;
    let place = Place::sqlite();
    let mut service = Settings::on(&place).start().await;
    let api = Api::at(&service.url);
    api.get("/livez", None).await.expect(200);
    let address = service.url.trim_start_matches("http://").to_owned();
    let _silent = tokio::net::TcpStream::connect(&address).await.expect("the service accepts");
    let mut half = tokio::net::TcpStream::connect(&address).await.expect("the service accepts");
    half.write_all(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Le").await.expect("it reads");
    tokio::time::sleep(Duration::from_millis(100)).await;
    service.terminate();
    let status = service.ended_within(Duration::from_secs(30)).await.expect("it ends within 30 s of SIGTERM");
    assert!(status.success(), "{status}: {}", service.log());
}

/// Neither a round of the relay, nor housekeeping, nor the store's farewell is waited for beyond its time.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_not_wait_for_a_database_that_says_nothing() {
    let place = Place::postgres().await;
    let mut url = url::Url::parse(&place.url()).expect("a URL");
    let host = (url.host_str().expect("a host").to_owned(), url.port().unwrap_or(5432));
    let target = tokio::net::lookup_host(host).await.expect("the host of PostgreSQL").next().expect("an address");
    let line = Proxy::to(target).await;
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(line.port())).expect("a port");
    let settings =
        Settings::on(&place).with("DATABASE_URL", url.as_str()).with("PORTCULLIS__SERVER__DRAIN_TIMEOUT", "2s");
    let mut service = settings.start().await;
    let api = Api::at(&service.url);
    let who = Person::new();
    api.register(&who).await.expect(201);
    line.silence();
    let stuck = tokio::spawn(async move { api.login(&who.email, &who.password).await });
    // The relay and the other loops run into the silence.
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.terminate();
    // The drain, what follows it, and some time for a busy machine.
    let status = service.ended_within(Duration::from_secs(2 + 9 + 4)).await.expect("it ends in time");
    assert!(status.success(), "{status}: {}", service.log());
    assert!(service.log().contains("could not be emptied in time"), "and says what was not done: {}", service.log());
    stuck.abort();
}
