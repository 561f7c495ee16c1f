//! What the owner of an account may ask for: everything that is kept of it, and its end.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::access::key_of;
use crate::harness::{Ask, House, PASSWORD};
use crate::impersonation::acting;

const EXPORT: &str = "/api/v1/me/export";
const ME: &str = "/api/v1/me";

#[tokio::test]
async fn a116_everything_that_is_kept_is_written_out_for_its_owner_and_no_secret() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.staff("ada", &["roles:read"]).await);
    let key = key_of(&house, &ada, &["roles:read"]).await;
    acting(&house, &admin, &ada, false).await;
    let answer = house.send(ada.get(EXPORT)).await.is(StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"account.json\""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let all = answer.json();
    assert_eq!(all["account"]["email"], "ada@example.com");
    assert_eq!(all["account"]["has_password"], true);
    assert_eq!((&all["roles"], &all["permissions"]), (&json!(["ada", "user"]), &json!(["roles:read"])));
    let sessions = all["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().any(|session| session["impersonated_by"] == admin.id.as_str()), "the user sees who looked");
    assert_eq!(all["api_keys"].as_array().unwrap().len(), 1);
    let actions: Vec<&str> =
        all["audit"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    for action in ["account.register", "api_key.create", "user.impersonate", "account.read_all"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    let text = answer.text();
    for secret in [&key[36..], &ada.tokens.refresh, &ada.tokens.access, PASSWORD, "digest", "hash"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_long_trail_is_written_out_whole() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    for _ in 0..1_100 {
        let logged = json!({ "login": "ada", "password": PASSWORD });
        house.post("/api/v1/auth/login", logged).await.is(StatusCode::OK);
        house.clock.advance(std::time::Duration::from_millis(1));
    }
    let ada = crate::staff::Member { tokens: house.login("ada", PASSWORD).await, ..ada };
    let all = house.send(ada.get(EXPORT)).await.is(StatusCode::OK).json();
    let trail = all["audit"].as_array().unwrap();
    let logins: Vec<&Value> = trail.iter().filter(|entry| entry["action"] == "session.login").collect();
    assert_eq!(logins.len(), 1_102);
    let mut ids: Vec<&str> = trail.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), trail.len(), "each entry once");
}

#[tokio::test]
async fn a116_an_account_is_closed_only_with_its_password() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let delete = |body: Value| house.send(ada.ask(Method::DELETE, ME).json(body));
    for (body, violation) in [
        (json!({}), "/current_password required"),
        (json!({ "current_password": null }), "/current_password wrong-type"),
        (json!({ "current_password": PASSWORD, "sure": true }), "/sure unknown-field"),
    ] {
        assert_eq!(delete(body).await.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), [violation]);
    }
    house.send(ada.delete(ME)).await.is(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let wrong = delete(json!({ "current_password": "not the password" })).await.is(StatusCode::FORBIDDEN);
    assert_eq!(wrong.problem(), "wrong-password");
    assert!(house.accepts(&ada.tokens.access).await);
    delete(json!({ "current_password": PASSWORD })).await.is(StatusCode::NO_CONTENT);
    assert!(!house.accepts(&ada.tokens.access).await);
    let gone = house.post("/api/v1/auth/login", json!({ "login": "ada", "password": PASSWORD })).await;
    gone.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_alone_guesses_no_password() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let mut last = None;
    for _ in 0..25 {
        let body = json!({ "current_password": "not the password" });
        last = Some(house.send(ada.ask(Method::DELETE, ME).json(body)).await);
    }
    let last = last.unwrap().is(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(last.problem(), "too-many-attempts");
    let right = json!({ "current_password": PASSWORD });
    house.send(ada.ask(Method::DELETE, ME).json(right)).await.is(StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a104_the_last_administrator_does_not_leave() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({ "current_password": PASSWORD });
    let refused = house.send(admin.ask(Method::DELETE, ME).json(body.clone())).await.is(StatusCode::CONFLICT);
    assert_eq!(refused.problem(), "last-administrator");
    house.admin("root-2").await;
    house.send(admin.ask(Method::DELETE, ME).json(body)).await.is(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn roles_are_told_with_the_account() {
    let house = House::new().await;
    let body = json!({ "username": "eve", "email": "eve@example.com", "password": PASSWORD });
    let opened = house.post("/api/v1/auth/register", body).await.is(StatusCode::CREATED);
    assert_eq!(opened.json()["roles"], json!(["user"]));
    let admin = house.admin("root-1").await;
    assert_eq!(house.send(admin.get(ME)).await.json()["roles"], json!(["admin", "user"]));
    let renamed = house.send(admin.ask(Method::PATCH, ME).json(json!({ "username": "root-2" }))).await;
    assert_eq!(renamed.is(StatusCode::OK).json()["roles"], json!(["admin", "user"]));
    let mass = admin.ask(Method::PATCH, ME).json(json!({ "roles": [], "status": "active" }));
    house.send(mass).await.is(StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a101_nobody_else_exports_an_account() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    house.send(Ask::get(EXPORT)).await.is(StatusCode::UNAUTHORIZED);
    let bob = house.staff("bob", &["users:read"]).await;
    house.send(bob.get(&format!("{}/export", ada.path()))).await.is(StatusCode::FORBIDDEN);
}
