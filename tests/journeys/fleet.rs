//! Three replicas over PostgreSQL and Redis: one verdict, known to all.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};

use crate::api::{Api, Person, Tokens};
use crate::broker::Broker;
use crate::place::{Place, connect};
use crate::proxy::Proxy;
use crate::service::{Service, Settings};
use crate::surroundings::variable;

/// How soon a revocation is known to all replicas while word gets through, with room for a busy machine: the median is
/// held to a second.
const PATIENCE: Duration = Duration::from_secs(4);

struct Fleet {
    services: Vec<Service>,
    apis: Vec<Api>,
}

impl Fleet {
    async fn start(settings: &Settings) -> Self {
        let services = join_all((0..3).map(|_| settings.start())).await;
        let apis = services.iter().map(|service| Api::at(&service.url)).collect();
        Self { services, apis }
    }

    async fn stop(self) {
        for service in self.services {
            service.stop().await;
        }
    }

    /// How long it takes until every replica refuses the token.
    async fn refused_by_all(&self, access: &str) -> Duration {
        let since = Instant::now();
        for api in &self.apis {
            while api.verify(access).await.status != 401 {
                assert!(since.elapsed() < PATIENCE, "a replica still accepts the token of a revoked session");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        since.elapsed()
    }

    /// Ends sessions here and there; how long each was still accepted somewhere, sorted.
    async fn revoke_some(&self) -> Vec<Duration> {
        let mut took = Vec::new();
        for turn in 0..9 {
            let here = &self.apis[turn % 3];
            let tokens = here.join(&Person::new()).await;
            for api in &self.apis {
                api.verify(&tokens.access).await.expect(204);
            }
            here.logout(&tokens.access).await.expect(204);
            took.push(self.refused_by_all(&tokens.access).await);
        }
        took.sort();
        took
    }
}

fn assert_within_a_second(took: &[Duration]) {
    let median = took[took.len() / 2];
    assert!(median < Duration::from_secs(1), "usually known only after {median:?}: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a042_a_session_revoked_on_one_replica_is_refused_by_all_within_a_second() {
    let place = Place::postgres().await;
    // Word of mouth of the database alone; the polling of the bound could not be so fast.
    let settings = Settings::on(&place).with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", "20s");
    let fleet = Fleet::start(&settings).await;
    assert_within_a_second(&fleet.revoke_some().await);
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_are_known_while_redis_is_cut_silent_and_back() {
    let place = Place::postgres().await;
    let proxy = Proxy::to_redis().await;
    let settings =
        Settings::on(&place).sharing_redis_at(proxy.port()).with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", "20s");
    proxy.cut();
    // Absent from the start: ready, and it says what is missing.
    let fleet = Fleet::start(&settings).await;
    says(&fleet.apis[0], "degraded").await;
    assert_within_a_second(&fleet.revoke_some().await);
    proxy.resume();
    does_not_say(&fleet.apis[0], "degraded").await;
    assert_within_a_second(&fleet.revoke_some().await);
    proxy.silence();
    assert_within_a_second(&fleet.revoke_some().await);
    says(&fleet.apis[0], "degraded").await;
    proxy.resume();
    does_not_say(&fleet.apis[0], "degraded").await;
    fleet.stop().await;
}

/// A revocation that no word was sent of, as after a lost notification: the database is the truth.
#[tokio::test(flavor = "multi_thread")]
async fn an_unannounced_revocation_is_known_within_the_bound() {
    let place = Place::postgres().await;
    let settings = Settings::on(&place).with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", "2s");
    let fleet = Fleet::start(&settings).await;
    let tokens = fleet.apis[0].join(&Person::new()).await;
    let connection = connect(&place.url()).await;
    let insert = format!(
        "INSERT INTO revocations (session_id, revoked_at, until) VALUES ('{}', (extract(epoch from now()) * 1e6)::bigint, \
         (extract(epoch from now()) * 1e6)::bigint + 900000000)",
        tokens.session
    );
    let statement = Statement::from_string(connection.get_database_backend(), insert);
    connection.execute_raw(statement).await.expect("a revocation can be written");
    let took = fleet.refused_by_all(&tokens.access).await;
    assert!(took < Duration::from_secs(4), "known only after {took:?}");
    connection.close().await.expect("the connection closes");
    fleet.stop().await;
}

/// `PORTCULLIS_RACE_ROUNDS` × `PORTCULLIS_RACE_USES`, M4.
fn race() -> (usize, usize) {
    let number = |name, default| variable(name).map_or(default, |text| text.parse().expect("a number"));
    (number("PORTCULLIS_RACE_ROUNDS", 3), number("PORTCULLIS_RACE_USES", 1_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn a066_a_thousand_uses_on_three_replicas_give_one_successor() {
    let place = Place::postgres().await;
    let settings = Settings::on(&place).with("PORTCULLIS__SESSIONS__REUSE_GRACE", "60s");
    let fleet = Fleet::start(&settings).await;
    let (rounds, uses) = race();
    let mut tokens = fleet.apis[0].join(&Person::new()).await;
    for round in 0..rounds {
        let answers = join_all((0..uses).map(|number| fleet.apis[number % 3].refresh(&tokens.refresh))).await;
        let statuses: BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, BTreeSet::from([200]), "round {round}");
        let successors: BTreeSet<String> = answers.iter().map(|answer| Tokens::of(answer).refresh).collect();
        assert_eq!(successors.len(), 1, "round {round}: two live tokens in a family");
        let rotated = answers.iter().filter(|answer| answer.headers["x-refresh-outcome"] == "rotated").count();
        assert_eq!(rotated, 1, "round {round}: exactly one use is the first");
        tokens = Tokens::of(&answers[0]);
    }
    fleet.apis[1].verify(&tokens.access).await.expect(204);
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a065_a_reuse_on_all_replicas_ends_the_session_once_and_for_good() {
    let place = Place::postgres().await;
    let broker = Broker::fresh().await;
    let settings = Settings::on(&place).publishing_to(&broker).with("PORTCULLIS__SESSIONS__REUSE_GRACE", "1s");
    let mut fleet = Fleet::start(&settings).await;
    let who = Person::new();
    let first = fleet.apis[0].join(&who).await;
    let second = Tokens::of(&fleet.apis[1].refresh(&first.refresh).await.expect(200));
    let id = fleet.apis[0].get("/api/v1/me", Some(&second.access)).await.expect(200).str("id").to_owned();
    tokio::time::sleep(Duration::from_millis(1_300)).await;

    let answers = join_all((0..60).map(|number| fleet.apis[number % 3].refresh(&first.refresh))).await;
    assert!(answers.iter().all(|answer| answer.status == 401), "a reuse is refused");
    let blamed = answers.iter().filter(|answer| answer.headers.get("x-refresh-outcome").is_some()).count();
    assert_eq!(blamed, 1, "the session dies once");
    for service in &mut fleet.services {
        service.kill();
    }
    let fleet = Fleet::start(&settings).await;
    for api in &fleet.apis {
        api.refresh(&second.refresh).await.expect(401);
        api.verify(&second.access).await.expect(401);
    }
    let told = broker.of("session.reuse_detected", &id, 1).await;
    assert_eq!(told.len(), 1, "one event goes out");
    fleet.stop().await;
}

async fn says(api: &Api, word: &str) {
    readiness(api, word, true).await;
}

async fn does_not_say(api: &Api, word: &str) {
    readiness(api, word, false).await;
}

async fn readiness(api: &Api, word: &str, wanted: bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let ready = api.get("/readyz?verbose", None).await.expect(200);
        if ready.text.contains(word) == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "readiness says {}", ready.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
