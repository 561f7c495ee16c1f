//! The AsyncAPI document.

use std::collections::BTreeSet;

use poem::http::StatusCode;
use portcullis_domain::event::Event;
use serde_json::Value;

use crate::harness::{Ask, House, Plan};

async fn document(plan: Plan) -> Value {
    let house = House::build(plan).await;
    house.send(Ask::get("/asyncapi.json")).await.is(StatusCode::OK).json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn the_asyncapi_document_is_the_published_one() {
    let house = House::new().await;
    let answer = house.send(Ask::get("/asyncapi.json")).await.is(StatusCode::OK);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let known = Ask::get("/asyncapi.json").header("if-none-match", answer.header("etag").unwrap());
    assert!(house.send(known).await.is(StatusCode::NOT_MODIFIED).body.is_empty());
    insta::assert_snapshot!("asyncapi", format!("{:#}", answer.json()));
}

#[tokio::test]
async fn every_event_has_a_channel_an_operation_and_a_true_example() {
    let document = document(Plan::default()).await;
    let channels = document["channels"].as_object().unwrap();
    let kinds: BTreeSet<_> = Event::schemas().into_iter().map(|kind| kind.kind).collect();
    let mut told = BTreeSet::new();
    for (name, channel) in channels.iter().filter(|(_, channel)| channel["bindings"]["amqp"]["is"] == "routingKey") {
        assert_eq!(channel["bindings"]["amqp"]["exchange"]["name"], "auth.events");
        let message = &document["components"]["messages"][name];
        let example = &message["examples"][0]["payload"];
        let event: Event = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(text(&channel["address"]), event.name());
        assert_eq!(text(&message["name"]), event.cloud_event_type());
        told.insert(event.cloud_event_type());
    }
    assert_eq!(told, kinds);
    let operations = document["operations"].as_object().unwrap().values();
    let served: BTreeSet<_> = operations.map(|operation| text(&operation["channel"]["$ref"]).to_owned()).collect();
    assert_eq!(served, channels.keys().map(|name| format!("#/channels/{name}")).collect());
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let document = document(Plan::default()).await;
    let text = document.to_string();
    let references: Vec<_> = text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(references.len() > 100, "{}", references.len());
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_document_tells_of_the_exchange_the_queue_and_the_broker_that_there_are() {
    let plan = Plan {
        adjust: Box::new(|settings| {
            settings.events.name = "other.events".to_owned();
            settings.events.queue = None;
            settings.events.protocol = None;
        }),
        ..Plan::default()
    };
    let without = document(plan).await;
    assert_eq!(without.get("servers"), None);
    assert_eq!(without["components"].get("securitySchemes"), None);
    assert_eq!(without["channels"].get("everything"), None);
    let exchange = &without["channels"]["userRegistered"]["bindings"]["amqp"]["exchange"];
    assert_eq!(text(&exchange["name"]), "other.events");

    let with = document(Plan::default()).await;
    assert_eq!(text(&with["channels"]["everything"]["address"]), "auth-events");
    assert_eq!(text(&with["servers"]["broker"]["protocol"]), "amqp");
    // Where the broker is, is not told to everybody.
    assert_eq!(text(&with["servers"]["broker"]["host"]), "{broker}");
}
