//! The OpenAPI document: what poem-openapi knows of `/api/v1`, and the rest by hand.

use poem_openapi::OpenApi;
use poem_openapi::registry::Registry;
use serde_json::{Map, Value, json};

use crate::access::{self, AccessApi, KeyApi, OwnKeyApi, permissions};
use crate::accounts::{self, AccountApi};
use crate::administration;
use crate::cookies;
use crate::csrf;
use crate::discovery;
use crate::documents;
use crate::health;
use crate::keys;
use crate::limits;
use crate::oauth;
use crate::problem::{Code, Problem};
use crate::revocations;
use crate::schema::{Documented, pointer};
use crate::sessions::{self, SessionApi};
use crate::settings::HttpSettings;
use crate::setup;

/// The version of the specification that the document follows.
const OPENAPI: &str = "3.0.3";

const ABOUT: &str = "Accounts, sessions and tokens.\n\nErrors are problems (RFC 9457) with a stable `code`; under \
    `/oauth2` they are OAuth 2 error objects (RFC 6749 §5.2). Unknown members of a request body are refused, \
    and so are unknown query parameters of an operation that has some. Every answer has `X-Request-Id`: the client's own when it sent a decent one \
    (1 to 128 letters, digits, `.`, `_`, `-`).\n\nA request is authenticated by `Authorization: Bearer`, by an API \
    key in `X-API-Key`, or by the cookies of a login with `transport: \"cookie\"`; each operation says which of \
    them it takes. A header wins: a request that has one uses no cookie even when what the header says is bad. Both \
    headers at once, or one of them twice, are refused. What an operation needs besides is in `x-permission`: who \
    lacks it is refused with 403 `not-permitted`. Where a cookie authenticates an unsafe method, the request needs \
    the CSRF token of the session in `X-CSRF-TOKEN`, and must come from a page of this origin or of an allowed one: \
    the browser says so in `Sec-Fetch-Site` and `Origin`. Otherwise it is refused with 403 `csrf-failed`. Two \
    cookies of one name are refused with 400.";

/// The document that describes the public listener, as JSON.
pub fn openapi(settings: &HttpSettings) -> String {
    format!("{:#}", document(settings))
}

/// The same, as a value.
pub(crate) fn document(settings: &HttpSettings) -> Value {
    let mut registry = Registry::new();
    let mut paths = Map::new();
    describe::<AccountApi>(&mut registry, &mut paths);
    describe::<SessionApi>(&mut registry, &mut paths);
    describe::<AccessApi>(&mut registry, &mut paths);
    describe::<OwnKeyApi>(&mut registry, &mut paths);
    describe::<KeyApi>(&mut registry, &mut paths);
    administration::describe_all(&mut registry, &mut paths);
    setup::describe_all(&mut registry, &mut paths);
    let by_hand = [
        setup::paths(),
        oauth::paths(),
        revocations::paths(),
        keys::paths(),
        discovery::paths(),
        health::paths(),
        documents::paths(),
    ];
    for more in by_hand {
        extend(&mut paths, more);
    }
    for (path, described) in &mut paths {
        for (method, operation) in described.as_object_mut().into_iter().flatten() {
            permissions::describe(operation);
            csrf::describe(method, operation);
            limits::describe(method, path, operation);
            complete(operation);
        }
    }

    let mut tags: Vec<Value> = registry.tags.iter().map(value).collect();
    tags.push(json!({ "name": "OAuth2", "description": "The protocol endpoints for other services." }));
    tags.push(json!({ "name": "Metadata", "description": "What verifiers of tokens and readers of this page need." }));
    tags.push(json!({ "name": "Health", "description": "Is the service alive, and can it serve?" }));

    let mut security_schemes = Map::new();
    for (name, scheme) in &registry.security_schemes {
        security_schemes.insert((*name).to_owned(), value(scheme));
    }
    extend(&mut security_schemes, cookies::security_schemes(settings));
    extend(&mut security_schemes, oauth::security_schemes());

    let mut headers = limits::headers();
    extend(&mut headers, common_headers());

    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "Portcullis",
            "version": settings.version,
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": settings.issuer }],
        "tags": tags,
        "paths": paths,
        "components": { "schemas": schemas(), "headers": headers, "securitySchemes": security_schemes },
    })
}

/// Adds the operations of a documented API.
pub(crate) fn describe<A: OpenApi>(registry: &mut Registry, paths: &mut Map<String, Value>) {
    A::register(registry);
    for path in A::meta().iter().flat_map(|api| &api.paths) {
        paths.insert(path.path.clone(), value(path));
    }
}

fn schemas() -> Map<String, Value> {
    let mut schemas = Map::new();
    for more in [
        accounts::schemas(),
        sessions::schemas(),
        access::schemas(),
        administration::schemas(),
        setup::schemas(),
        oauth::schemas(),
        revocations::schemas(),
        discovery::schemas(),
        health::schemas(),
        keys::schemas(),
    ] {
        extend(&mut schemas, more);
    }
    schemas.insert(Problem::NAME.to_owned(), Problem::schema());
    schemas
}

/// What is alike for all operations: the headers, and what the codes of refusals mean.
fn complete(operation: &mut Value) {
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, response) in responses {
        let codes = response.pointer("/content/application~1problem+json/schema/allOf/1/properties/code/enum");
        if let Some(codes) = codes.and_then(Value::as_array) {
            let titled = |slug: &Value| {
                let code = Code::ALL.iter().find(|code| *slug == code.slug())?;
                Some(format!("`{}`: {}.", code.slug(), code.title()))
            };
            let described: Vec<String> = codes.iter().filter_map(titled).collect();
            response["description"] = described.join(" ").into();
        }
        let more = match status.as_str() {
            "401" => Some("WWW-Authenticate"),
            "429" | "503" => Some("Retry-After"),
            _ => None,
        };
        for name in ["X-Request-Id"].into_iter().chain(more) {
            response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
        if status == "403" && described_with(response, Code::UserRequired) {
            let about = "`Bearer`, when the token speaks for a client (RFC 6750 §3).";
            response["headers"]["WWW-Authenticate"] = json!({ "description": about, "schema": { "type": "string" } });
        }
    }
}

/// Whether the description of a response tells of this problem.
fn described_with(response: &Value, code: Code) -> bool {
    let mark = format!("`{}`", code.slug());
    response.get("description").and_then(Value::as_str).is_some_and(|text| text.contains(&mark))
}

/// The headers that [`complete`] refers to.
fn common_headers() -> Value {
    let text = |about: &str| json!({ "description": about, "required": true, "schema": { "type": "string" } });
    json!({
        "X-Request-Id": text("The id of the request."),
        "WWW-Authenticate": text("`Bearer`, with `error=\"invalid_token\"` when a token was sent (RFC 6750 §3); `ApiKey`, with `error=\"invalid_key\"` when an API key was sent; `Basic` where a client proves itself."),
        "Retry-After": text("After how many seconds a second try is welcome."),
    })
}

/// The schema of a documented type, under its name.
pub(crate) fn named<T: Documented>() -> (String, Value) {
    (T::NAME.to_owned(), T::schema())
}

/// An answer whose body is a document of the schema `name`.
pub(crate) fn answered(description: &str, name: &str) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": pointer(name) } } })
}

/// A refusal with one of these codes; what they mean is added to it later.
pub(crate) fn refused(codes: &[Code]) -> Value {
    let slugs: Vec<&str> = codes.iter().map(|code| code.slug()).collect();
    let narrowed = json!({ "type": "object", "properties": { "code": { "type": "string", "enum": slugs } } });
    json!({
        "description": "",
        "content": { "application/problem+json": { "schema": { "allOf": [pointer(Problem::NAME), narrowed] } } },
    })
}

/// The refusals that any operation written by hand can answer with.
pub(crate) fn faults() -> Value {
    json!({ "500": refused(&[Code::Internal]), "503": refused(&[Code::Timeout]) })
}

/// Adds the members of an object.
pub(crate) fn extend(target: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        target.extend(more);
    }
}

fn value<T: serde::Serialize>(meta: &T) -> Value {
    serde_json::to_value(meta).unwrap_or_default()
}
