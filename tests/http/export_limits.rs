//! How often somebody may write everything out.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use portcullis_domain::ports::limits::Quota;
use portcullis_http::{HttpSettings, Quotas};

use crate::access::{by_key, key_of};
use crate::harness::{Answer, Ask, House, PASSWORD, Plan};
use crate::impersonation::acting;

const USERS: &str = "/api/v1/users/export";
const AUDIT: &str = "/api/v1/audit/export";
const OWN: &str = "/api/v1/me/export";

/// A house where everybody may write out twice in an hour.
async fn house() -> House {
    let adjust = |settings: &mut HttpSettings| {
        let export = Some(Quota { burst: 2, period: Duration::from_secs(3_600) });
        let other = Some(Quota { burst: 1_000, period: Duration::from_secs(60) });
        settings.quotas = Quotas { export, other, ..Quotas::default() };
    };
    House::build(Plan { adjust: Box::new(adjust), ..Plan::default() }).await
}

#[track_caller]
fn is_limited(answer: Answer) {
    let refused = answer.is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("1800"));
    if !refused.body.is_empty() {
        assert_eq!(refused.problem(), "rate-limited");
    }
}

#[tokio::test]
async fn b53_exports_are_counted_by_account_wherever_it_asks_from() {
    let house = house().await;
    let clerk = house.staff("clerk", &["users:read", "audit:read", "users:export"]).await;
    let other = house.staff("other", &["users:read"]).await;
    let first = house.send_from("203.0.113.7", clerk.get(USERS)).await.is(StatusCode::OK);
    assert_eq!(first.header("ratelimit-policy"), Some("\"other\";q=1000;w=60, \"export\";q=2;w=3600"));
    assert_eq!(first.header("ratelimit"), Some("\"other\";r=999;t=1, \"export\";r=1;t=1800"));
    house.send_from("203.0.113.8", clerk.ask(Method::HEAD, AUDIT)).await.is(StatusCode::OK);
    let of_other = format!("{}/export", other.path());
    for path in [USERS, AUDIT, OWN, of_other.as_str()] {
        is_limited(house.send_from("203.0.113.9", clerk.get(path)).await);
        is_limited(house.send_from("203.0.113.9", clerk.ask(Method::HEAD, path)).await);
    }
    house.send(clerk.get("/api/v1/users")).await.is(StatusCode::OK);
    house.send_from("203.0.113.7", other.get(USERS)).await.is(StatusCode::OK);
    house.clock.advance(Duration::from_secs(1_800));
    let again = house.login("clerk", PASSWORD).await;
    house.send(Ask::get(OWN).bearer(&again.access)).await.is(StatusCode::OK);
    is_limited(house.send(Ask::get(OWN).bearer(&again.access)).await);
}

#[tokio::test]
async fn the_keys_of_an_account_export_no_more_than_the_account() {
    let house = house().await;
    let clerk = house.staff("clerk", &["users:read"]).await;
    let (one, two) = (key_of(&house, &clerk, &["users:read"]).await, key_of(&house, &clerk, &["users:read"]).await);
    house.send(by_key(Method::GET, USERS, &one)).await.is(StatusCode::OK);
    house.send(by_key(Method::GET, USERS, &two)).await.is(StatusCode::OK);
    is_limited(house.send(clerk.get(USERS)).await);
    is_limited(house.send(by_key(Method::GET, USERS, &one)).await);
}

#[tokio::test]
async fn who_acts_as_somebody_else_is_counted_as_who_they_are() {
    let house = house().await;
    let admin = house.admin("root-1").await;
    for name in ["ada", "bea"] {
        let clerk = house.staff(name, &["users:read"]).await;
        let token = acting(&house, &admin, &clerk, false).await;
        house.send(Ask::get(USERS).bearer(&token)).await.is(StatusCode::OK);
        let both = house.send(clerk.get(USERS)).await.is(StatusCode::OK);
        assert!(both.header("ratelimit").unwrap().contains("\"export\";r=1"));
    }
    is_limited(house.send(admin.get(AUDIT)).await);
}

#[tokio::test]
async fn a_client_is_counted_by_its_id() {
    let house = house().await;
    let secret = house.client("robot", "users:read").await;
    for status in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let token = house.client_token(("robot", &secret)).await;
        house.send(Ask::get(USERS).bearer(&token)).await.is(status);
    }
}

#[tokio::test]
async fn what_is_refused_for_another_reason_is_no_export() {
    let house = house().await;
    let ada = house.member("ada").await;
    for _ in 0..5 {
        house.send(ada.get(USERS)).await.is(StatusCode::FORBIDDEN);
        house.send(Ask::get(USERS)).await.is(StatusCode::UNAUTHORIZED);
    }
    house.send(ada.get(OWN)).await.is(StatusCode::OK);
}
