//! The JSON Schemas (2020-12) of the events, made from the very types that are serialized.
//!
//! They say what is always there and leave room for more: no object is closed, and a choice names its values without
//! ruling out new ones.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::Timestamp;
use crate::clients::ClientId;
use crate::ids::{ApiKeyId, EventId, SessionId, TokenId, UserId, WebhookId};

use super::{CloudEvent, Event};

/// One kind of event, and what its data looks like.
#[derive(Clone, Debug)]
pub struct EventSchema {
    /// The CloudEvents `type`: `portcullis.user.registered.v1`.
    pub kind: String,
    /// What happened, in a sentence or two.
    pub description: String,
    data: Schema,
}

impl EventSchema {
    /// The kind without the product's name and the version: the routing key, `user.registered`.
    pub fn name(&self) -> &str {
        let name = self.kind.strip_prefix("portcullis.").unwrap_or(&self.kind);
        name.rsplit_once('.').map_or(name, |(name, _version)| name)
    }

    /// The schema of the data alone.
    pub const fn data(&self) -> &Schema {
        &self.data
    }

    /// Where `source` serves the schema: the CloudEvents `dataschema`.
    pub fn url(&self, source: &str) -> String {
        url(source, &self.kind)
    }

    /// The schema as `source` serves it: with its own address as `$id`.
    pub fn document(&self, source: &str) -> Schema {
        let mut document = self.data.clone();
        document.insert("$schema".to_owned(), schemars::consts::meta_schemas::DRAFT2020_12.into());
        document.insert("$id".to_owned(), self.url(source).into());
        document.insert("title".to_owned(), format!("The data of {}", self.kind).into());
        document.insert("description".to_owned(), self.description.as_str().into());
        document
    }
}

impl Event {
    /// Every kind of event, in the order in which the kinds are written down.
    pub fn schemas() -> Vec<EventSchema> {
        let root = generator().into_root_schema_for::<Self>();
        let variants = root.get("oneOf").and_then(|variants| variants.as_array());
        let kinds = variants.into_iter().flatten().filter_map(|variant| {
            Some(EventSchema {
                kind: variant.pointer("/properties/type/const")?.as_str()?.to_owned(),
                description: variant.get("description")?.as_str()?.to_owned(),
                data: Schema::try_from(variant.pointer("/properties/data")?.clone()).ok()?,
            })
        });
        kinds.collect()
    }
}

impl CloudEvent<'_> {
    /// The schema of what every envelope has: all but `type` and `data`, which depend on the event.
    pub fn schema() -> Schema {
        generator().into_root_schema_for::<Self>()
    }
}

/// Where `source` serves the schema of the data of a kind of event.
pub(super) fn url(source: &str, kind: &str) -> String {
    format!("{}/schemas/{kind}.json", source.trim_end_matches('/'))
}

/// As events are written, each schema whole in itself.
fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// Leaves a choice open: a consumer that holds on to this schema accepts the values of tomorrow.
pub(crate) fn open_choice(schema: &mut Schema) {
    if let Some(mut known) = schema.remove("oneOf") {
        if let Some(known) = known.as_array_mut() {
            let other = json_schema!({ "type": "string", "description": "Another value: new ones may be added." });
            known.push(other.into());
        }
        schema.insert("anyOf".to_owned(), known);
    }
}

/// An IP address, where it is known.
pub(super) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "string", "format": "ipv4" },
        { "type": "string", "format": "ipv6" },
        { "type": "null" },
    ] })
}

/// The `traceparent` header of W3C Trace Context, which need not be there.
pub(super) fn traceparent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string" })
}

/// The schema of types that are written as a text of some form.
macro_rules! text {
    ($($name:ident)+: $form:tt) => {
        $(impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($form)
            }
        })+
    };
}

text!(ApiKeyId EventId UserId SessionId TokenId WebhookId: {
    "type": "string",
    "format": "uuid",
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
});
text!(ClientId: { "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{2,63}$" });
text!(Timestamp: { "type": "string", "format": "date-time", "pattern": "Z$" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_schema_and_every_schema_an_example() {
        let schemas = Event::schemas();
        let examples = Event::examples();
        let kinds: Vec<_> = schemas.iter().map(|schema| schema.kind.clone()).collect();
        let shown: Vec<_> = examples.iter().map(|delivery| delivery.event.cloud_event_type()).collect();
        assert_eq!(kinds, shown);
        for (schema, delivery) in schemas.iter().zip(&examples) {
            assert_eq!(schema.name(), delivery.event.name());
            let dataschema = serde_json::to_value(CloudEvent::new(delivery, "https://a.example/")).expect("JSON");
            assert_eq!(dataschema["dataschema"], schema.url("https://a.example"));
        }
    }

    #[test]
    fn a_schema_names_exactly_what_is_written_and_closes_nothing() {
        for (schema, delivery) in Event::schemas().iter().zip(Event::examples()) {
            let event = serde_json::to_value(&delivery.event).expect("JSON");
            let written: Vec<_> = event["data"].as_object().expect("an object").keys().collect();
            let schema = schema.document("https://a.example").to_value();
            let described: Vec<_> = schema["properties"].as_object().expect("properties").keys().collect();
            assert_eq!(written, described, "{}", delivery.event.name());
            for name in described {
                let property = &schema["properties"][name];
                assert!(property["description"].is_string(), "{name} of {} is described", delivery.event.name());
                let required = schema["required"].as_array().expect("a list");
                assert!(required.iter().any(|known| known == name), "{name} is always there, if only as null");
            }
            let text = schema.to_string();
            for closed in ["additionalProperties", "unevaluatedProperties", "$ref", "oneOf", "\"enum\""] {
                assert!(!text.contains(closed), "{closed} in {text}");
            }
        }
    }

    #[test]
    fn the_envelope_says_what_is_written_into_it() {
        let schema = CloudEvent::schema().to_value();
        let properties = schema["properties"].as_object().expect("properties");
        for delivery in Event::examples() {
            let envelope = serde_json::to_value(CloudEvent::new(&delivery, "https://a.example")).expect("JSON");
            for name in envelope.as_object().expect("an object").keys() {
                assert!(properties.contains_key(name) != ["type", "data"].contains(&name.as_str()), "{name}");
            }
            for name in schema["required"].as_array().expect("a list") {
                assert!(envelope.get(name.as_str().expect("a name")).is_some(), "{name}");
            }
        }
        let optional = properties
            .keys()
            .filter(|name| !schema["required"].as_array().expect("a list").contains(&(**name).clone().into()));
        assert_eq!(optional.collect::<Vec<_>>(), ["traceparent"]);
    }

    #[test]
    fn every_reason_is_named_and_new_ones_are_welcome() {
        let schemas = Event::schemas();
        let revoked = schemas.iter().find(|schema| schema.name() == "session.revoked").expect("a kind");
        let reason = revoked.data().as_value()["properties"]["reason"].clone();
        let known: Vec<_> =
            reason["anyOf"].as_array().expect("a choice").iter().filter_map(|one| one["const"].as_str()).collect();
        assert!(known.contains(&"logout") && known.contains(&"displaced"), "{known:?}");
        for name in &known {
            assert!(crate::sessions::RevocationReason::parse(name).is_some(), "{name}");
        }
        assert_eq!(reason["anyOf"].as_array().expect("a choice").len(), known.len() + 1);
    }
}
