//! How often somebody may ask.

use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use portcullis_domain::ports::limits::{LimiterError, Permit, Quota, RateLimiter};
use portcullis_http::{HttpSettings, Quotas};
use portcullis_memory::MemoryLimiter;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, CLIENT, House, PASSWORD, Plan};

/// A limiter that remembers what it was asked, and fails on demand.
struct Noted {
    inner: MemoryLimiter,
    asked: Mutex<Vec<String>>,
    fault: AtomicU64,
}

const CREDENTIALS: &str = "grant_type=client_credentials";

const AWAY: u64 = 1;
const PANIC: u64 = 2;
const SILENT: u64 = 3;

#[async_trait]
impl RateLimiter for Noted {
    async fn take(&self, key: &str, quota: Quota) -> Result<Permit, LimiterError> {
        self.asked.lock().unwrap().push(key.to_owned());
        match self.fault.load(Ordering::SeqCst) {
            AWAY => Err(LimiterError("redis://:secret@10.0.0.1/".into())),
            PANIC => panic!("redis://:secret@10.0.0.1/"),
            SILENT => std::future::pending().await,
            _ => self.inner.take(key, quota).await,
        }
    }

    async fn give_back(&self, key: &str, quota: Quota) -> Result<(), LimiterError> {
        self.inner.give_back(key, quota).await
    }
}

impl Noted {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

const fn quota(burst: u32) -> Option<Quota> {
    Some(Quota { burst, period: Duration::from_secs(60) })
}

const ALL: Quotas = Quotas {
    login: quota(5),
    register: quota(5),
    refresh: quota(5),
    introspect: quota(5),
    change: quota(5),
    manage: quota(5),
    export: quota(5),
    other: quota(5),
};

/// A house with these quotas, behind a proxy at 10.0.0.1, and its limiter.
async fn house(quotas: Quotas) -> (House, Arc<Noted>) {
    let clock = Arc::new(std::sync::OnceLock::new());
    let kept = clock.clone();
    let adjust = move |settings: &mut HttpSettings| {
        let inner = MemoryLimiter::new(settings.clock.clone());
        let noted = Arc::new(Noted { inner, asked: Mutex::default(), fault: AtomicU64::new(0) });
        settings.limiter = noted.clone();
        settings.quotas = quotas;
        settings.trusted_proxies = vec!["10.0.0.1/32".parse().unwrap()];
        assert!(kept.set(noted).is_ok());
    };
    let plan = Plan { adjust: Box::new(adjust), request_timeout: Duration::from_millis(2_000), ..Plan::default() };
    let house = House::build(plan).await;
    let noted = clock.get().cloned().unwrap();
    (house, noted)
}

fn wrong_login(name: &str) -> Ask {
    Ask::post("/api/v1/auth/login").json(json!({ "login": name, "password": "wrong" }))
}

fn via_proxy(ask: Ask, client: &str) -> Ask {
    ask.header("x-forwarded-for", client)
}

/// How many of `count` requests were not refused by the limit.
async fn let_through<F: Future<Output = Answer>>(count: usize, ask: impl Fn(usize) -> F) -> usize {
    let mut through = 0;
    for number in 0..count {
        through += usize::from(ask(number).await.status != StatusCode::TOO_MANY_REQUESTS);
    }
    through
}

#[tokio::test]
async fn a011_every_answer_of_a_limited_operation_says_what_is_left() {
    let (house, _) = house(Quotas { login: Some(Quota { burst: 300, period: Duration::from_secs(150) }), ..ALL }).await;
    let first = house.send(wrong_login("ada")).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(first.header("ratelimit-policy"), Some("\"login\";q=300;w=150"));
    assert_eq!(first.header("ratelimit"), Some("\"login\";r=299;t=1"));
    let second = house.send(Ask::post("/api/v1/auth/login").raw("application/json", "{")).await;
    assert_eq!(second.is(StatusCode::BAD_REQUEST).header("ratelimit"), Some("\"login\";r=298;t=1"));
    house.clock.advance(Duration::from_secs(2));
    let later = house.send(wrong_login("ada")).await;
    assert_eq!(later.header("ratelimit"), Some("\"login\";r=299;t=1"), "it fills up steadily");
}

#[tokio::test]
async fn a011_whoever_asks_too_often_is_told_when_to_come_back() {
    let (house, _) = house(ALL).await;
    for _ in 0..5 {
        house.send(wrong_login("ada")).await.is(StatusCode::UNAUTHORIZED);
    }
    let refused = house.send(wrong_login("ada")).await.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.problem(), "rate-limited");
    assert_eq!(refused.header("retry-after"), Some("12"), "a fifth of a minute");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"login\";q=5;w=60"));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"login\";r=0;t="));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    house.clock.advance(Duration::from_secs(12));
    house.send(wrong_login("ada")).await.is(StatusCode::UNAUTHORIZED);
    house.send(wrong_login("ada")).await.is(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_limit_is_asked_before_the_body_is_looked_at() {
    let (house, _) = house(Quotas { login: quota(1), ..Quotas::default() }).await;
    house.send(wrong_login("ada")).await.is(StatusCode::UNAUTHORIZED);
    for ask in [
        Ask::post("/api/v1/auth/login").raw("text/plain", "x"),
        Ask::post("/api/v1/auth/login").raw("application/json", "x".repeat(100_000)),
        Ask::post("/api/v1/auth/login").raw("application/json", "{}").header("content-encoding", "gzip"),
    ] {
        house.send(ask).await.is(StatusCode::TOO_MANY_REQUESTS);
    }
}

#[tokio::test]
async fn each_rule_has_buckets_of_its_own_and_what_is_free_is_never_counted() {
    let (house, limiter) = house(ALL).await;
    let cases = [
        (wrong_login("ada"), &["login:unknown"][..]),
        (Ask::post("/api/v1/auth/register").json(json!({})), &["register:unknown"]),
        (Ask::post("/api/v1/auth/refresh").json(json!({})), &["refresh:unknown"]),
        (Ask::post("/oauth2/introspect").basic(CLIENT).form("token=x"), &["introspect:client:gateway"]),
        (Ask::post("/oauth2/revoke").basic(CLIENT).form("token=x"), &["introspect:client:gateway"]),
        (Ask::post("/oauth2/introspect").form("token=x"), &["client:unknown"]),
        (Ask::post("/oauth2/token").basic(CLIENT).form(CREDENTIALS), &["introspect:client:gateway"]),
        (Ask::post("/oauth2/token").form(CREDENTIALS), &["client:unknown"]),
        (Ask::post("/oauth2/token").basic(("gateway", "wrong")).form(CREDENTIALS), &["client:unknown"]),
        (Ask::post("/oauth2/token").form("grant_type=refresh_token&client_id=portcullis"), &["refresh:unknown"]),
        (
            Ask::post("/oauth2/token").basic(CLIENT).form("grant_type=refresh_token&refresh_token=x"),
            &["refresh:unknown", "introspect:client:gateway"],
        ),
        (Ask::get("/api/v1/revocations").basic(CLIENT), &["introspect:client:gateway"]),
        (Ask::get("/api/v1/revocations"), &["client:unknown"]),
        (Ask::post("/oauth2/token").form("grant_type=password"), &["client:unknown"]),
        (Ask::post("/oauth2/token").form("scope=x"), &["client:unknown"]),
        (Ask::post("/oauth2/introspect").raw("text/plain", "x"), &["client:unknown"]),
        (Ask::post("/oauth2/revoke").form("token=x&token=x"), &["client:unknown"]),
        (Ask::get("/api/v1/me"), &["other:unknown"]),
        (Ask::new(Method::HEAD, "/api/v1/me"), &["other:unknown"]),
        (Ask::get("/api/v1/me/sessions"), &["other:unknown"]),
        (Ask::post("/api/v1/auth/logout"), &["other:unknown"]),
        (Ask::post("/api/v1/auth/logout-all"), &["change:unknown"]),
        (Ask::new(Method::PATCH, "/api/v1/me").json(json!({})), &["change:unknown"]),
        (Ask::new(Method::DELETE, "/api/v1/me"), &["change:unknown"]),
        (Ask::new(Method::PUT, "/api/v1/me/password").json(json!({})), &["change:unknown"]),
        (Ask::new(Method::DELETE, "/api/v1/me/sessions/x"), &["change:unknown"]),
        (Ask::post("/api/v1/me/api-keys").json(json!({})), &["change:unknown"]),
        (Ask::get("/api/v1/users"), &["other:unknown"]),
        (Ask::post("/api/v1/users").json(json!({})), &["manage:unknown"]),
        (Ask::new(Method::PUT, "/api/v1/users/x/roles/y"), &["manage:unknown"]),
        (Ask::new(Method::DELETE, "/api/v1/roles/x"), &["manage:unknown"]),
        (Ask::post("/api/v1/auth/set-password").json(json!({})), &["login:unknown"]),
        (Ask::post("/api/v1/setup").json(json!({})), &["login:unknown"]),
        (Ask::get("/api/v1/auth/verify"), &[]),
        (Ask::get("/livez"), &[]),
        (Ask::get("/readyz"), &[]),
        (Ask::get("/healthz"), &[]),
        (Ask::get("/openapi.json"), &[]),
        (Ask::get("/docs"), &[]),
        (Ask::get("/docs/docs.js"), &[]),
        (Ask::get("/.well-known/jwks.json"), &[]),
        (Ask::get("/.well-known/openid-configuration"), &[]),
        (Ask::get("/.well-known/oauth-authorization-server"), &[]),
        (Ask::get("/nothing"), &[]),
        (Ask::new(Method::OPTIONS, "/api/v1/auth/login"), &[]),
        (Ask::new(Method::DELETE, "/api/v1/auth/login"), &[]),
        (Ask::new(Method::PUT, "/api/v1/me"), &[]),
    ];
    for (ask, keys) in cases {
        let what = format!("{ask:?}");
        let answer = house.send(ask).await;
        assert_eq!(limiter.asked(), keys, "{what}");
        assert_eq!(answer.header("ratelimit").is_some(), !keys.is_empty(), "{what}");
        assert_eq!(answer.header("ratelimit-policy").is_some(), !keys.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn whoever_changes_the_own_account_too_often_can_still_look_at_it() {
    let (house, _) = house(Quotas { change: quota(5), ..Quotas::default() }).await;
    let token = house.user("ada").await.access;
    let me = "/api/v1/me";
    let rename = |number: usize| {
        let body = json!({ "username": format!("ada-{number}") });
        house.send(Ask::new(Method::PATCH, me).bearer(&token).json(body))
    };
    for number in 0..5 {
        let policy = rename(number).await.is(StatusCode::OK);
        assert_eq!(policy.header("ratelimit-policy"), Some("\"change\";q=5;w=60"));
    }
    for ask in [
        Ask::new(Method::PATCH, me).json(json!({ "username": "ada-5" })),
        Ask::new(Method::PUT, "/api/v1/me/password"),
        Ask::new(Method::DELETE, "/api/v1/me/sessions/x"),
        Ask::post("/api/v1/auth/logout-all"),
        Ask::new(Method::DELETE, me),
    ] {
        let refused = house.send(ask.bearer(&token)).await.is(StatusCode::TOO_MANY_REQUESTS);
        assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("rate-limited", Some("12")));
    }
    let seen = house.send(Ask::get(me).bearer(&token)).await.is(StatusCode::OK);
    assert_eq!(seen.json()["username"], "ada-4", "what was refused changed nothing");
    assert_eq!(seen.header("ratelimit"), None, "looking is another limit, which is off here");
    house.clock.advance(Duration::from_secs(12));
    rename(6).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a_limit_that_is_off_says_nothing_and_asks_nobody() {
    let (house, limiter) = house(Quotas::default()).await;
    for ask in [wrong_login("ada"), Ask::get("/api/v1/me"), Ask::post("/oauth2/introspect").form("token=x")] {
        assert_eq!(house.send(ask).await.header("ratelimit"), None);
    }
    assert!(limiter.asked().is_empty());
}

#[tokio::test]
async fn the_protocol_endpoints_refuse_in_their_own_words() {
    let (house, _) = house(ALL).await;
    let introspect = || Ask::post("/oauth2/introspect").basic(CLIENT).form("token=x");
    assert_eq!(let_through(8, |_| house.send(introspect())).await, 5);
    let refused = house.send(introspect()).await.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), Some("12"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"introspect\";q=5;w=60"));
}

#[tokio::test]
async fn a011_clients_that_fail_to_prove_who_they_are_are_counted_by_address() {
    let (house, limiter) = house(ALL).await;
    let guess = |number: usize| {
        let secret = format!("guess-{number}");
        let ask = Ask::post("/oauth2/introspect").basic((CLIENT.0, &secret)).form("token=x");
        house.send_from("10.0.0.1", via_proxy(ask, "203.0.113.7"))
    };
    assert_eq!(let_through(20, guess).await, 5);
    assert!(limiter.asked().iter().all(|key| key == "client:203.0.113.7"));
    let honest = Ask::post("/oauth2/introspect").basic(CLIENT).form("token=x");
    house.send_from("10.0.0.1", via_proxy(honest, "203.0.113.7")).await.is(StatusCode::OK);
}

#[tokio::test]
async fn a011_guesses_at_client_secrets_are_counted_whatever_clients_may_do() {
    let (house, limiter) = house(Quotas { introspect: None, ..ALL }).await;
    let honest = || Ask::post("/oauth2/introspect").basic(CLIENT).form("token=x");
    assert_eq!(let_through(20, |_| house.send(honest())).await, 20);
    assert!(limiter.asked().is_empty());
    let guess = |_| house.send(Ask::post("/oauth2/introspect").basic((CLIENT.0, "guess")).form("token=x"));
    assert_eq!(let_through(20, guess).await, 5);
    assert_eq!(limiter.asked().first().map(String::as_str), Some("client:unknown"));
}

#[tokio::test]
async fn polls_are_other_requests_of_their_client_when_introspection_is_not_limited() {
    let (house, limiter) = house(Quotas { introspect: None, ..ALL }).await;
    let poll = |_| house.send(Ask::get("/api/v1/revocations").basic(CLIENT));
    assert_eq!(let_through(8, poll).await, 5);
    assert!(limiter.asked().iter().all(|key| key == "other:client:gateway"));
}

#[tokio::test]
async fn a077_who_guesses_too_often_does_not_reach_the_store() {
    let (house, limiter) = house(ALL).await;
    let secret = house.client("orders", "").await;
    let failures = || async {
        let failed = portcullis_domain::audit::Action::AuthenticateClient;
        let query = portcullis_domain::audit::AuditQuery { action: Some(failed), limit: 100, ..Default::default() };
        house.app.audit.page(&query).await.unwrap().len()
    };
    let guess = |number: usize| {
        let guessed = format!("guess-{number}");
        house.send(Ask::post("/oauth2/token").basic(("orders", &guessed)).form(CREDENTIALS))
    };
    assert_eq!(let_through(20, guess).await, 5);
    assert_eq!(failures().await, 5, "what is refused by the limit is not looked up");
    assert!(limiter.asked().iter().all(|key| key == "client:unknown"));
    let honest = house.send(Ask::post("/oauth2/token").basic(("orders", &secret)).form(CREDENTIALS)).await;
    honest.is(StatusCode::OK);
    assert_eq!(limiter.asked(), ["introspect:client:orders"], "and the guesses hold up nobody who has the secret");
}

#[tokio::test]
async fn refreshes_are_counted_alike_at_both_doors() {
    let (house, _) = house(ALL).await;
    let ada = house.user("ada").await;
    let at_first_party = || house.refresh("x");
    for _ in 0..5 {
        at_first_party().await.is(StatusCode::UNAUTHORIZED);
    }
    let form = format!("grant_type=refresh_token&client_id=portcullis&refresh_token={}", ada.refresh);
    let refused = house.send(Ask::post("/oauth2/token").form(&form)).await.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"refresh\";q=5;w=60"));
    house.clock.advance(Duration::from_secs(12));
    house.send(Ask::post("/oauth2/token").form(&form)).await.is(StatusCode::OK);
}

#[tokio::test]
async fn b25_a_whole_ipv6_network_and_every_spelling_of_an_address_are_one_bucket() {
    let (house, limiter) = house(ALL).await;
    let from = |client: String| house.send_from("10.0.0.1", via_proxy(wrong_login("ada"), &client));
    let in_network = let_through(10_000, |number| from(format!("2001:db8::{:x}:{number:x}", number % 7))).await;
    assert_eq!(in_network, 5);
    assert!(limiter.asked().iter().all(|key| key == "login:2001:db8::"));
    for spelling in ["2001:DB8::1", "2001:0db8:0:0:0:0:0:1", "[2001:db8::1]", "[2001:db8::ffff]:443"] {
        from(spelling.to_owned()).await.is(StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(let_through(20, |_| from("2001:db8:0:1::1".to_owned())).await, 5, "the next network");

    limiter.asked();
    let spellings =
        ["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.7:80", "::FFFF:CB00:7107", "[::ffff:203.0.113.7]:1"];
    assert_eq!(let_through(20, |number| from(spellings[number % spellings.len()].to_owned())).await, 5);
    assert!(limiter.asked().iter().all(|key| key == "login:203.0.113.7"));
    assert_eq!(let_through(20, |_| from("203.0.113.8".to_owned())).await, 5);
}

#[tokio::test]
async fn b26_no_header_of_an_untrusted_peer_gets_another_bucket() {
    let (house, limiter) = house(ALL).await;
    let lying = |number: usize| {
        let claimed = format!("198.51.100.{}", number % 250);
        let ask = wrong_login("ada")
            .header("x-forwarded-for", &claimed)
            .header("forwarded", format!("for={claimed}"))
            .header("x-real-ip", &claimed)
            .header("cf-connecting-ip", &claimed);
        house.send_from("203.0.113.7", ask)
    };
    assert_eq!(let_through(200, lying).await, 5);
    assert!(limiter.asked().iter().all(|key| key == "login:203.0.113.7"));
}

#[tokio::test]
async fn b26_what_a_client_writes_before_its_proxy_gets_no_other_bucket() {
    let (house, limiter) = house(ALL).await;
    let lying = |number: usize| {
        let ask = wrong_login("ada").header("x-forwarded-for", format!("198.51.100.{}, 203.0.113.7", number % 250));
        house.send_from("10.0.0.1", ask)
    };
    assert_eq!(let_through(200, lying).await, 5);
    assert!(limiter.asked().iter().all(|key| key == "login:203.0.113.7"));
}

#[tokio::test]
async fn b27_parallel_guesses_that_reach_the_hash_are_no_more_than_the_limit() {
    let (house, _) = house(Quotas { login: quota(7), ..Quotas::default() }).await;
    house.user("ada").await;
    house.clock.advance(Duration::from_secs(600));
    let before = house.hasher.verified();
    let answers = join_all((0..500).map(|_| house.send_from("203.0.113.7", wrong_login("ada")))).await;
    let through = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(through, 7);
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status.as_u16())));
    assert_eq!(house.hasher.verified() - before, 7);
}

#[tokio::test]
async fn a012_b27_parallel_guesses_from_many_addresses_stop_at_the_account() {
    let (house, _) = house(Quotas { login: quota(1_000), ..Quotas::default() }).await;
    house.user("ada").await;
    let before = house.hasher.verified();
    let guesses = (0..500).map(|number| {
        let client = format!("203.0.{}.{}", number / 250, number % 250);
        house.send_from("10.0.0.1", via_proxy(wrong_login("ada"), &client))
    });
    let answers = join_all(guesses).await;
    let refused = |code: &str| answers.iter().filter(|answer| answer.json()["code"] == code).count();
    assert_eq!(refused("invalid-credentials") + refused("too-many-attempts"), 500);
    let reached = house.hasher.verified() - before;
    assert!(reached <= 20 + 32, "20 are free, and a few may be on their way at the same moment: {reached}");
    let late = house.send(wrong_login("ada")).await.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(late.problem(), "too-many-attempts");
    assert!(late.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn a014_b24_every_spelling_of_a_name_shares_one_count() {
    for (name, spellings) in [
        (
            "ada@example.com",
            &["ADA@EXAMPLE.COM", "Ada@Example.Com", " ada@example.com ", "ａｄａ@example.com", "ada@example.com"][..],
        ),
        ("nobody@example.com", &["NOBODY@example.com", "nobody@EXAMPLE.com", "nobody@example.com "]),
        ("ada", &["ADA", "Ada", "aDa", "ａｄａ"]),
    ] {
        let (house, _) = house(Quotas::default()).await;
        house.user("ada").await;
        for number in 0..20 {
            let field = ["login", "username", "email"][number % 3];
            let spelling = spellings[number % spellings.len()];
            let ask = Ask::post("/api/v1/auth/login").json(json!({ field: spelling, "password": "wrong" }));
            house.send(ask).await.is(StatusCode::UNAUTHORIZED);
        }
        for spelling in spellings.iter().chain([&name]) {
            let answer = house.send(wrong_login(spelling)).await.is(StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(answer.problem(), "too-many-attempts", "{spelling}");
        }
        house.send(wrong_login("somebody.else")).await.is(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_limiter_that_cannot_count_lets_nobody_in() {
    let (house, limiter) = house(ALL).await;
    for (fault, status, code, error) in [
        (AWAY, StatusCode::SERVICE_UNAVAILABLE, "unavailable", "temporarily_unavailable"),
        (PANIC, StatusCode::INTERNAL_SERVER_ERROR, "internal", "server_error"),
        (SILENT, StatusCode::SERVICE_UNAVAILABLE, "timeout", "temporarily_unavailable"),
    ] {
        limiter.fault.store(fault, Ordering::SeqCst);
        let login = Ask::post("/api/v1/auth/login").json(json!({ "login": "ada", "password": PASSWORD }));
        let before = house.hasher.verified();
        let answer = house.send(login).await.is(status);
        assert_eq!(answer.problem(), code);
        assert_eq!(house.hasher.verified(), before, "the password was not looked at");
        let introspect = Ask::post("/oauth2/introspect").basic(CLIENT).form("token=x");
        let protocol = house.send(introspect).await.is(status);
        assert_eq!(protocol.json()["error"], error);
        for answer in [answer, protocol] {
            assert_eq!(answer.header("retry-after").is_some(), status == StatusCode::SERVICE_UNAVAILABLE);
            assert!(!answer.text().contains("redis") && !answer.text().contains("secret"), "{}", answer.text());
        }
        house.send(Ask::get("/livez")).await.is(StatusCode::OK);
        house.send(Ask::get("/api/v1/auth/verify")).await.is(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_can_read_that_it_is_too_fast() {
    let adjust = |settings: &mut HttpSettings| {
        settings.quotas = Quotas { other: quota(1), ..Quotas::default() };
        settings.allowed_origins = vec!["https://app.example.com".to_owned()];
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    let ask = || Ask::get("/api/v1/me").header("origin", "https://app.example.com");
    house.send(ask()).await.is(StatusCode::UNAUTHORIZED);
    let refused = house.send(ask()).await.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("Retry-After"));
}

#[tokio::test]
async fn the_document_says_which_operations_are_limited() {
    let (house, _) = house(ALL).await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let free = |path: &str| {
        // A check for proxies is limited as far as an API key is that says so itself.
        ["/livez", "/readyz", "/healthz", "/openapi.json", "/asyncapi.json"].contains(&path)
            || path.starts_with("/docs")
            || path.starts_with("/schemas/")
            || path.starts_with("/.well-known/")
    };
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            let refused = &operation["responses"]["429"];
            assert_eq!(refused.is_object(), !free(path), "{path}");
            if free(path) {
                continue;
            }
            let headers =
                |response: &Value| response["headers"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert!(headers(refused).contains(&"Retry-After".to_owned()), "{path}");
            for response in operation["responses"].as_object().unwrap().values() {
                assert!(headers(response).contains(&"RateLimit".to_owned()), "{path}");
                assert!(headers(response).contains(&"RateLimit-Policy".to_owned()), "{path}");
            }
            assert!(!refused["description"].as_str().unwrap().is_empty());
            assert!(refused["content"].is_object(), "{path}");
        }
    }
}
