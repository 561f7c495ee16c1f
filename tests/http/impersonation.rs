//! What somebody may do who acts as another user, and what never.

use poem::http::{Method, StatusCode};
use serde_json::json;

use crate::access::key_of;
use crate::harness::{Ask, House, OTHER_PASSWORD, PASSWORD};
use crate::staff::Member;

/// The token with which `admin` acts as `user`.
pub(crate) async fn acting(house: &House, admin: &Member, user: &Member, write: bool) -> String {
    let body = json!({ "reason": "ticket 4711", "write": write });
    let answer = house.send(admin.post(&format!("{}/impersonate", user.path()), body)).await.is(StatusCode::OK);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_who_acts_as_a_user_takes_over_the_account() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let key = key_of(&house, &ada, &[]).await;
    let own_key = format!("/api/v1/me/api-keys/{}", own_id(&key));
    for write in [false, true] {
        let token = acting(&house, &admin, &ada, write).await;
        let ask = |method: Method, path: &str| Ask::new(method, path).bearer(&token);
        let passwords = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
        let email = json!({ "email": "eve@example.com", "current_password": PASSWORD });
        let never = [
            ask(Method::PUT, "/api/v1/me/password").json(passwords),
            ask(Method::DELETE, "/api/v1/me").json(json!({ "current_password": PASSWORD })),
            ask(Method::GET, "/api/v1/me/export"),
            ask(Method::GET, "/api/v1/me/api-keys"),
            ask(Method::POST, "/api/v1/me/api-keys").json(json!({ "name": "mine" })),
            ask(Method::GET, &own_key),
            ask(Method::PATCH, &own_key).json(json!({ "networks": [] })),
            ask(Method::POST, &format!("{own_key}/rotate")).json(json!({})),
            ask(Method::DELETE, &own_key),
            ask(Method::POST, "/api/v1/auth/logout-all"),
            ask(Method::POST, &format!("{}/impersonate", admin.path())).json(json!({ "reason": "up" })),
        ];
        for ask in never {
            let refused = house.send(ask.clone()).await.is(StatusCode::FORBIDDEN);
            assert_eq!(refused.problem(), "impersonated", "{ask:?}");
        }
        let code = if write { "impersonated" } else { "read-only" };
        let refused = house.send(ask(Method::PATCH, "/api/v1/me").json(email)).await.is(StatusCode::FORBIDDEN);
        assert_eq!(refused.problem(), code);
    }
    assert!(house.accepts(&ada.tokens.access).await, "nothing happened to the user");
    house.login("ada", PASSWORD).await;
    house.send(ada.get(&own_key)).await.is(StatusCode::OK);
}

fn own_id(key: &str) -> String {
    let id = &key[3..35];
    [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
}

#[tokio::test]
async fn somebody_who_may_only_look_changes_nothing_and_may_leave() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let token = acting(&house, &admin, &ada, false).await;
    for path in ["/api/v1/me", "/api/v1/me/sessions", "/api/v1/me/access"] {
        house.send(Ask::get(path).bearer(&token)).await.is(StatusCode::OK);
    }
    let session = format!("/api/v1/me/sessions/{}", ada.tokens.session);
    for ask in [
        Ask::new(Method::PATCH, "/api/v1/me").json(json!({ "username": "eve" })),
        Ask::new(Method::DELETE, &session),
        Ask::post("/api/v1/users").json(json!({})),
        Ask::new(Method::DELETE, "/api/v1/roles/user"),
    ] {
        let refused = house.send(ask.bearer(&token)).await.is(StatusCode::FORBIDDEN);
        assert_eq!(refused.problem(), "read-only");
    }
    house.send(Ask::post("/api/v1/auth/logout").bearer(&token)).await.is(StatusCode::NO_CONTENT);
    assert!(house.send(Ask::get("/api/v1/me").bearer(&token)).await.status == StatusCode::UNAUTHORIZED);
    assert!(house.accepts(&ada.tokens.access).await);
}

#[tokio::test]
async fn a104_nobody_gains_by_acting_as_somebody_else() {
    let house = House::new().await;
    let support = house.staff("helper", &["users:impersonate", "users:impersonate-write", "users:read"]).await;
    let (ada, checker) = (house.member("ada").await, house.staff("checker", &["users:read"]).await);
    let as_ada = acting(&house, &support, &ada, true).await;
    house.send(Ask::get("/api/v1/users").bearer(&as_ada)).await.is(StatusCode::FORBIDDEN);
    let as_checker = acting(&house, &support, &checker, true).await;
    house.send(Ask::get("/api/v1/users").bearer(&as_checker)).await.is(StatusCode::OK);
    let admin = house.admin("root-1").await;
    let up = house.send(support.post(&format!("{}/impersonate", admin.path()), json!({ "reason": "up" }))).await;
    assert_eq!(up.is(StatusCode::FORBIDDEN).problem(), "not-permitted");
}

#[tokio::test]
async fn whoever_may_not_act_any_more_is_nobody_at_once() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for end in ["withdraw", "disable"] {
        let (support, ada) = (
            house.staff(&format!("support-{end}"), &["users:impersonate", "users:impersonate-write"]).await,
            house.member(end).await,
        );
        let token = acting(&house, &support, &ada, false).await;
        let ask = |path: &str| Ask::get(path).bearer(&token).header("x-forwarded-method", "GET");
        house.send(ask("/api/v1/me")).await.is(StatusCode::OK);
        let ended = if end == "withdraw" {
            house.send(admin.delete(&format!("{}/roles/support-{end}", support.path()))).await
        } else {
            house.send(admin.post(&format!("{}/disable", support.path()), json!({ "reason": "left" }))).await
        };
        assert!(ended.status.is_success());
        for path in ["/api/v1/me", "/api/v1/me/access", "/api/v1/me/sessions", "/api/v1/auth/verify"] {
            house.send(ask(path)).await.is(StatusCode::UNAUTHORIZED);
        }
        assert!(house.accepts(&ada.tokens.access).await);
    }
}

#[tokio::test]
async fn the_trail_names_who_really_acted() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let token = acting(&house, &admin, &ada, true).await;
    let session = format!("/api/v1/me/sessions/{}", ada.tokens.session);
    let ask = |method: Method, path: &str| Ask::new(method, path).bearer(&token);
    house.send(ask(Method::PATCH, "/api/v1/me").json(json!({ "username": "lovelace" }))).await.is(StatusCode::OK);
    house.send(ask(Method::DELETE, &session)).await.is(StatusCode::NO_CONTENT);
    house.send(ask(Method::POST, "/api/v1/auth/logout")).await.is(StatusCode::NO_CONTENT);
    let trail = house.all_pages(&admin, &format!("/api/v1/audit?actor=user:{}", ada.id)).await;
    let by_admin: Vec<_> = trail.iter().filter(|entry| entry["impersonator"] == admin.id.as_str()).collect();
    assert_eq!(by_admin.len(), 3, "{trail:#?}");
}

#[tokio::test]
async fn there_is_nothing_to_refresh_and_no_cookie() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let body = json!({ "reason": "ticket" });
    let answer = house.send(admin.post(&format!("{}/impersonate", ada.path()), body)).await.is(StatusCode::OK);
    assert_eq!((answer.header("set-cookie"), answer.json().get("refresh_token")), (None, None));
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    house.refresh(&token).await.is(StatusCode::UNAUTHORIZED);
    house.clock.advance(std::time::Duration::from_secs(900));
    house.send(Ask::get("/api/v1/me").bearer(&token)).await.is(StatusCode::UNAUTHORIZED);
}
