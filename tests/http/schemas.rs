//! The schemas of the events, and that version 1 of each keeps its promises for good.

use std::collections::BTreeSet;

use poem::http::{Method, StatusCode};
use portcullis_domain::event::{CloudEvent, Event};
use serde_json::{Map, Value, json};

use crate::harness::{Ask, House, ISSUER};
use crate::promises::breaks;

/// What v1 has promised so far. Entries are added when an event or a field is; none is ever changed or removed.
const PROMISED: &str = include_str!("events_v1.json");

#[tokio::test]
async fn the_schema_and_an_example_of_every_event_are_the_published_ones() {
    let house = House::new().await;
    for delivery in Event::examples() {
        let event = serde_json::to_value(CloudEvent::new(&delivery, ISSUER)).unwrap();
        let address = event["dataschema"].as_str().unwrap();
        let path = address.strip_prefix(ISSUER).unwrap();
        let schema = house.send(Ask::get(path)).await.is(StatusCode::OK).json();
        assert_eq!(schema["$id"], address);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let both = json!({ "routing_key": delivery.event.name(), "schema": schema, "example": event });
        insta::assert_snapshot!(format!("event_{}", delivery.event.cloud_event_type()), format!("{both:#}"));
    }
}

/// What the promises look like today, without the words for people.
fn today() -> Value {
    let mut events = Map::new();
    for (kind, example) in Event::schemas().iter().zip(Event::examples()) {
        let family = example.subject.split('/').next().unwrap();
        let data = bare(kind.data().clone().to_value());
        let promise = json!({ "routing_key": kind.name(), "subject": format!("{family}/"), "data": data });
        events.insert(kind.kind.clone(), promise);
    }
    json!({ "envelope": bare(CloudEvent::schema().to_value()), "events": events })
}

fn bare(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            // A property may be called `description`; then it is a schema, no text.
            members.retain(|name, value| !(["title", "description"].contains(&name.as_str()) && value.is_string()));
            for value in members.values_mut() {
                *value = bare(value.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = bare(item.take())),
        _ => {}
    }
    schema
}

#[test]
fn version_1_of_every_event_keeps_what_it_has_promised() {
    let (promised, today): (Value, _) = (serde_json::from_str(PROMISED).unwrap(), today());
    let mut broken = breaks(&promised["envelope"], &today["envelope"], "the envelope");
    for (kind, promise) in promised["events"].as_object().unwrap() {
        let now = &today["events"][kind];
        for fact in ["routing_key", "subject"] {
            if promise[fact] != now[fact] {
                broken.push(format!("{kind}: {fact} was {} and is {}", promise[fact], now[fact]));
            }
        }
        broken.extend(breaks(&promise["data"], &now["data"], kind));
    }
    assert!(broken.is_empty(), "consumers of v1 break; publish a v2 beside it:\n- {}", broken.join("\n- "));
    assert!(promised == today, "what is published is promised: tests/http/events_v1.json must become\n{today:#}");
}

#[tokio::test]
async fn schemas_are_for_everybody_and_are_not_sent_twice() {
    let house = House::new().await;
    let path = "/schemas/portcullis.user.registered.v1.json";
    let first = house.send(Ask::get(path)).await.is(StatusCode::OK);
    assert_eq!(first.header("content-type"), Some("application/schema+json"));
    assert_eq!(first.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(first.header("access-control-allow-origin"), Some("*"));
    let known = Ask::get(path).header("if-none-match", first.header("etag").unwrap());
    let again = house.send(known).await.is(StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
    for header in ["etag", "cache-control", "access-control-allow-origin"] {
        assert_eq!(again.header(header), first.header(header));
    }
    let head = house.send(Ask::new(Method::HEAD, path)).await.is(StatusCode::OK);
    assert_eq!(head.header("etag"), first.header("etag"));
}

#[tokio::test]
async fn what_is_no_event_has_no_schema() {
    let house = House::new().await;
    for nothing in [
        "/schemas/portcullis.user.registered.v2.json",
        "/schemas/portcullis.user.registered.v1",
        "/schemas/portcullis.user.registered.v1.json.json",
        "/schemas/PORTCULLIS.USER.REGISTERED.V1.json",
        "/schemas/user.registered.json",
        "/schemas/.json",
        "/schemas/",
        "/schemas/..%2f..%2fetc%2fpasswd",
    ] {
        assert_eq!(house.send(Ask::get(nothing)).await.is(StatusCode::NOT_FOUND).problem(), "not-found", "{nothing}");
    }
    let post = house.send(Ask::post("/schemas/portcullis.user.registered.v1.json")).await;
    assert_eq!(post.is(StatusCode::METHOD_NOT_ALLOWED).problem(), "method-not-allowed");
}

#[tokio::test]
async fn the_openapi_document_lists_the_schemas_that_there_are() {
    let house = House::new().await;
    let document = house.send(Ask::get("/openapi.json")).await.json();
    let kinds = &document["paths"]["/schemas/{type}.json"]["get"]["parameters"][0]["schema"]["enum"];
    let listed: BTreeSet<_> = kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
    let published: BTreeSet<_> = Event::schemas().into_iter().map(|kind| kind.kind).collect();
    assert_eq!(listed, published);
}
