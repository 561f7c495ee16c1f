//! Who calls, and what they may do at this moment.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Ask, House, PASSWORD};
use crate::staff::Member;

const ACCESS: &str = "/api/v1/me/access";
const ROLES: &str = "/api/v1/roles";

async fn rights(house: &House, ask: Ask) -> Value {
    house.send(ask).await.is(StatusCode::OK).json()
}

/// An API key of `owner` that may do this; its text.
pub(crate) async fn key_of(house: &House, owner: &Member, permissions: &[&str]) -> String {
    let body = json!({ "name": "a key", "permissions": permissions });
    let made = house.send(owner.post("/api/v1/me/api-keys", body)).await.is(StatusCode::CREATED);
    made.json()["key"].as_str().unwrap().to_owned()
}

pub(crate) fn by_key(method: Method, path: &str, key: &str) -> Ask {
    Ask::new(method, path).header("x-api-key", key)
}

#[tokio::test]
async fn everybody_is_told_what_they_may_do() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    assert_eq!(rights(&house, ada.get(ACCESS)).await, json!({ "roles": ["user"], "permissions": [] }));
    let clerk = house.staff("clerk", &["users:read", "roles:*"]).await;
    let told = json!({ "roles": ["clerk", "user"], "permissions": ["roles:*", "users:read"] });
    assert_eq!(rights(&house, clerk.get(ACCESS)).await, told);
    let key = key_of(&house, &clerk, &["roles:read"]).await;
    let told = json!({ "roles": [], "permissions": ["roles:read"] });
    assert_eq!(rights(&house, by_key(Method::GET, ACCESS, &key)).await, told);
    let secret = house.client("robot", "users:read profile").await;
    let robot = house.client_token(("robot", &secret)).await;
    let told = json!({ "roles": [], "permissions": ["users:read"] });
    assert_eq!(rights(&house, Ask::get(ACCESS).bearer(&robot)).await, told);
}

#[tokio::test]
async fn a104_a_role_counts_from_the_next_request_on_and_no_longer_than_it_is_held() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let refused = house.send(ada.get(ROLES)).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.problem(), "not-permitted");
    assert_eq!(refused.json()["detail"], "this needs the permission roles:read");
    house.role("auditor", &["roles:read"]).await;
    house.grant(&ada, "auditor").await;
    house.send(ada.get(ROLES)).await.is(StatusCode::OK);
    let admin = house.admin("root-1").await;
    house.send(admin.delete(&format!("{}/roles/auditor", ada.path()))).await.is(StatusCode::NO_CONTENT);
    house.send(ada.get(ROLES)).await.is(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_lacks_a_permission_learns_nothing_else() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let somebody = "/api/v1/users/01981f3e-7a60-7c1e-9d0b-52f1c1a6a001";
    for ask in [
        ada.post("/api/v1/users", json!({})),
        ada.ask(Method::POST, "/api/v1/users").raw("text/plain", "x"),
        ada.get(somebody),
        ada.get("/api/v1/users/no-id"),
        ada.get("/api/v1/users?cursor=x&limit=0"),
        ada.patch(somebody, "no tag", json!([])),
        ada.delete(somebody),
        ada.put(&format!("{somebody}/roles/admin")),
        ada.post("/api/v1/api-keys", json!({ "user_id": 1 })),
    ] {
        let refused = house.send(ask.clone()).await.is(StatusCode::FORBIDDEN);
        assert_eq!(refused.problem(), "not-permitted", "{ask:?}");
    }
}

#[tokio::test]
async fn a054_one_credential_at_a_time() {
    let house = House::new().await;
    let (ada, bob) = (house.staff("ada", &["roles:read"]).await, house.member("bob").await);
    let key = key_of(&house, &ada, &["roles:read"]).await;
    for path in [ROLES, ACCESS, "/api/v1/auth/verify", "/api/v1/me", "/api/v1/api-keys/current", "/api/v1/me/api-keys"]
    {
        for ask in [
            bob.get(path).header("x-api-key", &key),
            ada.get(path).header("x-api-key", &key),
            Ask::get(path).header("x-api-key", &key).header("x-api-key", &key),
            Ask::get(path).header("authorization", "Basic YTpi").header("x-api-key", &key),
        ] {
            let refused = house.send(ask).await.is(StatusCode::BAD_REQUEST);
            assert_eq!(refused.problem(), "malformed-request", "{path}");
        }
    }
    // A key wins over cookies, whosever they are, and however bad it is.
    let cookie = format!("__Host-portcullis_access={}", bob.tokens.access);
    let told = rights(&house, by_key(Method::GET, ACCESS, &key).header("cookie", &cookie)).await;
    assert_eq!(told["permissions"], json!(["roles:read"]));
    house.send(by_key(Method::GET, ACCESS, "pk_x").header("cookie", &cookie)).await.is(StatusCode::UNAUTHORIZED);
    house.send(by_key(Method::GET, "/api/v1/me", &key).header("cookie", &cookie)).await.is(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_key_needs_no_csrf_token_and_a_cookie_does() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let key = key_of(&house, &admin, &["roles:write"]).await;
    let role = json!({ "name": "made-by-key" });
    let evil = by_key(Method::POST, ROLES, &key).header("origin", "https://evil.example").json(role.clone());
    house.send(evil).await.is(StatusCode::CREATED);
    let cookie = format!("__Host-portcullis_access={}", admin.tokens.access);
    let ask = Ask::post(ROLES).header("cookie", &cookie).header("sec-fetch-site", "same-origin").json(role);
    assert_eq!(house.send(ask).await.is(StatusCode::FORBIDDEN).problem(), "csrf-failed");
}

#[tokio::test]
async fn a106_each_kind_of_endpoint_takes_its_kind_of_credential() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let key = key_of(&house, &ada, &[]).await;
    let current = "/api/v1/api-keys/current";
    house.send(by_key(Method::GET, current, &key)).await.is(StatusCode::OK);
    for ask in [ada.get(current), Ask::get(current)] {
        let refused = house.send(ask).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(refused.problem(), "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), Some("ApiKey header=\"X-API-Key\""));
    }
    for path in ["/api/v1/me", "/api/v1/me/api-keys", "/api/v1/me/sessions", "/api/v1/me/export"] {
        let refused = house.send(by_key(Method::GET, path, &key)).await.is(StatusCode::UNAUTHORIZED);
        assert_eq!(refused.problem(), "unauthenticated");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    house.send(by_key(Method::POST, "/api/v1/auth/logout", &key)).await.is(StatusCode::UNAUTHORIZED);
    let secret = house.client("robot", "*:*").await;
    let robot = house.client_token(("robot", &secret)).await;
    let refused = house.send(Ask::get("/api/v1/me/api-keys").bearer(&robot)).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.problem(), "user-required");
}

#[tokio::test]
async fn every_operation_says_what_it_takes_and_what_it_needs() {
    let house = House::new().await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let scheme = &document["components"]["securitySchemes"]["apiKey"];
    assert_eq!(
        (&scheme["type"], &scheme["in"], &scheme["name"]),
        (&json!("apiKey"), &json!("header"), &json!("X-API-Key"))
    );
    let operation = |path: &str, method: &str| document["paths"][path][method].clone();
    let schemes = |path: &str, method: &str| {
        let security = operation(path, method)["security"].clone();
        let names = security.as_array().unwrap().iter().flat_map(|one| one.as_object().unwrap().keys().cloned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(schemes("/api/v1/users", "get"), ["bearer", "access_cookie", "apiKey"]);
    assert_eq!(schemes("/api/v1/me/api-keys", "get"), ["bearer", "access_cookie"]);
    assert_eq!(schemes("/api/v1/api-keys/current", "get"), ["apiKey"]);
    let disable = operation("/api/v1/users/{id}/disable", "post");
    assert_eq!(disable["x-permission"], "users:write");
    assert!(disable["description"].as_str().unwrap().ends_with("Needs the permission `users:write`."));
    assert_eq!(operation("/api/v1/me", "get").get("x-permission"), None);
    let managed = ["users", "roles", "permissions", "api-keys", "clients", "audit", "stats"];
    for (path, methods) in document["paths"].as_object().unwrap() {
        let is_managed = managed.contains(&path.split('/').nth(3).unwrap_or_default()) && !path.ends_with("/current");
        for (method, operation) in methods.as_object().unwrap() {
            assert_eq!(operation.get("x-permission").is_some(), is_managed, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn login_changes_a_password_in_the_same_step() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let with = |password: &str, new: &str| json!({ "login": "ada", "password": password, "new_password": new });
    let short = house.post("/api/v1/auth/login", with(PASSWORD, "short")).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(short.violations(), ["/new_password too-short"]);
    let wrong = house.post("/api/v1/auth/login", with("wrong wrong wrong", crate::harness::OTHER_PASSWORD)).await;
    assert_eq!(wrong.is(StatusCode::UNAUTHORIZED).problem(), "invalid-credentials");
    house.post("/api/v1/auth/login", with(PASSWORD, crate::harness::OTHER_PASSWORD)).await.is(StatusCode::OK);
    assert!(!house.accepts(&ada.tokens.access).await, "a020: the other sessions end");
    house.login("ada", crate::harness::OTHER_PASSWORD).await;
}
