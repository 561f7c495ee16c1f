//! API keys in use: what opens nothing, from where, how often, and what is counted.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::ambient::Clock;
use serde_json::json;

use crate::access::{by_key, key_of};
use crate::api_keys::{ALL, CURRENT, OWN, crc32, made, opens, place};
use crate::harness::{Ask, House, Plan};

#[tokio::test]
async fn a105_nothing_but_the_whole_key_opens_anything_and_all_refusals_are_alike() {
    let house = House::new().await;
    let (ada, admin) = (house.member("ada").await, house.admin("root-1").await);
    let (good, other) = (key_of(&house, &ada, &[]).await, key_of(&house, &ada, &[]).await);
    let revoked = made(&house, &ada, json!({ "name": "x" })).await;
    house.send(admin.delete(&place(&revoked).replace(OWN, ALL))).await.is(StatusCode::NO_CONTENT);
    let with_sum = |sound: String| {
        let sum = crc32(sound.as_bytes());
        format!("{sound}{sum:08x}")
    };
    let swapped = with_sum(format!("{}{}", &good[..36], &other[36..100]));
    let unknown = with_sum(format!("pk_01981f3e7a607c1e9d0b52f1c1a6a001_{}", &good[36..100]));
    let guesses = [
        swapped,
        unknown,
        revoked.json()["key"].as_str().unwrap().to_owned(),
        format!("{}0", &good[..107]),
        good[..100].to_owned(),
        good.to_uppercase(),
        format!("{good} "),
        format!("{good}x"),
        format!("Bearer {good}"),
        String::new(),
        "x".repeat(5_000),
        "é".to_owned(),
    ];
    let mut seen = Vec::new();
    for guess in guesses.iter().filter(|guess| guess.trim_end() != good && guess.as_str() != good) {
        let refused = house.send(by_key(Method::GET, CURRENT, guess)).await.is(StatusCode::UNAUTHORIZED);
        let challenge = "ApiKey header=\"X-API-Key\", error=\"invalid_key\"";
        assert_eq!(refused.header("www-authenticate"), Some(challenge), "{guess}");
        seen.push((refused.steady_problem(), refused.steady_headers()));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "nobody is told what is wrong");
    assert!(opens(&house, &good).await);
}

#[tokio::test]
async fn a055_a_key_is_never_taken_from_anywhere_else() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let key = key_of(&house, &ada, &[]).await;
    for name in ["api_key", "apikey", "key", "X-API-Key", "x-api-key", "token"] {
        house.send(Ask::get(&format!("{CURRENT}?{name}={key}"))).await.is(StatusCode::UNAUTHORIZED);
        house.send(Ask::get(CURRENT).header("cookie", format!("{name}={key}"))).await.is(StatusCode::UNAUTHORIZED);
        let form = Ask::post("/api/v1/roles").form(&format!("{name}={key}"));
        house.send(form).await.is(StatusCode::UNAUTHORIZED);
    }
    for scheme in ["Bearer", "ApiKey", "Basic"] {
        let ask = Ask::get("/api/v1/me/access").header("authorization", format!("{scheme} {key}"));
        house.send(ask).await.is(StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a110_a_key_is_good_only_from_its_networks() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let body = json!({ "name": "x", "networks": ["192.0.2.0/24", "2001:db8::7"] });
    let key = made(&house, &ada, body).await.json()["key"].as_str().unwrap().to_owned();
    for path in [CURRENT, "/api/v1/me/access", "/api/v1/auth/verify"] {
        for inside in ["192.0.2.255", "2001:db8::7", "::ffff:192.0.2.1"] {
            assert!(house.send_from(inside, by_key(Method::GET, path, &key)).await.status.is_success(), "{inside}");
        }
        for outside in ["192.0.3.0", "2001:db8::8", "10.0.0.1"] {
            let refused = house.send_from(outside, by_key(Method::GET, path, &key)).await.is(StatusCode::FORBIDDEN);
            assert_eq!(refused.problem(), "address-not-allowed");
        }
        let claimed = by_key(Method::GET, path, &key).header("x-forwarded-for", "192.0.2.1");
        house.send_from("10.0.0.1", claimed).await.is(StatusCode::FORBIDDEN);
        house.send(by_key(Method::GET, path, &key)).await.is(StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_key_has_a_limit_of_its_own_wherever_it_is_used() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let body = json!({ "name": "x", "rate_limit": { "requests": 3, "per_seconds": 60 } });
    let key = made(&house, &ada, body).await.json()["key"].as_str().unwrap().to_owned();
    let free = key_of(&house, &ada, &[]).await;
    let ask = |path: &str| house.send(by_key(Method::GET, path, &key));
    let first = ask(CURRENT).await.is(StatusCode::OK);
    assert_eq!(first.header("ratelimit-policy"), Some("\"api-key\";q=3;w=60"));
    assert_eq!(first.header("ratelimit"), Some("\"api-key\";r=2;t=20"));
    ask("/api/v1/auth/verify").await.is(StatusCode::NO_CONTENT);
    ask("/api/v1/me/access").await.is(StatusCode::OK);
    for path in [CURRENT, "/api/v1/auth/verify", "/api/v1/users"] {
        let refused = ask(path).await.is(StatusCode::TOO_MANY_REQUESTS);
        assert_eq!((refused.problem().as_str(), refused.header("retry-after")), ("rate-limited", Some("20")));
    }
    house.send(by_key(Method::GET, CURRENT, &free)).await.is(StatusCode::OK);
    house.clock.advance(Duration::from_secs(20));
    ask(CURRENT).await.is(StatusCode::OK);
}

#[tokio::test]
async fn the_limit_of_a_key_is_told_beside_that_of_its_address() {
    let adjust = |settings: &mut portcullis_http::HttpSettings| {
        settings.quotas.other =
            Some(portcullis_domain::ports::limits::Quota { burst: 100, period: Duration::from_secs(100) });
    };
    let house = House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await;
    let ada = house.member("ada").await;
    let body = json!({ "name": "x", "rate_limit": { "requests": 3, "per_seconds": 60 } });
    let key = made(&house, &ada, body).await.json()["key"].as_str().unwrap().to_owned();
    let answer = house.send(by_key(Method::GET, CURRENT, &key)).await.is(StatusCode::OK);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"other\";q=100;w=100, \"api-key\";q=3;w=60"));
}

#[tokio::test]
async fn how_a_key_was_used_is_told_after_it_was_written_down() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let made = made(&house, &ada, json!({ "name": "x" })).await;
    let key = made.json()["key"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        assert!(opens(&house, &key).await);
    }
    house.app.access.flush_usage().await.unwrap();
    let shown = house.send(ada.get(&place(&made))).await.is(StatusCode::OK);
    assert_eq!((&shown.json()["uses"], shown.tag()), (&json!(5), "\"1\"".to_owned()));
    assert_eq!(shown.json()["last_used_at"], house.clock.now().to_rfc3339());
}
