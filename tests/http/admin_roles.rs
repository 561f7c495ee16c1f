//! Roles: defining them, giving them, and what that changes at once.

use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::harness::House;

const ROLES: &str = "/api/v1/roles";

#[tokio::test]
async fn a_role_is_created_changed_and_deleted() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body =
        json!({ "name": "support", "description": "Helps", "permissions": ["users:read", "crm:*", "users:read"] });
    let created = house.send(admin.post(ROLES, body.clone())).await.is(StatusCode::CREATED);
    assert_eq!(created.header("location"), Some("/api/v1/roles/support"));
    let role = created.json();
    assert_eq!((&role["permissions"], &role["built_in"]), (&json!(["crm:*", "users:read"]), &json!(false)));
    assert_eq!(house.send(admin.post(ROLES, body)).await.is(StatusCode::CONFLICT).problem(), "role-taken");

    let path = format!("{ROLES}/support");
    let seen = house.send(admin.get(&path)).await.is(StatusCode::OK);
    assert_eq!((seen.json(), seen.tag()), (role, created.tag()));
    let change = json!({ "permissions": ["users:read"] });
    let changed = house.send(admin.patch(&path, &seen.tag(), change.clone())).await.is(StatusCode::OK);
    let expected = (&json!(["users:read"]), &json!("Helps"));
    let role = changed.json();
    assert_eq!((&role["permissions"], &role["description"]), expected);
    let stale = house.send(admin.patch(&path, &seen.tag(), json!({ "description": "" }))).await;
    assert_eq!(stale.is(StatusCode::PRECONDITION_FAILED).problem(), "version-mismatch");
    let blind = admin.ask(poem::http::Method::PATCH, &path).json(change);
    assert_eq!(house.send(blind).await.is(StatusCode::PRECONDITION_REQUIRED).problem(), "precondition-required");

    let listed = house.send(admin.get(ROLES)).await.is(StatusCode::OK).json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|role| role["name"].clone()).collect();
    assert_eq!(names, ["admin", "support", "user"]);
    house.send(admin.delete(&path)).await.is(StatusCode::NO_CONTENT);
    for ask in [admin.get(&path), admin.delete(&path), admin.patch(&path, "*", json!({}))] {
        assert_eq!(house.send(ask).await.is(StatusCode::NOT_FOUND).problem(), "not-found");
    }
}

#[tokio::test]
async fn a_description_that_is_taken_away_is_none() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({ "name": "support", "description": "Helps", "permissions": ["users:read"] });
    house.send(admin.post(ROLES, body)).await.is(StatusCode::CREATED);
    let path = format!("{ROLES}/support");
    let changed = house.send(admin.patch(&path, "*", json!({ "description": null }))).await.is(StatusCode::OK).json();
    assert_eq!((&changed["description"], &changed["permissions"]), (&json!(""), &json!(["users:read"])), "RFC 7396 §2");
    for (member, value) in [("description", json!(1)), ("permissions", Value::Null)] {
        let refused = house.send(admin.patch(&path, "*", json!({ member: value }))).await;
        let refused = refused.is(StatusCode::UNPROCESSABLE_ENTITY).violations();
        assert_eq!(refused, [format!("/{member} wrong-type")]);
    }
}

#[tokio::test]
async fn what_is_built_in_stays() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    for ask in [
        admin.delete(&format!("{ROLES}/admin")),
        admin.delete(&format!("{ROLES}/user")),
        admin.patch(&format!("{ROLES}/admin"), "*", json!({ "permissions": [] })),
        admin.put(&format!("{}/roles/user", admin.path())),
        admin.delete(&format!("{}/roles/user", admin.path())),
    ] {
        assert_eq!(house.send(ask).await.is(StatusCode::CONFLICT).problem(), "built-in-role");
    }
    let opened = admin.patch(&format!("{ROLES}/user"), "*", json!({ "permissions": ["stats:read"] }));
    house.send(opened).await.is(StatusCode::OK);
    let ada = house.member("ada").await;
    house.send(ada.get("/api/v1/stats")).await.is(StatusCode::OK);
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_role_is_said_at_once() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let body = json!({
        "name": "Support", "description": "a\nb", "permissions": ["users:read", "users", 7, "Users:read"], "built_in": true,
    });
    let answer = house.send(admin.post(ROLES, body)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    let expected = [
        "/name malformed",
        "/description malformed",
        "/permissions/1 malformed",
        "/permissions/2 wrong-type",
        "/permissions/3 malformed",
        "/built_in unknown-field",
    ];
    assert_eq!(answer.violations(), expected);
    let many: Vec<_> = (0..201).map(|number| format!("a{number}:read")).collect();
    let many = house.send(admin.post(ROLES, json!({ "name": "many", "permissions": many }))).await;
    assert_eq!(many.is(StatusCode::UNPROCESSABLE_ENTITY).violations(), ["/permissions too-long"]);
    let none = house.send(admin.post(ROLES, json!({}))).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(none.violations(), ["/name required"]);
}

#[tokio::test]
async fn a104_nobody_defines_or_gives_what_they_lack() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    let clerk = house.staff("clerk", &["roles:*", "users:read"]).await;
    house.role("reader", &["users:read"]).await;
    house.role("auditor", &["audit:read"]).await;
    let roles = format!("{}/roles", ada.path());
    house.send(clerk.put(&format!("{roles}/reader"))).await.is(StatusCode::NO_CONTENT);
    house.send(clerk.put(&format!("{roles}/reader"))).await.is(StatusCode::NO_CONTENT);
    for ask in [
        clerk.put(&format!("{roles}/auditor")),
        clerk.put(&format!("{roles}/admin")),
        clerk.put(&format!("{}/roles/admin", clerk.path())),
        clerk.delete(&format!("{}/roles/admin", admin.path())),
        clerk.post(ROLES, json!({ "name": "mine", "permissions": ["audit:read"] })),
        clerk.post(ROLES, json!({ "name": "mine", "permissions": ["*:*"] })),
        clerk.patch(&format!("{ROLES}/clerk"), "*", json!({ "permissions": ["roles:*", "users:*"] })),
        clerk.patch(&format!("{ROLES}/auditor"), "*", json!({ "permissions": [] })),
        clerk.patch(&format!("{ROLES}/user"), "*", json!({ "permissions": ["audit:read"] })),
        clerk.delete(&format!("{ROLES}/auditor")),
    ] {
        let told = format!("{ask:?}");
        let answer = house.send(ask).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{told}: {}", answer.text());
        assert_eq!(answer.problem(), "not-permitted");
    }
    let of_ada = house.send(admin.get(&roles)).await.is(StatusCode::OK).json();
    assert_eq!(of_ada["items"], json!(["reader", "user"]));
    let of_clerk = house.send(admin.get(&format!("{}/roles", clerk.path()))).await.is(StatusCode::OK).json();
    assert_eq!(of_clerk["items"], json!(["clerk", "user"]));
}

#[tokio::test]
async fn a104_a_change_of_roles_counts_from_the_next_request_on() {
    let house = House::new().await;
    let (admin, ada) = (house.admin("root-1").await, house.member("ada").await);
    house.role("reader", &["users:read"]).await;
    let looks = async || house.send(ada.get("/api/v1/users")).await.status;
    let role = format!("{}/roles/reader", ada.path());
    assert_eq!(looks().await, StatusCode::FORBIDDEN);
    let before = house.send(admin.get(&ada.path())).await.is(StatusCode::OK).tag();
    house.send(admin.put(&role)).await.is(StatusCode::NO_CONTENT);
    assert_eq!(looks().await, StatusCode::OK);
    assert_ne!(house.send(admin.get(&ada.path())).await.tag(), before, "the account changed");
    house.send(admin.patch(&format!("{ROLES}/reader"), "*", json!({ "permissions": [] }))).await.is(StatusCode::OK);
    assert_eq!(looks().await, StatusCode::FORBIDDEN);
    house
        .send(admin.patch(&format!("{ROLES}/reader"), "*", json!({ "permissions": ["users:*"] })))
        .await
        .is(StatusCode::OK);
    assert_eq!(looks().await, StatusCode::OK);
    house.send(admin.delete(&role)).await.is(StatusCode::NO_CONTENT);
    assert_eq!(looks().await, StatusCode::FORBIDDEN);
    assert_eq!(house.send(admin.delete(&role)).await.is(StatusCode::NOT_FOUND).problem(), "not-found");
    house.send(admin.put(&role)).await.is(StatusCode::NO_CONTENT);
    house.send(admin.delete(&format!("{ROLES}/reader"))).await.is(StatusCode::NO_CONTENT);
    assert_eq!(looks().await, StatusCode::FORBIDDEN);
    let gone = house.send(admin.put(&role)).await.is(StatusCode::NOT_FOUND).json();
    assert_eq!(gone["detail"], "there is no such role");
}

#[tokio::test]
async fn permissions_are_listed_with_those_who_hold_them() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    house.role("desk", &["crm:read", "users:read"]).await;
    let listed = house.send(admin.get("/api/v1/permissions")).await.is(StatusCode::OK).json();
    let find = |name: &str| {
        let all = listed["items"].as_array().unwrap();
        all.iter().find(|one| one["permission"] == name).cloned().unwrap_or(Value::Null)
    };
    assert_eq!(find("crm:read"), json!({ "permission": "crm:read", "about": null, "roles": ["desk"] }));
    assert_eq!(find("users:read")["roles"], json!(["desk"]));
    assert!(find("audit:read")["about"].is_string());
    assert_eq!(find("*:*")["roles"], json!(["admin"]));
}
