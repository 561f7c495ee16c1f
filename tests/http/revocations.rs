//! The feed of revocations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use poem::http::{Method, StatusCode};
use portcullis_domain::caller::Caller;
use portcullis_domain::origin::Origin;
use portcullis_http::{HttpSettings, Quotas};
use portcullis_memory::MemoryLimiter;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, CLIENT, House, Plan, encoded};

const FEED: &str = "/api/v1/revocations";

async fn poll(house: &House, query: &str) -> Answer {
    house.send(Ask::get(&format!("{FEED}{query}")).basic(CLIENT)).await
}

/// Everything that there is, and where to go on from.
async fn all(house: &House) -> (Vec<Value>, String) {
    let body = poll(house, "").await.is(StatusCode::OK).json();
    (body["items"].as_array().unwrap().clone(), body["next_cursor"].as_str().unwrap().to_owned())
}

async fn log_out(house: &House, access: &str) {
    house.send(Ask::post("/api/v1/auth/logout").bearer(access)).await.is(StatusCode::NO_CONTENT);
}

fn ids(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn everything_that_matters_is_told_at_once_and_then_what_is_new() {
    let house = House::new().await;
    let answer = poll(&house, "").await.is(StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!((&body["items"], &body["complete_until"]), (&json!([]), &json!("2030-01-01T00:00:00Z")));
    assert_eq!(body["keys"].as_str().unwrap().len(), 32);
    assert_eq!(body.as_object().unwrap().len(), 4);

    let ada = house.user("ada").await;
    log_out(&house, &ada.access).await;
    let (items, cursor) = all(&house).await;
    let expected = json!({
        "kind": "grant", "id": ada.session, "revoked_at": "2030-01-01T00:00:00Z", "until": "2030-01-01T00:16:00Z",
    });
    assert_eq!(items, [expected]);
    let bob = house.user("bob").await;
    log_out(&house, &bob.access).await;
    let more = poll(&house, &format!("?cursor={cursor}")).await.is(StatusCode::OK).json();
    assert_eq!(ids(&more["items"]), [bob.session.as_str()]);
    let next = more["next_cursor"].as_str().unwrap();
    let none = poll(&house, &format!("?cursor={next}&wait=0")).await.is(StatusCode::OK).json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["keys"], body["keys"], "the keys are the same ones");
}

#[tokio::test]
async fn every_kind_has_its_name() {
    let house = House::new().await;
    let (orders, billing) = (house.client("orders", "").await, house.client("billing", "").await);
    let token = house.client_token(("orders", &orders)).await;
    let form = format!("token={}", encoded(&token));
    let told = house.send(Ask::post("/oauth2/introspect").basic(CLIENT).form(&form)).await.json();
    house.send(Ask::post("/oauth2/revoke").basic(("orders", &orders)).form(&form)).await.is(StatusCode::OK);
    house.client_token(("billing", &billing)).await;
    house.app.clients.delete(&Caller::operator(), &"billing".parse().unwrap(), &Origin::default()).await.unwrap();
    let (items, _) = all(&house).await;
    let seen: Vec<_> = items.iter().map(|item| (item["kind"].as_str().unwrap(), item["id"].clone())).collect();
    assert_eq!(seen, [("grant", told["jti"].clone()), ("client", json!("billing"))]);
}

#[tokio::test]
async fn a081_only_clients_are_told() {
    let house = House::new().await;
    let secret = house.client("orders", "").await;
    house.send(Ask::get(FEED).basic(("orders", &secret))).await.is(StatusCode::OK);
    let ada = house.user("ada").await;
    let token = house.client_token(("orders", &secret)).await;
    for ask in [
        Ask::get(FEED),
        Ask::get(FEED).basic(("orders", "wrong")),
        Ask::get(FEED).basic(("nobody", &secret)),
        Ask::get(FEED).basic(("portcullis", "")),
        Ask::get(FEED).bearer(&ada.access),
        Ask::get(FEED).bearer(&token),
        Ask::get(FEED).header("authorization", "Basic !"),
        Ask::get(FEED).header("cookie", format!("__Host-portcullis_access={}", ada.access)),
        Ask::get(&format!("{FEED}?client_id=orders&client_secret={secret}")),
    ] {
        let what = format!("{ask:?}");
        let answer = house.send(ask).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(answer.problem(), "invalid-client", "{what}");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"oauth2\", charset=\"UTF-8\""), "{what}");
    }
    let twice = house.send(Ask::get(FEED).basic(CLIENT).basic(CLIENT)).await.is(StatusCode::BAD_REQUEST);
    assert_eq!(twice.problem(), "malformed-request");
}

#[tokio::test]
async fn a107_b10_a_cursor_that_was_not_given_and_a_wait_that_cannot_be_are_refused() {
    let house = House::new().await;
    let (_, cursor) = all(&house).await;
    for query in [
        "cursor=".to_owned(),
        "cursor=x".to_owned(),
        "cursor=0".to_owned(),
        format!("cursor=0{cursor}"),
        format!("cursor={cursor}-0"),
        format!("cursor={}", cursor.to_uppercase() + "A"),
        format!("cursor={cursor}&cursor={cursor}"),
        "cursor=%27%20OR%201%3D1--".to_owned(),
        "wait=26".to_owned(),
        "wait=-1".to_owned(),
        "wait=".to_owned(),
        "wait=1.5".to_owned(),
        "wait=1&wait=1".to_owned(),
        format!("wait={}", "9".repeat(40)),
    ] {
        let answer = poll(&house, &format!("?{query}")).await;
        assert_eq!(answer.is(StatusCode::BAD_REQUEST).problem(), "invalid-parameter", "{query}");
    }
    let unknown = poll(&house, &format!("?cursor={cursor}&wait=0&after=1")).await.is(StatusCode::BAD_REQUEST).json();
    assert_eq!(
        (&unknown["errors"][0]["parameter"], &unknown["errors"][0]["code"]),
        (&json!("after"), &json!("unknown-parameter"))
    );
}

#[tokio::test]
async fn a_poll_waits_for_news_and_is_answered_with_it() {
    let house = Arc::new(House::new().await);
    let ada = house.user("ada").await;
    let (_, cursor) = all(&house).await;
    let began = Instant::now();
    let query = format!("?cursor={cursor}&wait=5");
    let waiting = poll(&house, &query);
    let revoking = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        log_out(&house, &ada.access).await;
    };
    let (answer, ()) = tokio::join!(waiting, revoking);
    assert_eq!(ids(&answer.is(StatusCode::OK).json()["items"]), [ada.session.as_str()]);
    let took = began.elapsed();
    assert!((Duration::from_millis(150)..Duration::from_secs(2)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_poll_without_news_ends_in_time_and_is_no_error() {
    let plan = Plan { request_timeout: Duration::from_millis(600), ..Plan::default() };
    let house = House::build(plan).await;
    let (_, cursor) = all(&house).await;
    let began = Instant::now();
    let answer = poll(&house, &format!("?cursor={cursor}&wait=25")).await.is(StatusCode::OK);
    let took = began.elapsed();
    assert!((Duration::from_millis(250)..Duration::from_millis(590)).contains(&took), "{took:?}");
    assert_eq!(answer.json()["items"], json!([]));
    let began = Instant::now();
    poll(&house, &format!("?cursor={cursor}&wait=0")).await.is(StatusCode::OK);
    assert!(began.elapsed() < Duration::from_millis(200));
}

#[tokio::test]
async fn a_service_that_drains_answers_those_that_wait_at_once() {
    let house = Arc::new(House::new().await);
    let (_, cursor) = all(&house).await;
    let query = format!("?cursor={cursor}");
    let began = Instant::now();
    let waiting = join_all((0..50).map(|_| poll(&house, &query)));
    let draining = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        house.health.drain();
    };
    let (answers, ()) = tokio::join!(waiting, draining);
    for answer in answers {
        let body = answer.is(StatusCode::OK).json();
        assert_eq!(body["items"], json!([]));
        assert!(body["next_cursor"].is_string(), "they go on at another replica");
    }
    poll(&house, &query).await.is(StatusCode::OK);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_wait_are_all_told() {
    const READERS: usize = 250;
    let house = Arc::new(House::new().await);
    let ada = house.user("ada").await;
    let (_, cursor) = all(&house).await;
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (house, query) = (house.clone(), format!("?cursor={cursor}&wait=8"));
            tokio::spawn(async move { poll(&house, &query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // They hold nothing: others are served meanwhile.
    house.login("ada", crate::harness::PASSWORD).await;
    log_out(&house, &ada.access).await;
    for reader in readers {
        let body = reader.await.unwrap().is(StatusCode::OK).json();
        assert_eq!(ids(&body["items"]), [ada.session.as_str()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b57_a_client_that_waits_in_all_its_places_is_answered_at_once_and_keeps_nobody_else_out() {
    let house = Arc::new(House::new().await);
    let (_, cursor) = all(&house).await;
    let query = format!("?cursor={cursor}&wait=8");
    let waiting: Vec<_> = (0..256)
        .map(|_| {
            let (house, query) = (house.clone(), query.clone());
            tokio::spawn(async move { poll(&house, &query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    let body = poll(&house, &query).await.is(StatusCode::OK).json();
    assert_eq!(body["items"], json!([]));
    assert!(began.elapsed() < Duration::from_secs(4), "it did not wait");
    let secret = house.client("orders", "").await;
    let ada = house.user("ada").await;
    let other = house.send(Ask::get(&format!("{FEED}{query}")).basic(("orders", &secret)));
    let (other, ()) = tokio::join!(other, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        log_out(&house, &ada.access).await;
    });
    assert_eq!(ids(&other.is(StatusCode::OK).json()["items"]), [ada.session.as_str()], "it waited, and was told");
    for waiting in waiting {
        waiting.await.unwrap().is(StatusCode::OK);
    }
}

#[tokio::test]
async fn revocations_that_come_together_are_told_together() {
    let house = Arc::new(House::new().await);
    let mut users = Vec::new();
    for number in 0..10 {
        users.push(house.user(&format!("user-{number}")).await);
    }
    let (_, cursor) = all(&house).await;
    let query = format!("?cursor={cursor}&wait=5");
    let waiting = poll(&house, &query);
    let revoking = async {
        for user in &users {
            log_out(&house, &user.access).await;
        }
    };
    let (answer, ()) = tokio::join!(waiting, revoking);
    assert_eq!(answer.json()["items"].as_array().unwrap().len(), 10, "one answer, not ten");
}

#[tokio::test]
async fn a_replica_that_does_not_know_says_so() {
    let house = House::build(Plan { staleness: Some(Duration::from_secs(5)), ..Plan::default() }).await;
    let ask = || house.send(Ask::get(FEED).basic(CLIENT));
    let stale = ask().await.is(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((stale.problem().as_str(), stale.header("retry-after")), ("unavailable", Some("1")));
    house.app.learn(None).await.unwrap();
    let body = ask().await.is(StatusCode::OK).json();
    house.clock.advance(Duration::from_secs(6));
    ask().await.is(StatusCode::SERVICE_UNAVAILABLE);
    let cursor = body["next_cursor"].as_str().unwrap();
    let waiting = poll(&house, &format!("?cursor={cursor}&wait=5")).await;
    assert_eq!(waiting.is(StatusCode::SERVICE_UNAVAILABLE).problem(), "unavailable", "it does not wait for it either");
}

#[tokio::test]
async fn a_poll_is_counted_by_client_and_a_failed_one_by_address() {
    let quota = Some(portcullis_domain::ports::limits::Quota { burst: 3, period: Duration::from_secs(60) });
    let adjust = move |settings: &mut HttpSettings| {
        settings.limiter = Arc::new(MemoryLimiter::new(settings.clock.clone()));
        settings.quotas = Quotas { introspect: quota, login: quota, ..Quotas::default() };
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    let secret = house.client("orders", "").await;
    for _ in 0..3 {
        poll(&house, "").await.is(StatusCode::OK);
    }
    let refused = poll(&house, "").await.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("rate-limited", Some("20")));
    house.send(Ask::get(FEED).basic(("orders", &secret))).await.is(StatusCode::OK);
    for status in [401, 401, 401, 429, 429] {
        let answer = house.send(Ask::get(FEED).basic(("orders", "wrong"))).await;
        assert_eq!(answer.status.as_u16(), status);
    }
    house.send(Ask::get(FEED).basic(("orders", &secret))).await.is(StatusCode::OK);
}

#[tokio::test]
async fn the_feed_knows_its_method() {
    let house = House::new().await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = house.send(Ask::new(method, FEED).basic(CLIENT)).await.is(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let head = house.send(Ask::new(Method::HEAD, FEED).basic(CLIENT)).await.is(StatusCode::OK);
    assert_eq!(head.header("cache-control"), Some("no-store"));
}
