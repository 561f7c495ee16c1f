//! Limits in the OpenAPI document.

use poem::http::Method;
use serde_json::{Map, Value, json};

use crate::problem::{Code, Problem};
use crate::schema::{Documented, pointer};

use super::Rule;

/// Where the codes stand in a documented refusal.
const CODES: &str = "/content/application~1problem+json/schema/allOf/1/properties/code/enum";

/// Adds to an operation of this path what its limit can answer; `method` as the document writes it.
pub(crate) fn describe(method: &str, path: &str, operation: &mut Value) {
    let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else { return };
    // An API key may have a limit of its own, wherever it is taken.
    let takes_keys = operation.pointer("/responses/429").is_some();
    if Rule::of(&method, path) == Rule::Free && !takes_keys {
        return;
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    if path.starts_with("/oauth2/") {
        responses.insert("429".to_owned(), oauth());
    } else {
        let refused = responses.entry("429").or_insert_with(problem);
        let limited = Value::from(Code::RateLimited.slug());
        if let Some(codes) = refused.pointer_mut(CODES).and_then(Value::as_array_mut)
            && !codes.contains(&limited)
        {
            codes.insert(0, limited);
        }
    }
    for response in responses.values_mut() {
        for name in ["RateLimit", "RateLimit-Policy"] {
            response["headers"][name] = json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
}

fn problem() -> Value {
    let code = json!({ "type": "object", "properties": { "code": { "type": "string", "enum": [] } } });
    let schema = json!({ "allOf": [pointer(Problem::NAME), code] });
    json!({ "description": "Refused.", "content": { "application/problem+json": { "schema": schema } } })
}

fn oauth() -> Value {
    json!({
        "description": "`temporarily_unavailable`: too many requests; try again after `Retry-After` seconds.",
        "content": { "application/json": { "schema": pointer("OAuthError") } },
    })
}

/// The headers that [`describe`] refers to. They are not required: a limit can be turned off.
pub(crate) fn headers() -> Map<String, Value> {
    let text = |about: &str, example: &str| json!({ "description": about, "schema": { "type": "string" }, "example": example });
    let policy = text(
        "The limit that the request falls under: its name (`login`, `register`, `refresh`, `introspect`, `change` for what \
         changes the own account, `manage` for what changes what belongs to others, `other`, `client` \
         for credentials that are not known, `export` for what an account writes out, or `api-key` for the limit \
         of the API key that calls, beside the other one), how many at once (`q`), and in how many seconds (`w`) as many again.",
        "\"login\";q=300;w=150",
    );
    let limit = text(
        "What is left of it: how many now (`r`), and all of them again after how many seconds (`t`).",
        "\"login\";r=299;t=1",
    );
    [("RateLimit-Policy".to_owned(), policy), ("RateLimit".to_owned(), limit)].into_iter().collect()
}
