//! Bodies that arrive long after the head of their request, and what became of the caller meanwhile.

use std::time::Duration;

use futures_util::stream;
use poem::Body;
use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::access::{by_key, key_of};
use crate::harness::{Answer, Ask, House, OTHER_PASSWORD, PASSWORD};
use crate::impersonation::acting;
use crate::staff::Member;

const USERS: &str = "/api/v1/users";

/// Sends the head of a request; then something else happens, and after that the body arrives.
async fn late(house: &House, ask: Ask, meanwhile: Option<Ask>) -> Answer {
    let (mut request, endpoint) = (ask.into_request(), house.endpoint.clone());
    let body = request.take_body();
    let arrives = async move {
        if let Some(ask) = meanwhile {
            let done = endpoint.answer(ask.into_request()).await;
            assert!(done.status().is_success(), "{}", done.status());
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        body.into_bytes().await.map_err(std::io::Error::other)
    };
    request.set_body(Body::from_bytes_stream(stream::once(arrives)));
    Answer::read(house.endpoint.answer(request).await).await
}

fn new_user() -> serde_json::Value {
    json!({ "email": "new@example.com" })
}

fn withdrawal(by: &Member, from: &Member, role: &str) -> Ask {
    by.delete(&format!("{}/roles/{role}", from.path()))
}

async fn accounts(house: &House, admin: &Member) -> usize {
    house.all_pages(admin, "/api/v1/users?limit=50").await.len()
}

#[tokio::test]
async fn a104_who_is_demoted_while_the_body_arrives_does_nothing_more() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let clerk = house.staff("clerk", &["users:write"]).await;
    let refused = late(&house, clerk.post(USERS, new_user()), Some(withdrawal(&admin, &clerk, "clerk"))).await;
    assert_eq!(refused.is(StatusCode::FORBIDDEN).problem(), "not-permitted");
    assert_eq!(accounts(&house, &admin).await, 2);
}

#[tokio::test]
async fn a104_who_lost_anything_while_the_body_arrives_does_nothing_with_what_they_had() {
    let house = House::new().await;
    let (admin, second) = (house.admin("root-1").await, house.staff("second", &["roles:write"]).await);
    house.grant(&second, "admin").await;
    // Still good enough for the operation, and no more for what the body asks.
    let role = json!({ "name": "mighty", "permissions": ["users:delete"] });
    let refused = late(&house, second.post("/api/v1/roles", role), Some(withdrawal(&admin, &second, "admin"))).await;
    assert_eq!(refused.is(StatusCode::FORBIDDEN).problem(), "not-permitted");
    house.send(admin.get("/api/v1/roles/mighty")).await.is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_is_still_there_when_the_body_arrives_is_served_and_counted_once() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    late(&house, admin.post(USERS, new_user()), None).await.is(StatusCode::CREATED);
    let body =
        json!({ "name": "x", "permissions": ["users:write"], "rate_limit": { "requests": 2, "per_seconds": 60 } });
    let made = house.send(admin.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED);
    let key = made.json()["key"].as_str().unwrap().to_owned();
    let ask = by_key(Method::POST, USERS, &key).json(json!({ "email": "newer@example.com" }));
    let answer = late(&house, ask, None).await.is(StatusCode::CREATED);
    assert_eq!(answer.header("ratelimit"), Some("\"api-key\";r=1;t=30"));
    house.app.access.flush_usage().await.unwrap();
    let shown = house.send(admin.get(made.header("location").unwrap())).await.is(StatusCode::OK);
    assert_eq!(shown.json()["uses"], 1);
}

#[tokio::test]
async fn a043_a_key_that_is_revoked_while_the_body_arrives_opens_nothing() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let key = key_of(&house, &admin, &["users:write"]).await;
    let listed = house.send(admin.get("/api/v1/me/api-keys")).await.json();
    let revoke = admin.delete(&format!("/api/v1/me/api-keys/{}", listed["items"][0]["id"].as_str().unwrap()));
    let late = late(&house, by_key(Method::POST, USERS, &key).json(new_user()), Some(revoke)).await;
    let refused = late.is(StatusCode::UNAUTHORIZED);
    assert_eq!(refused.problem(), "unauthenticated");
    assert!(refused.header("www-authenticate").unwrap().starts_with("ApiKey"));
    assert_eq!(accounts(&house, &admin).await, 1);
}

#[tokio::test]
async fn a042_who_logs_out_while_the_body_arrives_changes_nothing() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let passwords = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    for ask in [
        ada.ask(Method::PUT, "/api/v1/me/password").json(passwords),
        ada.ask(Method::PATCH, "/api/v1/me").json(json!({ "username": "eve" })),
        ada.ask(Method::DELETE, "/api/v1/me").json(json!({ "current_password": PASSWORD })),
        ada.post("/api/v1/me/api-keys", json!({ "name": "mine" })),
    ] {
        let other = house.login("ada", PASSWORD).await;
        let token = ask_again(&ask, &other.access);
        let out = Ask::post("/api/v1/auth/logout").bearer(&other.access);
        let refused = late(&house, token, Some(out)).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(refused.problem(), "unauthenticated", "{ask:?}");
    }
    house.login("ada", PASSWORD).await;
}

/// The same with another token.
fn ask_again(ask: &Ask, token: &str) -> Ask {
    ask.clone().without("authorization").bearer(token)
}

#[tokio::test]
async fn who_may_act_as_others_no_more_when_the_body_arrives_changes_nothing() {
    let house = House::new().await;
    let (admin, second) = (house.admin("root-1").await, house.admin("root-2").await);
    let ada = house.member("ada").await;
    let token = acting(&house, &second, &ada, true).await;
    let ask = Ask::new(Method::PATCH, "/api/v1/me").bearer(&token).json(json!({ "username": "eve" }));
    let refused = late(&house, ask, Some(withdrawal(&admin, &second, "admin"))).await;
    assert_eq!(refused.is(StatusCode::UNAUTHORIZED).problem(), "unauthenticated");
    house.login("ada", PASSWORD).await;
}
