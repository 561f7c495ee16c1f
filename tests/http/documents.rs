//! The OpenAPI document, and the pages.

use poem::http::StatusCode;
use serde_json::Value;

use crate::harness::{Ask, House};

#[tokio::test]
async fn the_openapi_document_is_the_published_one() {
    let house = House::new().await;
    let answer = house.send(Ask::get("/openapi.json")).await.is(StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    insta::assert_snapshot!("openapi", format!("{:#}", answer.json()));
}

/// Every operation of the document: path, method, operation.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let flat = paths.iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(|(method, o)| (path.clone(), method.clone(), o.clone()))
    });
    flat.collect()
}

#[tokio::test]
async fn every_operation_is_described() {
    let house = House::new().await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let operations = operations(&document);
    let mut ids = Vec::new();
    for (path, method, operation) in &operations {
        ids.push(operation["operationId"].as_str().unwrap().to_owned());
        assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
        for status in ["500", "503"] {
            assert!(operation["responses"].get(status).is_some(), "{method} {path} {status}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{method} {path} {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{method} {path} {status}");
        }
        // What takes no body refuses one that it cannot read.
        let is_read = operation["responses"].get("415").is_some();
        assert_eq!(method != "get", is_read, "{method} {path}");
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
}

#[tokio::test]
async fn request_bodies_are_strict_and_references_lead_somewhere() {
    let house = House::new().await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (path, method, operation) in operations(&document) {
        for (media, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let name = body["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            let strict = schemas[&name]["additionalProperties"] == false;
            assert_eq!(
                strict,
                media.contains("json"),
                "{method} {path}: OAuth 2 ignores unknown parameters, REST does not"
            );
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere_and_nothing_inline() {
    let house = House::new().await;
    for path in ["/docs", "/docs/problems"] {
        let answer = house.send(Ask::get(path)).await.is(StatusCode::OK);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let html = answer.text();
        for forbidden in ["http://", "https://", "//", " style=", " onclick=", "<style", "javascript:", "eval("] {
            assert!(!html.contains(forbidden), "{path}: {forbidden}");
        }
        let sources = html.split("src=\"").skip(1).chain(html.split("href=\"").skip(1));
        for source in sources.map(|rest| rest.split('"').next().unwrap()).filter(|s| !s.starts_with('#')) {
            let page = url::Url::parse("http://localhost").unwrap().join(path).unwrap();
            let target = page.join(source).unwrap();
            house.send(Ask::get(target.path())).await.is(StatusCode::OK);
        }
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" src=") || script.contains(" src="), "{path}: an inline script");
        }
    }
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let house = House::new().await;
    for path in ["/docs", "/docs/docs.js", "/docs/docs.css", "/docs/problems", "/openapi.json"] {
        let first = house.send(Ask::get(path)).await.is(StatusCode::OK);
        assert!(!first.body.is_empty());
        let again = Ask::get(path).header("if-none-match", first.header("etag").unwrap());
        assert!(house.send(again).await.is(StatusCode::NOT_MODIFIED).body.is_empty());
    }
}
