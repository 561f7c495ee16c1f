//! What somebody may do changes on every replica within a second, for people and for API keys.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::Value;

use crate::api::{Api, Person, Tokens};
use crate::operator::{call, migrated};
use crate::place::Place;
use crate::service::{Service, Settings};

/// Promised to all replicas.
const PROMISED: Duration = Duration::from_secs(1);

struct Replicas {
    settings: Settings,
    services: Vec<Service>,
    apis: Vec<Api>,
}

impl Replicas {
    async fn three(place: &Place) -> Self {
        // The polling of revocations could not be so fast: roles are read where they are asked for.
        let settings = migrated(place).with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", "20s");
        let services = join_all((0..3).map(|_| settings.start())).await;
        let apis = services.iter().map(|service| Api::at(&service.url)).collect();
        Self { settings, services, apis }
    }

    /// How long it takes from `since` until all replicas answer so, after which none answers otherwise.
    async fn all_answer(&self, since: Instant, status: u16, ask: impl AsyncFn(&Api) -> u16) -> Duration {
        for api in &self.apis {
            while ask(api).await != status {
                assert!(since.elapsed() < 4 * PROMISED, "a replica does not answer {status}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let took = since.elapsed();
        for api in &self.apis {
            assert_eq!(ask(api).await, status, "it stays so");
        }
        took
    }

    async fn stop(self) {
        for service in self.services {
            service.stop().await;
        }
    }
}

#[track_caller]
fn assert_promised(what: &str, took: Duration) {
    assert!(took < PROMISED, "{what} is known everywhere only after {took:?}");
}

async fn users(api: &Api, tokens: &Tokens) -> u16 {
    api.get("/api/v1/users?limit=1", Some(&tokens.access)).await.status
}

async fn users_by_key(api: &Api, key: &str) -> u16 {
    api.get_by_key("/api/v1/users?limit=1", key).await.status
}

/// The id and the text of a new key.
#[track_caller]
fn new_key(settings: &Settings, who: &Person, flags: &[&str]) -> (String, String) {
    let create = ["api-keys", "create", "--user", &who.email, "--name", "test", "--json"];
    let made = call(settings, &[&create[..], flags].concat()).expect(0).json();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (text("id"), text("key"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a042_a104_a_role_that_the_command_line_gives_or_takes_is_known_to_three_replicas_within_a_second() {
    let place = Place::postgres().await;
    let replicas = Replicas::three(&place).await;
    let settings = &replicas.settings;
    call(settings, &["roles", "create", "support", "--permission", "users:read"]).expect(0);
    let sam = Person::new();
    let tokens = replicas.apis[0].join(&sam).await;
    replicas.all_answer(Instant::now(), 403, async |api| users(api, &tokens).await).await;

    call(settings, &["users", "grant", &sam.email, "support"]).expect(0);
    let took = replicas.all_answer(Instant::now(), 200, async |api| users(api, &tokens).await).await;
    assert_promised("a grant", took);
    let (_, key) = new_key(settings, &sam, &["--permission", "users:read"]);
    replicas.all_answer(Instant::now(), 200, async |api| users_by_key(api, &key).await).await;

    call(settings, &["roles", "update", "support", "--permission", "audit:read"]).expect(0);
    let since = Instant::now();
    assert_promised("a role", replicas.all_answer(since, 403, async |api| users(api, &tokens).await).await);
    assert_promised(
        "a role of a key's owner",
        replicas.all_answer(since, 403, async |api| users_by_key(api, &key).await).await,
    );
    call(settings, &["roles", "update", "support", "--permission", "users:*"]).expect(0);
    replicas.all_answer(Instant::now(), 200, async |api| users_by_key(api, &key).await).await;

    call(settings, &["users", "withdraw", &sam.email, "support"]).expect(0);
    let since = Instant::now();
    assert_promised("a withdrawal", replicas.all_answer(since, 403, async |api| users(api, &tokens).await).await);
    assert_promised("it for keys", replicas.all_answer(since, 403, async |api| users_by_key(api, &key).await).await);
    replicas.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_or_rotated_key_and_a_disabled_owner_are_refused_by_three_replicas_within_a_second() {
    let place = Place::postgres().await;
    let replicas = Replicas::three(&place).await;
    let settings = &replicas.settings;
    let boss = Person::new();
    replicas.apis[0].register(&boss).await.expect(201);
    call(settings, &["users", "grant", &boss.username, "admin"]).expect(0);
    let flags = ["--permission", "users:read"];

    let (id, key) = new_key(settings, &boss, &flags);
    replicas.all_answer(Instant::now(), 200, async |api| users_by_key(api, &key).await).await;
    call(settings, &["api-keys", "revoke", &id]).expect(0);
    let took = replicas.all_answer(Instant::now(), 401, async |api| users_by_key(api, &key).await).await;
    assert_promised("a revocation", took);

    let (id, old) = new_key(settings, &boss, &flags);
    replicas.all_answer(Instant::now(), 200, async |api| users_by_key(api, &old).await).await;
    let rotated = call(settings, &["api-keys", "rotate", &id, "--overlap", "2s", "--json"]).expect(0);
    let since = Instant::now();
    let new = rotated.json()["key"].as_str().expect("a key").to_owned();
    let took = replicas.all_answer(since, 200, async |api| users_by_key(api, &new).await).await;
    assert_promised("a new secret", took);
    for api in &replicas.apis {
        assert_eq!(users_by_key(api, &old).await, 200, "the overlap is not over");
    }
    replicas.all_answer(since, 401, async |api| users_by_key(api, &old).await).await;
    replicas.all_answer(Instant::now(), 200, async |api| users_by_key(api, &new).await).await;

    // Somebody else has to be an administrator first.
    let other = Person::new();
    replicas.apis[1].register(&other).await.expect(201);
    let last = call(settings, &["users", "disable", &boss.email, "--reason", "left"]).expect(1);
    assert!(last.err.contains("the last administrator"), "{last:?}");
    call(settings, &["users", "grant", &other.email, "admin"]).expect(0);
    let session = replicas.apis[2].sign_in(&boss).await;
    call(settings, &["users", "disable", &boss.email, "--reason", "left"]).expect(0);
    let since = Instant::now();
    assert_promised(
        "the end of an owner",
        replicas.all_answer(since, 401, async |api| users_by_key(api, &new).await).await,
    );
    replicas.all_answer(since, 401, async |api| users(api, &session).await).await;
    replicas.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_of_a_key_are_counted_in_batches_and_survive_sigterm_on_sqlite() {
    uses_are_counted(&Place::sqlite(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uses_of_a_key_are_counted_in_batches_and_survive_sigterm_on_three_replicas() {
    uses_are_counted(&Place::postgres().await, 3).await;
}

async fn uses_are_counted(place: &Place, replicas: usize) {
    let settings = migrated(place);
    let services = join_all((0..replicas).map(|_| settings.start())).await;
    let apis: Vec<Api> = services.iter().map(|service| Api::at(&service.url)).collect();
    let who = Person::new();
    apis[0].register(&who).await.expect(201);
    call(&settings, &["users", "grant", &who.email, "admin"]).expect(0);
    let (id, key) = new_key(&settings, &who, &["--permission", "users:read"]);
    let seen = || call(&settings, &["api-keys", "show", &id, "--json"]).expect(0).json();
    assert_eq!((&seen()["uses"], &seen()["last_used_at"]), (&Value::from(0), &Value::Null));

    let uses = 150;
    let calls = (0..uses).map(|number| users_by_key(&apis[number % replicas], &key));
    assert!(join_all(calls).await.iter().all(|status| *status == 200));
    apis[0].get_by_key("/api/v1/users", &key.replace("pk_", "pk-")).await.expect(401);
    for service in services {
        service.stop().await;
    }
    let after = seen();
    assert_eq!(after["uses"], uses, "{after}");
    assert!(after["last_used_at"].is_string() && after["version"] == 1, "a use is no change: {after}");
}
