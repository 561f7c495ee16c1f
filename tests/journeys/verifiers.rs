//! Other services verify our tokens by themselves, and stop trusting them at once.

use std::time::{Duration, Instant};

use portcullis_verifier::amqp::AmqpFeed;
use portcullis_verifier::poll::PollFeed;
use portcullis_verifier::{FeedStatus, Rejected, Staleness, Subject, Verifier};
use reqwest::Method;

use crate::api::{Answer, Api, Person, Tokens};
use crate::broker::Broker;
use crate::operator::call;
use crate::place::Place;
use crate::proxy::Proxy;
use crate::service::{ISSUER, Service, Settings};

/// What every token here is for.
const AUDIENCE: &str = "orders";
/// How soon a revocation is known to every verifier, with room for a busy machine: the median is held to a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// Whoever is strict refuses what may have been revoked unheard beyond it.
const BOUND: Duration = Duration::from_secs(12);
/// A line that breaks without a word may have been dead for two heartbeats: for so long it counts as lost.
const SILENCE: Duration = Duration::from_secs(10);

/// Two replicas; two verifiers that listen to the broker, and one that asks a replica.
struct Scene {
    /// By way of the broker: refuses when it has not heard for too long.
    strict: Verifier,
    /// By way of the broker: accepts whatever it has not heard of.
    lenient: Verifier,
    /// By way of the service itself.
    asking: Verifier,
    /// From the listening verifiers to the broker.
    line: Proxy,
    settings: Settings,
    services: Vec<Service>,
    apis: Vec<Api>,
    // Last: what the others use goes after them.
    _broker: Broker,
    _place: Place,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|settings| settings).await
    }

    /// With settings of one's own.
    async fn with(adjust: impl FnOnce(Settings) -> Settings) -> Self {
        let (place, broker, line) = (Place::postgres().await, Broker::fresh().await, Proxy::to_broker().await);
        let settings = Settings::on(&place)
            .publishing_to(&broker)
            .with("PORTCULLIS__TOKENS__AUDIENCE", AUDIENCE)
            // Word of mouth alone: looking every ten seconds could not be so fast.
            .with("PORTCULLIS__SESSIONS__REVOCATION_STALENESS", "20s");
        let settings = adjust(settings);
        let services = vec![settings.start().await, settings.start().await];
        let apis: Vec<Api> = services.iter().map(|service| Api::at(&service.url)).collect();
        let secret = created(&settings, "watcher", "");
        let over_amqp = |policy| {
            let feed = AmqpFeed::new(&through(&line, broker.url())).expect("a URL");
            let feed = feed.exchange(broker.exchange()).expect("a name");
            trusting(&services[0]).feed(feed).staleness(policy).build().expect("these settings are valid")
        };
        let feed = PollFeed::new(&services[1].url, "watcher", &secret).expect("a URL");
        let asking = trusting(&services[1]).feed(feed).staleness(Staleness::RefuseBeyond(5 * BOUND));
        let scene = Self {
            strict: over_amqp(Staleness::RefuseBeyond(BOUND)),
            lenient: over_amqp(Staleness::Accept),
            asking: asking.build().expect("these settings are valid"),
            line,
            settings,
            services,
            apis,
            _broker: broker,
            _place: place,
        };
        // What was issued before a feed was there may have been revoked unheard.
        until("new tokens are accepted by all", async || {
            let tokens = scene.apis[0].join(&Person::new()).await;
            scene.accepted_by_all(&tokens.access).await
        })
        .await;
        scene
    }

    fn all(&self) -> [(&'static str, &Verifier); 3] {
        [("strict", &self.strict), ("lenient", &self.lenient), ("asking", &self.asking)]
    }

    async fn accepted_by_all(&self, token: &str) -> bool {
        for (_, verifier) in self.all() {
            if verifier.verify_async(token).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Every verifier has the token in its memory.
    async fn must_be_accepted(&self, token: &str) {
        for (name, verifier) in self.all() {
            verifier
                .verify_async(token)
                .await
                .unwrap_or_else(|why| panic!("the {name} one refuses a good token: {why}"));
        }
    }

    /// How long it takes until every verifier refuses the token, for this reason.
    async fn refused_by_all(&self, token: &str, reason: &[Rejected]) -> Duration {
        self.refused_by(&self.all(), token, reason).await
    }

    async fn refused_by(&self, verifiers: &[(&str, &Verifier)], token: &str, reason: &[Rejected]) -> Duration {
        let since = Instant::now();
        for (name, verifier) in verifiers {
            loop {
                match verifier.verify(token) {
                    Err(why) if reason.contains(&why) => break,
                    Err(why) => panic!("the {name} one refuses it for another reason: {why}"),
                    Ok(_) => assert!(since.elapsed() < PATIENCE, "the {name} one still accepts what is revoked"),
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        since.elapsed()
    }

    async fn stop(self) {
        for service in self.services {
            service.stop().await;
        }
    }
}

/// A verifier in the making that has its keys from this replica.
fn trusting(service: &Service) -> portcullis_verifier::Builder {
    Verifier::builder(ISSUER).address(&service.url).audience(AUDIENCE)
}

/// The broker's URL by way of a line that can be cut.
fn through(line: &Proxy, broker: &str) -> String {
    let mut url = url::Url::parse(broker).expect("the broker's URL is one");
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(line.port())).expect("a port");
    url.into()
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < deadline, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Creates a client; its secret.
fn created(settings: &Settings, id: &str, scope: &str) -> String {
    let told = call(settings, &["clients", "create", "--id", id, "--scope", scope, "--json"]).expect(0);
    told.json()["client_secret"].as_str().expect("a secret").to_owned()
}

async fn form(api: &Api, path: &str, (id, secret): (&str, &str), body: String) -> Answer {
    let request = api.request(Method::POST, path).basic_auth(id, Some(secret));
    api.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await.expect(200)
}

async fn client_token(api: &Api, client: (&str, &str)) -> String {
    let granted = form(api, "/oauth2/token", client, "grant_type=client_credentials".to_owned()).await;
    granted.str("access_token").to_owned()
}

/// The key that signs: the first that is published.
async fn signing_key(api: &Api) -> String {
    let jwks = api.get("/.well-known/jwks.json", None).await.expect(200);
    jwks.json["keys"][0]["kid"].as_str().expect("a kid").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_refused_by_every_verifier_within_a_second() {
    let scene = Scene::new().await;
    let [here, there] = &scene.apis[..] else { panic!("there are two replicas") };
    let mut took = Vec::new();
    let revoked = [Rejected::Revoked];

    let who = Person::new();
    let (ended, stays) = (here.join(&who).await, here.sign_in(&who).await);
    for token in [&ended.access, &stays.access] {
        scene.must_be_accepted(token).await;
    }
    there.logout(&ended.access).await.expect(204);
    took.push(("a session", scene.refused_by_all(&ended.access, &revoked).await));
    scene.must_be_accepted(&stays.access).await;

    let again = there.sign_in(&who).await;
    scene.must_be_accepted(&again.access).await;
    here.delete_account(&stays.access, &who.password).await.expect(204);
    took.push(("a user", scene.refused_by_all(&stays.access, &revoked).await));
    took.push(("a user's other session", scene.refused_by_all(&again.access, &revoked).await));

    let secret = created(&scene.settings, "reports", "orders:read orders:write");
    let client = ("reports", secret.as_str());
    let (one, two) = (client_token(here, client).await, client_token(there, client).await);
    for token in [&one, &two] {
        scene.must_be_accepted(token).await;
    }
    let claims = scene.asking.verify(&one).expect("it is valid");
    assert_eq!((claims.speaks_for(), claims.user()), (Subject::Client { id: "reports" }, None));
    assert!(claims.allow("orders:write"));
    form(there, "/oauth2/revoke", client, format!("token={one}")).await;
    took.push(("a client's token", scene.refused_by_all(&one, &revoked).await));
    scene.must_be_accepted(&two).await;

    call(&scene.settings, &["clients", "delete", "reports"]).expect(0);
    took.push(("a client", scene.refused_by_all(&two, &revoked).await));

    let person = here.join(&Person::new()).await;
    scene.must_be_accepted(&person.access).await;
    call(&scene.settings, &["keys", "revoke", "--yes", "--", &signing_key(here).await]).expect(0);
    let gone = [Rejected::UnknownKey, Rejected::NoKeys];
    took.push(("a key", scene.refused_by_all(&person.access, &gone).await));
    // The next key signs, and is known before long.
    until("tokens of the next key are accepted", async || {
        let login = there.refresh(&person.refresh).await;
        login.status == 200 && scene.accepted_by_all(&Tokens::of(&login).access).await
    })
    .await;

    let mut sorted: Vec<Duration> = took.iter().map(|(_, took)| *took).collect();
    sorted.sort();
    assert!(sorted[sorted.len() / 2] < Duration::from_secs(1), "usually known too late: {took:?}");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a104_roles_in_tokens_do_not_outlive_their_withdrawal_where_a_verifier_listens() {
    let scene = Scene::with(|settings| {
        settings.with("PORTCULLIS__TOKENS__ROLES", "true").with("PORTCULLIS__TOKENS__PERMISSIONS", "true")
    });
    let scene = scene.await;
    let [here, there] = &scene.apis[..] else { panic!("there are two replicas") };
    let run = |arguments: &[&str]| drop(call(&scene.settings, arguments).expect(0));
    run(&["roles", "create", "clerk", "--permission", "orders:*"]);
    let (ada, bob, eve) = (Person::new(), Person::new(), Person::new());
    for who in [&ada, &bob, &eve] {
        here.register(who).await.expect(201);
    }
    for who in [&ada, &bob] {
        run(&["users", "grant", &who.email, "clerk"]);
    }
    // Giving a role is a change, too: what was issued before it was heard of would be refused.
    let listening = [("strict", &scene.strict), ("lenient", &scene.lenient)];
    let heard = |verifier: &Verifier| verifier.status().revocations == 2;
    until("both grants are heard of", async || listening.iter().all(|(_, verifier)| heard(verifier))).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    let (adas, bobs, eves) = (here.sign_in(&ada).await, there.sign_in(&bob).await, there.sign_in(&eve).await);
    for tokens in [&adas, &bobs, &eves] {
        scene.must_be_accepted(&tokens.access).await;
    }
    let clerk = scene.lenient.verify(&adas.access).expect("it is valid");
    assert!(clerk.has_role("clerk") && clerk.permits("orders:write") && !clerk.permits("users:read"));

    let changed = [Rejected::RolesChanged];
    // Whoever refreshes goes on, with what the roles are now.
    let refreshed = async |tokens: &Tokens, may_write: bool| {
        let deadline = Instant::now() + PATIENCE;
        let mut refresh = tokens.refresh.clone();
        loop {
            let tokens = Tokens::of(&here.refresh(&refresh).await.expect(200));
            if scene.accepted_by_all(&tokens.access).await {
                let claims = scene.lenient.verify(&tokens.access).expect("it is valid");
                assert_eq!(claims.permits("orders:write"), may_write, "{claims:?}");
                break tokens;
            }
            assert!(Instant::now() < deadline, "what is issued after the change is accepted");
            refresh = tokens.refresh;
        }
    };
    run(&["users", "withdraw", &ada.email, "clerk"]);
    scene.refused_by(&listening, &adas.access, &changed).await;
    refreshed(&adas, false).await;
    scene.asking.verify(&adas.access).expect("whoever only asks for revocations waits for the end of the token");
    for tokens in [&bobs, &eves] {
        scene.must_be_accepted(&tokens.access).await;
    }

    run(&["roles", "update", "clerk", "--permission", "orders:read"]);
    scene.refused_by(&listening, &bobs.access, &changed).await;
    let bobs = refreshed(&bobs, false).await;
    run(&["roles", "update", "clerk", "--permission", "orders:write"]);
    scene.refused_by(&listening, &bobs.access, &changed).await;
    let bobs = refreshed(&bobs, true).await;
    scene.must_be_accepted(&eves.access).await;

    run(&["roles", "delete", "clerk", "--yes"]);
    scene.refused_by(&listening, &bobs.access, &changed).await;
    let bobs = refreshed(&bobs, false).await;
    assert!(!scene.lenient.verify(&bobs.access).expect("it is valid").has_role("clerk"));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_cannot_be_reached_each_service_does_what_it_chose() {
    let scene = Scene::new().await;
    let [here, there] = &scene.apis[..] else { panic!("there are two replicas") };
    let (good, bad) = (here.join(&Person::new()).await, here.join(&Person::new()).await);
    for token in [&good.access, &bad.access] {
        scene.must_be_accepted(token).await;
    }
    scene.line.cut();
    let cut = Instant::now();
    let lost = |verifier: &Verifier| matches!(verifier.status().feed, FeedStatus::Lost { .. });
    until("the loss is noticed", async || lost(&scene.strict) && lost(&scene.lenient)).await;
    there.logout(&bad.access).await.expect(204);
    until("the one that asks knows", async || scene.asking.verify(&bad.access) == Err(Rejected::Revoked)).await;
    until("the strict one refuses everything", async || scene.strict.verify(&good.access).is_err()).await;
    let refused = cut.elapsed();
    let due = BOUND.saturating_sub(SILENCE).saturating_sub(Duration::from_millis(100));
    assert!((due..BOUND + PATIENCE).contains(&refused), "{refused:?}: within the bound nobody is refused");
    for token in [&good.access, &bad.access] {
        assert_eq!(scene.strict.verify(token), Err(Rejected::Stale));
        assert!(scene.lenient.verify(token).is_ok(), "accepted, and reported");
    }
    assert!(lost(&scene.lenient));
    scene.asking.verify(&good.access).expect("the broker is nothing to the one that asks");
    assert_eq!(scene.asking.status().feed, FeedStatus::Current);

    scene.line.resume();
    let hears = |verifier: &Verifier| matches!(verifier.status().feed, FeedStatus::Gap { .. });
    until("they hear again", async || hears(&scene.strict) && hears(&scene.lenient)).await;
    assert_eq!(scene.strict.verify(&good.access), Err(Rejected::Unheard), "a client that refreshes is fine");
    let FeedStatus::Gap { length, .. } = scene.lenient.status().feed else { panic!("the gap is reported") };
    assert!(length.is_none_or(|length| length >= BOUND), "{length:?}");
    let mut refresh = good.refresh;
    let deadline = Instant::now() + 2 * PATIENCE;
    let fresh = loop {
        let tokens = Tokens::of(&there.refresh(&refresh).await.expect(200));
        if scene.accepted_by_all(&tokens.access).await {
            break tokens;
        }
        assert!(Instant::now() < deadline, "what is issued after the gap is accepted");
        refresh = tokens.refresh;
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    here.logout(&fresh.access).await.expect(204);
    scene.refused_by_all(&fresh.access, &[Rejected::Revoked]).await;
    scene.stop().await;
}
