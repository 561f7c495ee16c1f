//! The AsyncAPI 3.0.0 document: which events leave the service, on which way, with which promises.

use portcullis_domain::event::{CloudEvent, Event, EventSchema};
use portcullis_domain::ports::delivery::Delivery;
use serde_json::{Map, Value, json};

use crate::settings::{EventExchange, HttpSettings};

/// The version of the specification that the document follows.
const ASYNCAPI: &str = "3.0.0";
/// The version of the AMQP bindings that the document follows.
const BINDING: &str = "0.3.0";
/// The channel, message and operation of the queue that receives everything.
const QUEUE: &str = "everything";

const ABOUT: &str = "What happened to accounts, roles, sessions, clients and keys, as CloudEvents 1.0 in structured mode.\n\n\
    **At least once.** An event is committed together with what it tells of, and published until the broker has \
    confirmed it. A duplicate is the same to the byte: handle each `id` (also the AMQP `message_id`) once.\n\n\
    **In order per subject.** Events of one `subject` are published in the order of their commits; `sequence` grows \
    within a subject, with gaps. Between subjects there is no order.\n\n\
    **Compatible within v1.** Fields may be added, values may be added to a choice, new events may appear; nothing is \
    removed, renamed or retyped. Pass over what you do not know.";

const CONFIRMED: &str = "Persistent, mandatory, and published again until the broker has confirmed it.";

/// The document, as JSON.
pub fn asyncapi(settings: &HttpSettings) -> String {
    format!("{:#}", document(settings))
}

pub(super) fn document(settings: &HttpSettings) -> Value {
    let kinds = Event::schemas();
    let exchange = &settings.events;
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let (mut messages, mut schemas) = (Map::new(), Map::new());
    schemas.insert("CloudEvent".to_owned(), CloudEvent::schema().to_value());
    for (kind, example) in kinds.iter().zip(Event::examples()) {
        let id = camel(kind.name());
        channels.insert(id.clone(), channel(kind, &id, exchange));
        operations.insert(format!("send{}", capital(&id)), sending(&id, [&id], &kind.description));
        messages.insert(id.clone(), message(kind, &id, &example, &settings.issuer));
        schemas.insert(capital(&id), data(kind, &settings.issuer));
    }
    if let Some(queue) = &exchange.queue {
        let ids: Vec<String> = kinds.iter().map(|kind| camel(kind.name())).collect();
        channels.insert(QUEUE.to_owned(), queue_channel(queue, &exchange.name, &ids));
        let about = "Every event, for a single consumer or several that share the work.";
        operations.insert(format!("send{}", capital(QUEUE)), sending(QUEUE, &ids, about));
    }
    let mut document = json!({
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Portcullis events",
            "version": settings.version,
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "defaultContentType": CloudEvent::MEDIA_TYPE,
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas,
            "operationTraits": { "confirmed": {
                "description": CONFIRMED,
                "bindings": { "amqp": {
                    "deliveryMode": 2, "mandatory": true, "timestamp": true, "bindingVersion": BINDING,
                } },
            } },
        },
    });
    if let Some(protocol) = exchange.protocol {
        document["servers"] = json!({ "broker": server(protocol) });
        let scheme = json!({ "type": "userPassword", "description": "An account of the broker." });
        document["components"]["securitySchemes"] = json!({ "broker": scheme });
    }
    document
}

/// The broker. Where it is, is nobody's business but that of its users, who learn it from the operator.
fn server(protocol: &str) -> Value {
    json!({
        "host": "{broker}",
        "protocol": protocol,
        "protocolVersion": "0.9.1",
        "description": "RabbitMQ.",
        "variables": { "broker": { "description": "Host and port: ask the operator, this page does not tell." } },
        "security": [{ "$ref": "#/components/securitySchemes/broker" }],
    })
}

fn channel(kind: &EventSchema, id: &str, exchange: &EventExchange) -> Value {
    json!({
        "address": kind.name(),
        "title": kind.name(),
        "description": kind.description,
        "messages": { id: { "$ref": format!("#/components/messages/{id}") } },
        "bindings": { "amqp": {
            "is": "routingKey",
            "exchange": { "name": exchange.name, "type": "topic", "durable": true, "autoDelete": false },
            "bindingVersion": BINDING,
        } },
    })
}

fn queue_channel(queue: &str, exchange: &str, ids: &[String]) -> Value {
    let messages: Map<_, _> =
        ids.iter().map(|id| (id.clone(), json!({ "$ref": format!("#/components/messages/{id}") }))).collect();
    json!({
        "address": queue,
        "title": queue,
        "description": format!("A quorum queue that the service declares and binds to `#` on the exchange `{exchange}`."),
        "messages": messages,
        "bindings": { "amqp": {
            "is": "queue",
            "queue": { "name": queue, "durable": true, "exclusive": false, "autoDelete": false },
            "bindingVersion": BINDING,
        } },
    })
}

fn sending<'a>(channel: &str, messages: impl IntoIterator<Item = &'a String>, about: &str) -> Value {
    let pointer = |id: &String| json!({ "$ref": format!("#/channels/{channel}/messages/{id}") });
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{channel}") },
        "summary": about,
        "messages": messages.into_iter().map(pointer).collect::<Vec<_>>(),
        "traits": [{ "$ref": "#/components/operationTraits/confirmed" }],
    })
}

fn message(kind: &EventSchema, id: &str, example: &Delivery, issuer: &str) -> Value {
    let payload = serde_json::to_value(CloudEvent::new(example, issuer)).unwrap_or_default();
    // `users/<id>` of the example: subjects of one kind of event begin alike.
    let family = example.subject.split_once('/').map_or(example.subject.as_str(), |(family, _)| family);
    json!({
        "name": kind.kind,
        "title": kind.name(),
        "summary": kind.description,
        "contentType": CloudEvent::MEDIA_TYPE,
        "payload": {
            "allOf": [{ "$ref": "#/components/schemas/CloudEvent" }],
            "type": "object",
            "required": ["type", "data"],
            "properties": {
                "type": { "type": "string", "const": kind.kind, "description": "What happened." },
                "dataschema": { "type": "string", "const": kind.url(issuer) },
                "subject": { "type": "string", "pattern": format!("^{family}/.") },
                "data": { "$ref": format!("#/components/schemas/{}", capital(id)) },
            },
        },
        "bindings": { "amqp": { "messageType": kind.kind, "bindingVersion": BINDING } },
        "examples": [{ "name": id, "summary": kind.description, "payload": payload }],
    })
}

/// The data, without the address that would change what the references of this document mean.
fn data(kind: &EventSchema, issuer: &str) -> Value {
    let mut schema = kind.data().clone().to_value();
    schema["description"] = kind.description.as_str().into();
    schema["externalDocs"] = json!({ "url": kind.url(issuer), "description": "The same as a JSON Schema (2020-12)." });
    schema
}

/// `session.reuse_detected` → `sessionReuseDetected`.
fn camel(name: &str) -> String {
    let mut words = name.split(['.', '_']);
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &capital(word))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
