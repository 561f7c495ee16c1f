//! Operations that take no body: an empty one is none, and what is in it is unknown to them.

use poem::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Ask, House};

/// Every operation that changes something and has no body in the document, with good parameters.
async fn operations(house: &House) -> Vec<(Method, String)> {
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let of_path = |(path, operations): (&String, &Value)| {
        let id = if path.contains("/clients/") { "orders" } else { "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001" };
        let path =
            path.replace("{id}", id).replace("{session}", id).replace("{name}", "clerk").replace("{role}", "clerk");
        let bare = operations
            .as_object()
            .unwrap()
            .iter()
            .filter(|(method, operation)| *method != "get" && operation.get("requestBody").is_none());
        bare.map(|(method, _)| (method.to_uppercase().parse().unwrap(), path.clone())).collect::<Vec<_>>()
    };
    document["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn a_member_is_unknown_to_what_takes_no_body() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let operations = operations(&house).await;
    assert!(operations.len() >= 15, "{operations:?}");
    for (method, path) in operations {
        let ask = || admin.ask(method.clone(), &path);
        let answer = house.send(ask().json(json!({ "a": 1, "b/c": {} }))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path}: {}", answer.text());
        assert_eq!(answer.violations(), ["/a unknown-field", "/b~1c unknown-field"], "{method} {path}");
        for list in ["[]", "null", "1"] {
            let answer = house.send(ask().body(list)).await.is(StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(answer.violations(), [" wrong-type"], "{method} {path}");
        }
        for broken in ["{", "a=1", "{}{}"] {
            let answer = house.send(ask().body(broken)).await.is(StatusCode::BAD_REQUEST);
            assert_eq!(answer.problem(), "malformed-json", "{method} {path}");
        }
        let long = house.send(ask().body(" ".repeat(70_000))).await.is(StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(long.problem(), "body-too-large");
        let stranger = house.send(Ask::new(method.clone(), &path).json(json!({ "a": 1 }))).await;
        assert_eq!(stranger.is(StatusCode::UNAUTHORIZED).problem(), "unauthenticated", "who asks comes first");
    }
}

#[tokio::test]
async fn nothing_and_an_empty_object_are_alike() {
    let house = House::new().await;
    let admin = house.admin("root-1").await;
    let ada = house.member("ada").await;
    for body in ["", " \r\n", "{}", " { } "] {
        let enable = admin.ask(Method::POST, &format!("{}/enable", ada.path()));
        house.send(enable.body(body)).await.is(StatusCode::OK);
        let tokens = house.login("ada", crate::harness::PASSWORD).await;
        let logout = || Ask::post("/api/v1/auth/logout").bearer(&tokens.access);
        house.send(logout().raw("application/json", "{\"a\":1}")).await.is(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(house.accepts(&tokens.access).await, "what is refused has not happened");
        house.send(logout().raw("application/json", body)).await.is(StatusCode::NO_CONTENT);
        assert!(!house.accepts(&tokens.access).await);
    }
}
