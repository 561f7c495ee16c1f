//! Signing keys follow each other, and one is revoked, under load: three replicas that agree and die, five services that
//! verify by themselves, and not one valid token refused (A063).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use portcullis_verifier::Verifier;
use portcullis_verifier::amqp::AmqpFeed;
use portcullis_verifier::poll::PollFeed;
use serde_json::Value;

use crate::api::{Answer, Api, Person, Tokens};
use crate::broker::Broker;
use crate::operator::call;
use crate::place::Place;
use crate::service::{CLIENT, ISSUER, Service, Settings};

const AUDIENCE: &str = "orders";
const WORKERS: usize = 8;
/// How long the next key waits, and how long tokens live: not days, so that the test sees it all.
const AHEAD: Duration = Duration::from_secs(8);
const LIFETIME: Duration = Duration::from_secs(8);
/// How soon a revocation is known everywhere, with room for a busy machine: the median is held to a second.
const PATIENCE: Duration = Duration::from_secs(4);

/// A token, the key that signed it, when it was asked for, and when it was there.
struct Held {
    access: String,
    kid: String,
    asked: Instant,
    there: Instant,
}

impl Held {
    /// Whether its time is certainly not over.
    fn is_young(&self) -> bool {
        self.asked.elapsed() < LIFETIME - Duration::from_secs(2)
    }

    /// Whether its time is certainly over.
    fn is_old(&self) -> bool {
        self.there.elapsed() > LIFETIME + Duration::from_secs(1)
    }
}

/// What the load knows, and what it has seen.
struct Scene {
    /// Where the replicas answer: the third dies now and then.
    replicas: RwLock<Vec<Api>>,
    verifiers: Vec<(&'static str, Verifier)>,
    /// The key of which this is not known any more, from the moment when it is about to be revoked.
    doomed: Mutex<Option<String>>,
    /// From when on no token of that key may be accepted.
    gone: Mutex<Option<Instant>>,
    over: AtomicBool,
    signers: Mutex<BTreeSet<String>>,
    /// How many checks were of a token that was valid, expired, or only of a key that was gone.
    checks: [AtomicUsize; 3],
    violations: Mutex<Vec<String>>,
}

fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The `kid` of a token of either format.
fn kid_of(access: &str) -> String {
    let segments: Vec<&str> = access.split('.').collect();
    let says = if access.starts_with("v4.public.") { segments[3] } else { segments[0] };
    let says: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(says).expect("base64url")).expect("JSON");
    says["kid"].as_str().expect("a kid").to_owned()
}

/// The token with one letter of its signature changed.
fn tampered(access: &str) -> String {
    let mut letters: Vec<char> = access.chars().collect();
    let at =
        if access.starts_with("v4.public.") { access.rfind('.').expect("a footer") - 20 } else { letters.len() - 20 };
    letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
    letters.into_iter().collect()
}

impl Scene {
    fn api(&self, number: usize) -> Api {
        self.replicas.read().unwrap_or_else(PoisonError::into_inner)[number].clone()
    }

    fn blame(&self, what: String) {
        let mut violations = lock(&self.violations);
        // One fault brings about many of them.
        if violations.len() < 20 {
            violations.push(what);
        }
    }

    fn is_doomed(&self, kid: &str) -> bool {
        lock(&self.doomed).as_deref() == Some(kid)
    }

    fn is_gone(&self, kid: &str) -> bool {
        self.is_doomed(kid) && lock(&self.gone).is_some_and(|at| Instant::now() > at)
    }

    /// Asks everybody about a token: what is valid before and after is accepted, and what is not is refused.
    async fn check(&self, held: &Held) {
        let kinds =
            [held.is_young() && !self.is_doomed(&held.kid), held.is_old(), held.is_young() && self.is_gone(&held.kid)];
        for (count, is_so) in self.checks.iter().zip(kinds) {
            count.fetch_add(usize::from(is_so), Ordering::SeqCst);
        }
        for (name, verifier) in &self.verifiers {
            let gone = self.is_gone(&held.kid);
            let verdict = verifier.verify_async(&held.access).await;
            if verdict.is_err() && held.is_young() && !self.is_doomed(&held.kid) {
                self.blame(format!("{name} refuses a valid token by {}: {verdict:?}", held.kid));
            }
            if verdict.is_ok() && (gone || held.is_old()) {
                self.blame(format!("{name} accepts an invalid token by {}", held.kid));
            }
            if verifier.verify(&tampered(&held.access)).is_ok() {
                self.blame(format!("{name} accepts a token that was tampered with"));
            }
        }
        for number in 0..2 {
            let gone = self.is_gone(&held.kid);
            let status = self.api(number).verify(&held.access).await.status;
            if status != 204 && held.is_young() && !self.is_doomed(&held.kid) {
                self.blame(format!("replica {number} answers {status} to a valid token by {}", held.kid));
            }
            if status == 204 && (gone || held.is_old()) {
                self.blame(format!("replica {number} accepts an invalid token by {}", held.kid));
            }
        }
    }

    /// Signs in and refreshes here and there until the test is over; a replica that is dead is passed by.
    async fn work(&self, number: usize, who: &Person) {
        let mut session: Option<Tokens> = None;
        let mut held: Vec<Held> = Vec::new();
        let mut step = number;
        while !self.over.load(Ordering::SeqCst) {
            step += 1;
            let (replica, asked) = (step % 3, Instant::now());
            let answer = match &session {
                Some(tokens) if !step.is_multiple_of(5) => self.ask(replica, "refresh", &tokens.refresh, who).await,
                _ => self.ask(replica, "login", "", who).await,
            };
            if let Some(answer) = answer.filter(|answer| answer.status == 200) {
                let tokens = Tokens::of(&answer);
                let kid = kid_of(&tokens.access);
                if self.is_gone(&kid) {
                    self.blame(format!("replica {replica} signs with the revoked key {kid}"));
                }
                lock(&self.signers).insert(kid.clone());
                held.push(Held { access: tokens.access.clone(), kid, asked, there: Instant::now() });
                session = Some(tokens);
            } else {
                // Whether its refresh token was used nobody knows: another session, then.
                session = None;
            }
            if let Some(newest) = held.last() {
                self.check(newest).await;
            }
            let some = step * 7 % held.len().max(1);
            let gone = held.iter().rev().find(|held| self.is_gone(&held.kid));
            let old = held.iter().rev().find(|held| held.is_old());
            for earlier in held.get(some).into_iter().chain(gone).chain(old) {
                self.check(earlier).await;
            }
        }
    }

    /// An answer, if there is one; whoever does not answer must be the replica that dies.
    async fn ask(&self, replica: usize, what: &str, token: &str, who: &Person) -> Option<Answer> {
        let api = self.api(replica);
        let body = match what {
            "refresh" => serde_json::json!({ "refresh_token": token }),
            _ => serde_json::json!({ "login": who.email, "password": who.password }),
        };
        let path = format!("/api/v1/auth/{what}");
        let answer = api.try_send(api.request(reqwest::Method::POST, &path).json(&body)).await;
        match answer {
            Ok(answer) if answer.status == 200 => Some(answer),
            Ok(answer) if answer.status >= 500 && replica == 2 => None,
            Ok(answer) => {
                self.blame(format!("replica {replica} answers {} to a {what}: {}", answer.status, answer.text));
                None
            }
            Err(_) if replica == 2 => None,
            Err(error) => {
                self.blame(format!("replica {replica} does not answer: {error}"));
                None
            }
        }
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so().await {
            assert!(Instant::now() < deadline, "it never came: {what}; {:?}", lock(&self.violations));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tokens are signed with this key.
    async fn until_it_signs(&self, kid: &str) {
        self.until("the next key signs", async || lock(&self.signers).contains(kid)).await;
    }

    /// The replica that dies is killed, and another process takes its place.
    async fn kill_and_restart(&self, settings: &Settings, dies: &mut Service) {
        dies.kill();
        *dies = settings.start().await;
        let mut replicas = self.replicas.write().unwrap_or_else(PoisonError::into_inner);
        replicas[2] = Api::at(&dies.url);
    }
}

/// Publishes the next keys; the one that signs the tokens of this test.
fn rotate(settings: &Settings, algorithm: &str) -> String {
    let told = call(settings, &["keys", "rotate", "--json"]).expect(0).json();
    let keys = told.as_array().expect("a list");
    assert_eq!(keys.len(), 2, "one for JWT and one for PASETO: {told}");
    assert!(keys.iter().all(|key| key["made"] == true), "{told}");
    of_algorithm(&told, algorithm)["kid"].as_str().expect("a kid").to_owned()
}

fn of_algorithm<'a>(keys: &'a Value, algorithm: &str) -> &'a Value {
    let mut found = keys.as_array().expect("a list").iter().filter(|key| key["algorithm"] == algorithm);
    found.next().expect("a key of the algorithm")
}

/// The statuses of the keys, by id.
fn status_of(settings: &Settings, kid: &str) -> String {
    let listed = call(settings, &["keys", "list", "--json"]).expect(0).json();
    let keys = listed.as_array().expect("a list");
    let key = keys.iter().find(|key| key["kid"] == kid).unwrap_or_else(|| panic!("{kid} is not in {listed}"));
    key["status"].as_str().expect("a status").to_owned()
}

/// Three services that listen to the broker, and two that ask a replica.
fn verifiers(services: &[Service], broker: &Broker) -> Vec<(&'static str, Verifier)> {
    let trusting = |replica: usize| {
        let builder = Verifier::builder(ISSUER).address(&services[replica].url).audience(AUDIENCE);
        // Short beside the time for which a key is published, as it is in earnest.
        builder.fetch_floor(AHEAD / 5)
    };
    let listening = |replica| {
        let feed = AmqpFeed::new(broker.url()).expect("a URL").exchange(broker.exchange()).expect("a name");
        trusting(replica).feed(feed).build().expect("these settings are valid")
    };
    let asking = |replica: usize| {
        let feed = PollFeed::new(&services[replica].url, CLIENT.0, CLIENT.1).expect("a URL");
        trusting(replica).feed(feed).build().expect("these settings are valid")
    };
    vec![
        ("a listening one", listening(0)),
        ("another listening one", listening(1)),
        ("a third listening one", listening(0)),
        ("an asking one", asking(1)),
        ("another asking one", asking(0)),
    ]
}

/// How long each verifier and replica still accepts the token, sorted.
async fn refused_by_all(scene: &Scene, access: &str) -> Vec<Duration> {
    let since = Instant::now();
    let patient = |name: String| assert!(since.elapsed() < PATIENCE, "{name} still accepts the revoked key");
    let verifiers = join_all(scene.verifiers.iter().map(|(name, verifier)| async move {
        while verifier.verify(access).is_ok() {
            patient((*name).to_owned());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        since.elapsed()
    }));
    let replicas = join_all((0..3).map(|number| async move {
        while scene.api(number).verify(access).await.status != 401 {
            patient(format!("replica {number}"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        since.elapsed()
    }));
    let (verifiers, replicas) = tokio::join!(verifiers, replicas);
    let mut took: Vec<_> = verifiers.into_iter().chain(replicas).collect();
    took.sort();
    took
}

async fn keys_follow_each_other_under_load(format: &str, algorithm: &str) {
    let (place, broker) = (Place::postgres().await, Broker::fresh().await);
    let settings = Settings::on(&place)
        .publishing_to(&broker)
        .with("PORTCULLIS__TOKENS__FORMAT", format)
        .with("PORTCULLIS__TOKENS__AUDIENCE", AUDIENCE)
        .with("PORTCULLIS__TOKENS__ACCESS_TTL", &format!("{}s", LIFETIME.as_secs()))
        .with("PORTCULLIS__KEYS__PUBLISH_AHEAD", &format!("{}s", AHEAD.as_secs()))
        .with("PORTCULLIS__LIMITS__INTROSPECT", "off")
        // Word of mouth: looking every four seconds could not be so fast.
        .with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", &format!("{}s", AHEAD.as_secs()));
    let mut services = join_all((0..3).map(|_| settings.start())).await;
    let mut dies = services.remove(2);
    let replicas = services.iter().chain([&dies]).map(|service| Api::at(&service.url)).collect();
    let scene = Scene {
        replicas: RwLock::new(replicas),
        verifiers: verifiers(&services, &broker),
        doomed: Mutex::default(),
        gone: Mutex::default(),
        over: AtomicBool::new(false),
        signers: Mutex::default(),
        checks: Default::default(),
        violations: Mutex::default(),
    };
    let people: Vec<Person> = (0..WORKERS).map(|_| Person::new()).collect();
    for who in &people {
        scene.api(0).register(who).await.expect(201);
    }
    let listed = call(&settings, &["keys", "list", "--json"]).expect(0).json();
    let first = of_algorithm(&listed, algorithm)["kid"].as_str().expect("a kid").to_owned();
    let probe = scene.api(0).sign_in(&people[0]).await;
    scene
        .until("every verifier has its keys", async || {
            join_all(scene.verifiers.iter().map(|(_, verifier)| verifier.verify_async(&probe.access)))
                .await
                .iter()
                .all(Result::is_ok)
        })
        .await;

    let load = join_all(people.iter().enumerate().map(|(number, who)| scene.work(number, who)));
    let story = async {
        scene.until_it_signs(&first).await;
        let second = rotate(&settings, algorithm);
        scene.kill_and_restart(&settings, &mut dies).await;
        assert_eq!((status_of(&settings, &first).as_str(), status_of(&settings, &second).as_str()), ("active", "next"));
        scene.until_it_signs(&second).await;
        assert_eq!(
            (status_of(&settings, &first).as_str(), status_of(&settings, &second).as_str()),
            ("retiring", "active")
        );
        tokio::time::sleep(Duration::from_secs(1)).await;

        let third = rotate(&settings, algorithm);
        let again = call(&settings, &["keys", "rotate", "--json"]).expect(0).json();
        let waits = of_algorithm(&again, algorithm);
        assert_eq!((&waits["kid"], &waits["made"]), (&Value::from(third.as_str()), &Value::Bool(false)));
        // Long enough for the verifiers to have it, and not for it to sign by itself.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let victim = loop {
            let tokens = scene.api(0).sign_in(&people[0]).await;
            if kid_of(&tokens.access) == second {
                break tokens.access;
            }
        };
        *lock(&scene.doomed) = Some(second.clone());
        let revoked = call(&settings, &["keys", "revoke", "--json", "--", &second]).expect(0).json();
        assert_eq!(revoked["successor"]["kid"], third.as_str(), "{revoked}");
        let took = refused_by_all(&scene, &victim).await;
        assert!(took[took.len() / 2] < Duration::from_secs(1), "usually known only after {took:?}");
        *lock(&scene.gone) = Some(Instant::now());
        assert_eq!(
            (status_of(&settings, &second).as_str(), status_of(&settings, &third).as_str()),
            ("revoked", "active")
        );
        scene.until_it_signs(&third).await;
        scene.kill_and_restart(&settings, &mut dies).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        // The one that has just started knows what was revoked, too.
        scene.api(2).verify(&victim).await.expect(401);
        scene.over.store(true, Ordering::SeqCst);
        [first, second, third]
    };
    let (_, kids) = tokio::join!(load, story);

    assert_eq!(*lock(&scene.violations), Vec::<String>::new());
    assert_eq!(*lock(&scene.signers), BTreeSet::from(kids), "each key signed in its turn, and no other");
    let checks = scene.checks.each_ref().map(|count| count.load(Ordering::SeqCst));
    assert!(checks[0] > 100 && checks[1] > 5 && checks[2] > 5, "valid, expired and revoked were checked: {checks:?}");
    for service in services.into_iter().chain([dies]) {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a063_jwt_keys_follow_each_other_under_load() {
    keys_follow_each_other_under_load("jwt", "ES256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a063_paseto_keys_follow_each_other_under_load() {
    keys_follow_each_other_under_load("paseto", "v4.public").await;
}

/// One process on SQLite hears of what a command does when it looks: within half of the bound.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_sqlite_takes_over_what_the_commands_do() {
    let place = Place::sqlite();
    let settings = Settings::on(&place)
        .with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", "2s")
        .with("PORTCULLIS__KEYS__PUBLISH_AHEAD", "1h");
    let service = settings.start().await;
    let api = Api::at(&service.url);
    let tokens = api.join(&Person::new()).await;
    let first = kid_of(&tokens.access);

    let second = rotate(&settings, "ES256");
    let published = async || {
        let jwks = api.get("/.well-known/jwks.json", None).await.expect(200).json;
        let keys = jwks["keys"].as_array().expect("keys").iter();
        keys.filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let since = Instant::now();
    while published().await != [first.clone(), second.clone()] {
        assert!(since.elapsed() < PATIENCE, "the next key is not published");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = call(&settings, &["keys", "revoke", &first, "--yes"]).expect(0);
    assert!(told.out.contains(&first) && told.out.contains(&second), "{told:?}");
    let since = Instant::now();
    while api.verify(&tokens.access).await.status != 401 {
        assert!(since.elapsed() < PATIENCE, "the revoked key is still accepted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(published().await, std::slice::from_ref(&second));
    let next = Tokens::of(&api.refresh(&tokens.refresh).await.expect(200));
    assert_eq!(kid_of(&next.access), second, "the session goes on with the key that waited");
    api.verify(&next.access).await.expect(204);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_keys_say_what_they_did_and_what_was_wrong() {
    let place = Place::sqlite();
    let settings = Settings::on(&place);
    settings.start().await.stop().await;
    let listed = call(&settings, &["keys", "list", "--json"]).expect(0).json();
    let kid = of_algorithm(&listed, "ES256")["kid"].as_str().expect("a kid").to_owned();
    assert_eq!(of_algorithm(&listed, "v4.public")["status"], "active");

    let unknown = call(&settings, &["keys", "revoke", "-nope"]).expect(2);
    assert!(unknown.err.contains("-nope") && unknown.err.contains(&kid), "{unknown:?}");
    assert_eq!(unknown.out, "");
    let stranger = settings.clone().with("SECRET_KEY", "another-master-key-7f3b1c9d5e2a4860-kQ2zWvT8rYpL0xNc");
    for arguments in [&["keys", "rotate"][..], &["keys", "revoke", &kid]] {
        let refused = call(&stranger, arguments).expect(1);
        assert!(refused.err.contains("master key"), "{refused:?}");
    }
    let unchanged = call(&settings, &["keys", "list", "--json"]).expect(0).json();
    assert_eq!(unchanged, listed);

    let rotated = call(&settings, &["keys", "rotate"]).expect(0);
    assert_eq!(rotated.out.lines().filter(|line| line.contains("is published")).count(), 2, "{rotated:?}");
    let again = call(&settings, &["keys", "rotate"]).expect(0);
    assert_eq!(again.out.lines().filter(|line| line.contains("was waiting already")).count(), 2, "{again:?}");
    let revoked = call(&settings, &["keys", "revoke", &kid]).expect(0);
    assert!(revoked.out.contains("signs in its place"), "{revoked:?}");
    let twice = call(&settings, &["keys", "revoke", &kid, "--json"]).expect(0).json();
    assert_eq!((&twice["already_revoked"], &twice["successor"]), (&Value::Bool(true), &Value::Null), "{twice}");
    let plain = call(&settings, &["keys", "list"]).expect(0).out;
    for status in ["revoked", "active", "next"] {
        assert!(plain.contains(status), "{plain}");
    }
    let trail = call(&settings, &["audit", "tail"]).expect(0).out;
    assert!(trail.contains("key.revoke") && trail.contains("operator"), "{trail}");
    settings.start().await.stop().await;
}
