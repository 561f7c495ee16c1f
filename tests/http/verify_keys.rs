//! The check that proxies make, for API keys and for those who act as somebody else; and introspection of both.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::access::{by_key, key_of};
use crate::harness::{Ask, CLIENT, House, PASSWORD, Plan, encoded};
use crate::impersonation::acting;
use crate::staff::Member;

const VERIFY: &str = "/api/v1/auth/verify";
const HEADERS: [&str; 6] =
    ["x-auth-user-id", "x-auth-session-id", "x-auth-client-id", "x-auth-scopes", "x-auth-roles", "x-auth-actor-id"];

async fn told(house: &House, ask: Ask) -> Vec<String> {
    let answer = house.send(ask).await.is(StatusCode::NO_CONTENT);
    HEADERS.iter().map(|name| answer.header(name).expect("always there").to_owned()).collect()
}

async fn introspected(house: &House, token: &str) -> Value {
    let ask = Ask::post("/oauth2/introspect").basic(CLIENT).form(&format!("token={}", encoded(token)));
    house.send(ask).await.is(StatusCode::OK).json()
}

#[tokio::test]
async fn a_key_is_told_in_the_same_headers_as_a_token() {
    let house = House::new().await;
    let clerk = house.staff("clerk", &["users:read", "audit:*"]).await;
    let body = json!({ "name": "x", "permissions": ["users:read"], "roles": ["clerk"] });
    let made = house.send(clerk.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED).json();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    let ask = by_key(Method::GET, VERIFY, key).header("x-auth-user-id", "somebody else");
    assert_eq!(told(&house, ask).await, [&clerk.id, "", id, "audit:* users:read", "clerk", ""]);
    // What it may do now, and not what it was given.
    let admin = house.admin("root-1").await;
    house.send(admin.delete(&format!("{}/roles/clerk", clerk.path()))).await.is(StatusCode::NO_CONTENT);
    assert_eq!(told(&house, by_key(Method::GET, VERIFY, key)).await[3], "");
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_own_challenge() {
    let house = House::new().await;
    for (key, status) in [("", 401), ("pk_x", 401), ("nothing", 401)] {
        let refused = house.send(by_key(Method::GET, VERIFY, key)).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (status, "unauthenticated"));
        assert!(refused.header("www-authenticate").unwrap().starts_with("ApiKey"));
    }
}

#[tokio::test]
async fn what_a_key_may_do_is_not_known_for_longer_than_a_quarter_of_a_second() {
    let house = House::new().await;
    let clerk = house.staff("clerk", &["users:read"]).await;
    let key = key_of(&house, &clerk, &["users:read"]).await;
    assert_eq!(told(&house, by_key(Method::GET, VERIFY, &key)).await[3], "users:read");
    house.clock.advance(Duration::from_millis(250));
    assert_eq!(told(&house, by_key(Method::GET, VERIFY, &key)).await[3], "users:read");
}

#[tokio::test]
async fn roles_are_those_of_this_moment_where_tokens_tell_of_roles() {
    let house = House::build(Plan { standing_in_tokens: true, ..Plan::default() }).await;
    let ada = house.member("ada").await;
    assert_eq!(told(&house, Ask::get(VERIFY).bearer(&ada.tokens.access)).await[4], "user");
    house.role("auditor", &["audit:read"]).await;
    house.grant(&ada, "auditor").await;
    assert_eq!(told(&house, Ask::get(VERIFY).bearer(&ada.tokens.access)).await[4], "auditor user");
    let silent = House::new().await;
    let bob = silent.admin("bob").await;
    assert_eq!(told(&silent, Ask::get(VERIFY).bearer(&bob.tokens.access)).await[4], "");
}

#[tokio::test]
async fn somebody_who_may_only_look_gets_through_only_to_look() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let token = acting(&house, &admin, &ada, false).await;
    let ask = |method: &str| Ask::get(VERIFY).bearer(&token).header("x-forwarded-method", method);
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        let told = told(&house, ask(method)).await;
        assert_eq!((&told[0], &told[5]), (&ada.id, &admin.id));
    }
    for ask in [
        Ask::get(VERIFY).bearer(&token),
        ask("POST"),
        ask("get"),
        ask(""),
        ask("GET").header("x-forwarded-method", "GET"),
        ask("GET, POST"),
    ] {
        assert_eq!(house.send(ask).await.is(StatusCode::FORBIDDEN).problem(), "read-only");
    }
    let writing = acting(&house, &admin, &ada, true).await;
    assert_eq!(told(&house, Ask::get(VERIFY).bearer(&writing)).await[5], admin.id);
    // The header means nothing to anybody else.
    told(&house, Ask::get(VERIFY).bearer(&ada.tokens.access).header("x-forwarded-method", "DELETE")).await;
}

#[tokio::test]
async fn introspection_tells_what_a_key_may_do_now() {
    let house = House::new().await;
    let clerk = house.staff("clerk", &["users:read"]).await;
    let body = json!({ "name": "x", "permissions": ["users:read"], "expires_at": "2100-01-01T00:00:00Z" });
    let made = house.send(clerk.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED).json();
    let key = made["key"].as_str().unwrap();
    let expected = json!({
        "active": true, "token_use": "api_key", "token_type": "api_key", "iss": crate::harness::ISSUER,
        "sub": clerk.id, "client_id": made["id"], "scope": "users:read", "exp": 4_102_444_800_u64,
    });
    assert_eq!(introspected(&house, key).await, expected);
    house.send(clerk.delete(&format!("/api/v1/me/api-keys/{}", made["id"].as_str().unwrap()))).await;
    for dead in [key, "pk_", &key[..100], &key.replace("pk_", "psl_")] {
        assert_eq!(introspected(&house, dead).await, json!({ "active": false }), "{dead}");
    }
}

#[tokio::test]
async fn introspection_tells_who_acts() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let token = acting(&house, &admin, &ada, false).await;
    let told = introspected(&house, &token).await;
    assert_eq!((&told["sub"], &told["act"]), (&json!(ada.id), &json!({ "sub": admin.id })));
    assert!(told["scope"].as_str().unwrap().split(' ').any(|word| word == "read_only"));
    assert_eq!(introspected(&house, &ada.tokens.access).await.get("act"), None);
}

#[tokio::test]
async fn who_acts_as_somebody_else_has_no_role_at_a_proxy_that_they_lack_themselves() {
    let house = House::build(Plan { standing_in_tokens: true, ..Plan::default() }).await;
    let (admin, ada) = (house.admin("root-1").await, house.staff("ada", &["audit:read"]).await);
    house.role("shared", &[]).await;
    house.grant(&ada, "shared").await;
    let token = acting(&house, &admin, &ada, true).await;
    assert_eq!(told(&house, Ask::get(VERIFY).bearer(&token)).await[4], "user");
    house.grant(&admin, "shared").await;
    assert_eq!(told(&house, Ask::get(VERIFY).bearer(&token)).await[4], "shared user");
    let again = house.login("ada", PASSWORD).await;
    assert_eq!(told(&house, Ask::get(VERIFY).bearer(&again.access)).await[4], "ada shared user");
}

#[tokio::test]
async fn a081_a_token_of_somebody_who_may_act_as_others_no_more_is_not_active() {
    let house = House::new().await;
    let (admin, second) = (house.admin("root-1").await, house.admin("root-2").await);
    let ada = house.member("ada").await;
    let token = acting(&house, &second, &ada, false).await;
    assert_eq!(introspected(&house, &token).await["active"], true);
    house.send(admin.delete(&format!("{}/roles/admin", second.path()))).await.is(StatusCode::NO_CONTENT);
    assert_eq!(introspected(&house, &token).await, json!({ "active": false }));
}

#[tokio::test]
async fn a104_introspection_tells_the_roles_and_permissions_of_this_moment() {
    let house = House::build(Plan { standing_in_tokens: true, ..Plan::default() }).await;
    let admin = house.admin("root-1").await;
    house.staff("clerk", &["users:*", "audit:read"]).await;
    let clerk = house.login("clerk", PASSWORD).await;
    let told = introspected(&house, &clerk.access).await;
    assert_eq!((&told["roles"], &told["permissions"]), (&json!(["clerk", "user"]), &json!(["audit:read", "users:*"])));
    let id = told["sub"].as_str().unwrap();
    let member = Member { id: id.to_owned(), tokens: clerk.clone() };
    let looking = introspected(&house, &acting(&house, &admin, &member, false).await).await;
    assert_eq!(looking["roles"], json!(["user"]));
    assert_eq!(looking["permissions"], json!(["audit:read", "users:read"]), "no more than both may, to look");
    house.send(admin.delete(&format!("/api/v1/users/{id}/roles/clerk"))).await.is(StatusCode::NO_CONTENT);
    let told = introspected(&house, &clerk.access).await;
    assert_eq!((&told["active"], &told["roles"], &told["permissions"]), (&json!(true), &json!(["user"]), &json!([])));
}
