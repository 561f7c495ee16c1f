//! The schemas of the OpenAPI document: written as JSON beside the type they describe.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::{Value, json};

/// A request or response body that the document describes.
pub(crate) trait Documented: Send + Sync + 'static {
    /// The name of the schema.
    const NAME: &'static str;

    /// The schema (OpenAPI 3.0.3 §4.7.24).
    fn schema() -> Value;
}

/// The name under which others refer to the schema.
pub(crate) fn reference<T: Documented>() -> String {
    T::NAME.to_owned()
}

/// Makes the name known; the document gets the schema itself at the end.
pub(crate) fn register<T: Documented>(registry: &mut Registry) {
    registry.create_schema::<T, _>(T::NAME.to_owned(), |_| MetaSchema::new("object"));
}

/// A reference to the schema.
pub(crate) fn schema_ref<T: Documented>() -> MetaSchemaRef {
    MetaSchemaRef::Reference(reference::<T>())
}

/// A reference to a schema, in JSON.
pub(crate) fn pointer(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An id.
pub(crate) fn id(description: &str) -> Value {
    json!({
        "type": "string", "format": "uuid", "description": description,
        "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "minLength": 36, "maxLength": 36, "example": "01981f3e-7a60-7c1e-9d0b-52f1c1a6a001",
    })
}

/// An instant.
pub(crate) fn instant(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description, "example": "2026-01-31T12:00:00.25Z" })
}

/// A number of seconds.
pub(crate) fn seconds(description: &str, example: u64) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "description": description, "example": example })
}
