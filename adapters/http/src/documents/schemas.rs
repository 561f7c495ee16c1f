//! The JSON Schemas of the events' data, at the addresses that the events name in `dataschema`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use poem::http::{HeaderValue, header};
use poem::{Request, Response};
use portcullis_domain::event::Event;
use serde_json::{Value, json};

use crate::openapi::{faults, refused};
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::settings::HttpSettings;

use super::{ANYBODY, answer, tag_of};

/// The path of a schema.
const SCHEMAS: &str = "/schemas/{type}.json";
const SCHEMA_JSON: &str = "application/schema+json";
/// What a schema promises holds as long as its name: an old copy is at worst less than there is.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Adds the schemas; all are made when the first is asked for.
pub(super) fn add_routes(routes: &mut Routes, settings: &Arc<HttpSettings>) {
    let settings = settings.clone();
    let schemas = LazyLock::new(move || by_file(&settings.issuer));
    routes.add_for_everybody(SCHEMAS, make_sync(move |request: Request| serve(&request, &schemas)));
}

type Schemas = HashMap<String, (String, HeaderValue)>;

fn by_file(issuer: &str) -> Schemas {
    let file = |kind: &portcullis_domain::event::EventSchema| {
        let text = format!("{:#}\n", kind.document(issuer).to_value());
        let tag = tag_of(text.as_bytes());
        (format!("{}.json", kind.kind), (text, tag))
    };
    Event::schemas().iter().map(file).collect()
}

fn serve(request: &Request, schemas: &Schemas) -> poem::Result<Response> {
    let file = request.uri().path().rsplit('/').next().unwrap_or_default();
    let schema = schemas.get(file).ok_or_else(|| Problem::new(Code::NotFound))?;
    let mut response = answer(request, SCHEMA_JSON, schema);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHED);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    Ok(response)
}

/// The operation in the OpenAPI document.
pub(super) fn paths() -> Value {
    let kinds: Vec<String> = Event::schemas().into_iter().map(|kind| kind.kind).collect();
    let mut responses = faults();
    let schema = json!({ "schema": { "type": "object" } });
    responses["200"] = json!({ "description": "Here it is.", "content": { SCHEMA_JSON: schema } });
    responses["304"] = json!({ "description": "It is what `If-None-Match` says." });
    responses["404"] = refused(&[Code::NotFound]);
    let parameters = json!([
        {
            "name": "type", "in": "path", "required": true, "schema": { "type": "string", "enum": kinds },
            "description": "The `type` of an event.",
        },
        {
            "name": "If-None-Match", "in": "header", "schema": { "type": "string" },
            "description": "The `ETag` of what is known already.",
        },
    ]);
    json!({ SCHEMAS: { "get": {
        "tags": ["Metadata"], "operationId": "eventSchema", "summary": "The data of an event as a JSON Schema (2020-12)",
        "description": "Where `dataschema` of an event leads. Fields may be added to a schema, and values to a choice; \
            what is there stays as it is.",
        "parameters": parameters, "responses": responses,
    } } })
}
