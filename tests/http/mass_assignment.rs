//! A103, B53: what nobody asked for is refused, at every operation that takes a body; generated from the document.

use poem::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::harness::{Ask, House, PASSWORD};
use crate::sample_bodies::{Targets, json_of, path_of};

/// Members by which attackers try to become more, or to be somebody else.
const PRIVILEGED: &[&str] = &[
    "__proto__",
    "account_id",
    "built_in",
    "client_secret",
    "created_at",
    "deleted_at",
    "email_verified",
    "id",
    "is_admin",
    "last_used_at",
    "must_change_password",
    "owner",
    "password_hash",
    "permissions",
    "role",
    "roles",
    "scope",
    "secret",
    "sid",
    "status",
    "status_reason",
    "sub",
    "tenant",
    "tenant_id",
    "updated_at",
    "uses",
    "user_id",
    "version",
];

/// What each of them could be.
fn value_of(member: &str) -> Value {
    match member {
        "roles" | "permissions" => json!(["*:*", "admin"]),
        "is_admin" | "email_verified" | "built_in" => json!(true),
        "must_change_password" => json!(false),
        "version" | "uses" => json!(1),
        "scope" => json!("*:*"),
        "status" => json!("active"),
        _ => json!("admin"),
    }
}

struct Operation {
    id: String,
    method: Method,
    path: String,
    known: Map<String, Value>,
}

/// Every operation that takes a JSON object.
async fn operations(house: &House) -> Vec<Operation> {
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema/$ref") else {
                continue;
            };
            let schema = document.pointer(schema.as_str().unwrap().trim_start_matches('#')).unwrap();
            found.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                known: schema["properties"].as_object().unwrap().clone(),
            });
        }
    }
    found
}

#[tokio::test]
async fn a103_b53_no_member_is_taken_that_the_document_does_not_name() {
    let house = House::new().await;
    house.role("support", &["users:read"]).await;
    house.client("orders", "").await;
    let admin = house.admin("root-1").await;
    let victim = house.member("victim").await;
    let operations = operations(&house).await;
    assert!(operations.len() >= 20, "{}", operations.len());
    let before = state(&house).await;
    for operation in &operations {
        for member in PRIVILEGED.iter().filter(|member| !operation.known.contains_key(**member)) {
            let mut body = json_of(&operation.id, PASSWORD);
            body[*member] = value_of(member);
            let path = path_of(&operation.path, &Targets::of(&victim));
            let ask = Ask::new(operation.method.clone(), &path).bearer(&admin.tokens.access).header("if-match", "*");
            let answer = house.send(ask.json(body)).await;
            let told = format!("{} {path} {member}: {}", operation.method, answer.text());
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
            assert!(answer.violations().contains(&format!("/{member} unknown-field")), "{told}");
        }
    }
    assert_eq!(state(&house).await, before, "nothing changed");
}

/// All that a write could have changed.
async fn state(house: &House) -> Value {
    let admin = house.login("root-1", PASSWORD).await;
    let mut all = Map::new();
    for path in ["users", "roles", "clients", "api-keys"] {
        let answer = house.send(Ask::get(&format!("/api/v1/{path}")).bearer(&admin.access)).await;
        all.insert(path.to_owned(), answer.is(StatusCode::OK).json());
    }
    house.send(Ask::post("/api/v1/auth/logout").bearer(&admin.access)).await.is(StatusCode::NO_CONTENT);
    all.into()
}

#[tokio::test]
async fn a103_the_owner_of_an_account_cannot_make_more_of_it() {
    let house = House::new().await;
    let ada = house.member("ada").await;
    let me = || async { house.send(ada.get("/api/v1/me")).await.is(StatusCode::OK).json() };
    let before = me().await;
    for member in PRIVILEGED {
        let patch = ada
            .ask(Method::PATCH, "/api/v1/me")
            .raw("application/merge-patch+json", json!({ *member: value_of(member) }).to_string());
        house.send(patch).await.is(StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(me().await, before);
    house.send(ada.get("/api/v1/users")).await.is(StatusCode::FORBIDDEN);
}
