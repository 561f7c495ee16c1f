//! What those in charge do to one account: ending its sessions, disabling and deleting it, acting as its owner.

use std::time::Duration;

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Ask, House, OTHER_PASSWORD, PASSWORD, Tokens};
use crate::staff::Member;

async fn act(house: &House, admin: &Member, on: &Member, what: &str) -> Value {
    let answer = house.send(admin.ask(Method::POST, &format!("{}/{what}", on.path()))).await;
    answer.is(StatusCode::OK).json()
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_comes_back_when_enabled() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let path = format!("{}/disable", ada.path());
    for (body, violation) in [
        (json!({}), "/reason required"),
        (json!({ "reason": "" }), "/reason too-short"),
        (json!({ "reason": "a\nb" }), "/reason malformed"),
        (json!({ "reason": "\u{202E}b" }), "/reason malformed"),
        (json!({ "reason": "x".repeat(201) }), "/reason too-long"),
    ] {
        let answer = house.send(admin.post(&path, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.violations(), [violation]);
    }
    assert!(house.accepts(&ada.tokens.access).await);
    let disabled = house.send(admin.post(&path, json!({ "reason": "ticket 4711" }))).await.is(StatusCode::OK).json();
    assert_eq!((&disabled["status"], &disabled["status_reason"]), (&json!("disabled"), &json!("ticket 4711")));
    assert!(!house.accepts(&ada.tokens.access).await);
    house.refresh(&ada.tokens.refresh).await.is(StatusCode::UNAUTHORIZED);
    let login = json!({ "login": "ada", "password": PASSWORD });
    let refused = house.post("/api/v1/auth/login", login).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(refused.problem(), "invalid-credentials", "nobody is told why");
    let found = house.all_pages(&admin, "/api/v1/users?status=disabled").await;
    assert_eq!(found.len(), 1);
    let enabled = act(&house, &admin, &ada, "enable").await;
    assert_eq!((&enabled["status"], &enabled["status_reason"]), (&json!("active"), &Value::Null));
    house.login("ada", PASSWORD).await;
    assert!(!house.accepts(&ada.tokens.access).await, "what ended stays ended");
}

#[tokio::test]
async fn a_password_that_was_called_in_is_changed_in_the_login() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    assert_eq!(act(&house, &admin, &ada, "expire-password").await["must_change_password"], true);
    assert!(!house.accepts(&ada.tokens.access).await);
    let login = |password: &str, new: Option<&str>| {
        let mut body = json!({ "login": "ada", "password": password });
        if let Some(new) = new {
            body["new_password"] = new.into();
        }
        Ask::post("/api/v1/auth/login").json(body)
    };
    house.send(login(OTHER_PASSWORD, None)).await.is(StatusCode::UNAUTHORIZED);
    let needed = house.send(login(PASSWORD, None)).await.is(StatusCode::FORBIDDEN);
    assert_eq!(needed.problem(), "password-change-required");
    let tokens = Tokens::of(&house.send(login(PASSWORD, Some(OTHER_PASSWORD))).await.is(StatusCode::OK));
    assert!(house.accepts(&tokens.access).await);
    let account = house.send(admin.get(&ada.path())).await.is(StatusCode::OK).json();
    assert_eq!(account["must_change_password"], false);
}

#[tokio::test]
async fn a104_the_last_administrator_stays() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for ask in [
        admin.delete(&admin.path()),
        admin.post(&format!("{}/disable", admin.path()), json!({ "reason": "why not" })),
        admin.delete(&format!("{}/roles/admin", admin.path())),
    ] {
        assert_eq!(house.send(ask).await.is(StatusCode::CONFLICT).problem(), "last-administrator");
    }
    let second = house.admin("second").await;
    house.send(second.delete(&admin.path())).await.is(StatusCode::NO_CONTENT);
    house.send(admin.get("/api/v1/users")).await.is(StatusCode::UNAUTHORIZED);
    house.send(second.get(&admin.path())).await.is(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a104_nobody_manages_somebody_mightier() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let clerk = house.staff("clerk", &["users:*", "users:impersonate", "users:impersonate-write"]).await;
    for member in [&ada, &admin] {
        let status = if member.id == ada.id { StatusCode::OK } else { StatusCode::FORBIDDEN };
        for ask in [
            clerk.ask(Method::POST, &format!("{}/password-link", member.path())),
            clerk.post(&format!("{}/impersonate", member.path()), json!({ "reason": "a look" })),
            clerk.patch(&member.path(), "*", json!({ "email_verified": true })),
            clerk.ask(Method::POST, &format!("{}/expire-password", member.path())),
            clerk.post(&format!("{}/disable", member.path()), json!({ "reason": "why not" })),
            clerk.ask(Method::POST, &format!("{}/enable", member.path())),
        ] {
            let told = format!("{ask:?}");
            let answer = house.send(ask).await;
            assert_eq!(answer.status, status, "{told}: {}", answer.text());
            if status == StatusCode::FORBIDDEN {
                assert_eq!(answer.problem(), "not-permitted");
            }
        }
    }
    for path in [admin.path(), format!("{}/sessions", admin.path())] {
        house.send(clerk.delete(&path)).await.is(StatusCode::FORBIDDEN);
    }
    assert!(house.accepts(&admin.tokens.access).await);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let mut all = vec![ada.tokens.clone()];
    for _ in 0..4 {
        house.clock.advance(Duration::from_secs(1));
        all.push(house.login("ada", PASSWORD).await);
    }
    let path = format!("{}/sessions", ada.path());
    let listed = house.all_pages(&admin, &format!("{path}?limit=2")).await;
    let ids: Vec<_> = listed.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> = all.iter().rev().map(|tokens| tokens.session.clone()).collect();
    assert_eq!(ids, expected, "the newest first");
    assert!(listed.iter().all(|session| session["current"] == false));

    let one = format!("{path}/{}", all[1].session);
    house.send(admin.delete(&one)).await.is(StatusCode::NO_CONTENT);
    assert!(!house.accepts(&all[1].access).await && house.accepts(&all[2].access).await);
    house.send(admin.delete(&one)).await.is(StatusCode::NOT_FOUND);
    let of_somebody_else = format!("{path}/{}", admin.tokens.session);
    house.send(admin.delete(&of_somebody_else)).await.is(StatusCode::NOT_FOUND);
    house.send(admin.delete(&path)).await.is(StatusCode::NO_CONTENT);
    for tokens in &all {
        assert!(!house.accepts(&tokens.access).await);
    }
    assert!(house.accepts(&admin.tokens.access).await);
    let own = house.all_pages(&admin, &format!("{}/sessions?limit=9", admin.path())).await;
    assert_eq!(own[0]["current"], true);
}

#[tokio::test]
async fn support_looks_as_the_user_and_the_user_sees_it() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let path = format!("{}/impersonate", ada.path());
    let answer = house.send(admin.post(&path, json!({ "reason": "ticket 4711" }))).await.is(StatusCode::OK);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(
        (&body["token_type"], &body["read_only"], &body["expires_in"]),
        (&json!("Bearer"), &json!(true), &json!(900))
    );
    assert_eq!(body.get("refresh_token"), None);
    let token = body["access_token"].as_str().unwrap();
    let me = house.send(Ask::get("/api/v1/me").bearer(token)).await.is(StatusCode::OK).json();
    assert_eq!(me["id"], ada.id.as_str());
    let change = Ask::new(Method::PATCH, "/api/v1/me").bearer(token).json(json!({ "username": "eve" }));
    assert_eq!(house.send(change).await.is(StatusCode::FORBIDDEN).problem(), "read-only");
    let again = Ask::post(&format!("{}/impersonate", admin.path())).bearer(token).json(json!({ "reason": "up" }));
    house.send(again).await.is(StatusCode::FORBIDDEN);

    let sessions = house.send(ada.get("/api/v1/me/sessions")).await.is(StatusCode::OK).json();
    let seen = sessions["items"].as_array().unwrap().iter().find(|one| one["id"] == body["session_id"]).unwrap();
    assert_eq!(seen["impersonated_by"], admin.id.as_str());
    let end = format!("/api/v1/me/sessions/{}", body["session_id"].as_str().unwrap());
    house.send(ada.delete(&end)).await.is(StatusCode::NO_CONTENT);
    assert!(!house.accepts(token).await, "the user ends it");
    let trail = house.all_pages(&admin, "/api/v1/audit?action=user.impersonate").await;
    assert_eq!((&trail[0]["actor"], &trail[0]["subject"]), (&json!(format!("user:{}", admin.id)), &json!(ada.id)));
}

#[tokio::test]
async fn acting_as_a_user_needs_a_session_of_ones_own_and_writing_its_own_permission() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let looker = house.staff("looker", &["users:impersonate"]).await;
    let path = format!("{}/impersonate", ada.path());
    let write = json!({ "reason": "ticket", "write": true });
    let refused = house.send(looker.post(&path, write.clone())).await.is(StatusCode::FORBIDDEN);
    assert_eq!(refused.problem(), "not-permitted");
    let body = house.send(admin.post(&path, write.clone())).await.is(StatusCode::OK).json();
    assert_eq!(body["read_only"], false);
    let token = body["access_token"].as_str().unwrap();
    let change = Ask::new(Method::PATCH, "/api/v1/me").bearer(token).json(json!({ "username": "lovelace" }));
    house.send(change).await.is(StatusCode::OK);
    let taken_over = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let change = Ask::new(Method::PUT, "/api/v1/me/password").bearer(token).json(taken_over);
    assert_eq!(house.send(change).await.is(StatusCode::FORBIDDEN).problem(), "impersonated");
    house.send(admin.post(&format!("{}/impersonate", admin.path()), write.clone())).await.is(StatusCode::NOT_FOUND);

    let secret = house.client("robot", "*:*").await;
    let robot = house.client_token(("robot", &secret)).await;
    let by_client = house.send(Ask::post(&path).bearer(&robot).json(write)).await.is(StatusCode::FORBIDDEN);
    assert_eq!(by_client.problem(), "user-required");
    let trail = house.all_pages(&admin, "/api/v1/audit?action=account.update").await;
    assert_eq!((&trail[0]["actor"], &trail[0]["impersonator"]), (&json!(format!("user:{}", ada.id)), &json!(admin.id)));
}
