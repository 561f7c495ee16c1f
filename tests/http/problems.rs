//! The problems that others rely on.

use poem::http::StatusCode;
use serde_json::Value;

use crate::harness::{Ask, House};

#[tokio::test]
async fn the_slugs_and_their_statuses_are_the_published_ones() {
    let house = House::new().await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let mut lines = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let schema = &response["content"]["application/problem+json"]["schema"];
                let codes = schema.pointer("/allOf/1/properties/code/enum").and_then(Value::as_array);
                for code in codes.into_iter().flatten() {
                    lines.push(format!("{} {path} {status} {}", method.to_uppercase(), code.as_str().unwrap()));
                }
            }
        }
    }
    lines.sort();
    insta::assert_snapshot!("problems", lines.join("\n"));
}

#[tokio::test]
async fn every_slug_is_explained_where_its_type_says() {
    let house = House::new().await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let page = house.send(Ask::get("/docs/problems")).await.is(StatusCode::OK).text();
    let slugs = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap().clone();
    assert!(slugs.len() >= 20);
    for slug in slugs {
        assert!(page.contains(&format!("id=\"{}\"", slug.as_str().unwrap())), "{slug}");
    }
}
