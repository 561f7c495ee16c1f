//! The documents for people and their tools: the OpenAPI document, a page that shows it, what each problem means, and
//! the contract of the events.

mod asyncapi;
mod problems;
mod schemas;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};

use poem::endpoint::make_sync;
use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use serde_json::{Value, json};

use crate::body::JSON;
use crate::openapi::{document, extend, faults};
use crate::routes::Routes;
use crate::settings::HttpSettings;

pub use asyncapi::asyncapi;

/// The path of the OpenAPI document.
const OPENAPI: &str = "/openapi.json";
/// The path of the AsyncAPI document.
const ASYNCAPI: &str = "/asyncapi.json";
/// The path of the page that shows the OpenAPI document.
pub(crate) const DOCS: &str = "/docs";
/// The path of the page that explains the problems.
const PROBLEMS: &str = "/docs/problems";

/// The media type of a page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";
/// What changes with the program only.
pub(crate) const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");
const ANYBODY: HeaderValue = HeaderValue::from_static("*");
/// Our own files and nothing else; no inline script or style.
pub(crate) const OWN_FILES: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Makes the text of a document.
type Make = Box<dyn FnOnce() -> String + Send>;

/// Adds the documents. Each is made when it is first asked for: most services are never asked.
pub(crate) fn add_routes(routes: &mut Routes, settings: &Arc<HttpSettings>) {
    schemas::add_routes(routes, settings);
    let (for_openapi, for_asyncapi) = (settings.clone(), settings.clone());
    let pages: [(&str, &str, Make); 6] = [
        (OPENAPI, JSON, Box::new(move || document(&for_openapi).to_string())),
        (ASYNCAPI, JSON, Box::new(move || asyncapi::document(&for_asyncapi).to_string())),
        (DOCS, HTML, Box::new(|| include_str!("docs.html").to_owned())),
        ("/docs/docs.js", "text/javascript; charset=utf-8", Box::new(|| include_str!("docs.js").to_owned())),
        ("/docs/docs.css", "text/css; charset=utf-8", Box::new(|| include_str!("docs.css").to_owned())),
        (PROBLEMS, HTML, Box::new(problems::page)),
    ];
    for (path, media_type, make) in pages {
        let page = LazyLock::new(move || {
            let text = make();
            let tag = tag_of(text.as_bytes());
            (text, tag)
        });
        let endpoint = make_sync(move |request: Request| serve(&request, media_type, &page));
        if path == ASYNCAPI {
            routes.add_for_everybody(path, endpoint);
        } else {
            routes.add(Method::GET, path, endpoint);
        }
    }
}

fn serve(request: &Request, media_type: &str, page: &(String, HeaderValue)) -> Response {
    let mut response = answer(request, media_type, page);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHED);
    headers.insert(header::CONTENT_SECURITY_POLICY, OWN_FILES);
    if request.uri().path() == ASYNCAPI {
        // Tools read it in a browser; it tells nothing that is not for everybody.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    }
    response
}

/// The text with its tag, or that it is known already.
pub(crate) fn answer(request: &Request, media_type: &str, (text, tag): &(String, HeaderValue)) -> Response {
    let mut response = if not_modified(request.headers(), tag) {
        Response::builder().status(StatusCode::NOT_MODIFIED).finish()
    } else {
        Response::builder().content_type(media_type).body(text.clone())
    };
    response.headers_mut().insert(header::ETAG, tag.clone());
    response
}

/// A strong entity tag (RFC 9110 §8.8.3): a digest of the bytes.
pub(crate) fn tag_of(bytes: &[u8]) -> HeaderValue {
    let tag = format!("\"{}\"", digest_of(bytes));
    HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// By this equal bytes are known: 32 hexadecimal digits, the same on every replica. Not for secrets.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let lane = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, bytes).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", lane(0), lane(1))
}

/// Whether `If-None-Match` names the tag, compared weakly, or anything at all (RFC 9110 §13.1.2).
pub(crate) fn not_modified(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes())
}

/// The operations in the OpenAPI document.
pub(crate) fn paths() -> Value {
    let operation = |id: &str, summary: &str, media_type: &str, schema: Value| {
        let mut responses = faults();
        responses["200"] = json!({ "description": "Here it is.", "content": { media_type: { "schema": schema } } });
        responses["304"] = json!({ "description": "It is what `If-None-Match` says." });
        let condition = json!({
            "name": "If-None-Match", "in": "header", "schema": { "type": "string" },
            "description": "The `ETag` of what is known already.",
        });
        json!({ "get": {
            "tags": ["Metadata"], "operationId": id, "summary": summary,
            "parameters": [condition], "responses": responses,
        } })
    };
    let mut paths = json!({
        OPENAPI: operation("openapi", "This document", "application/json", json!({ "type": "object" })),
        DOCS: operation("docs", "This document as a page", "text/html", json!({ "type": "string" })),
        PROBLEMS: operation("problems", "What each problem means", "text/html", json!({ "type": "string" })),
        ASYNCAPI: operation("asyncapi", "The events as an AsyncAPI 3 document", "application/json", json!({ "type": "object" })),
    });
    if let Some(paths) = paths.as_object_mut() {
        extend(paths, schemas::paths());
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_among_many() {
        let tag = tag_of(b"text");
        assert_ne!(tag, tag_of(b"Text"));
        let quoted = tag.to_str().expect("text");
        for (value, expected) in [
            (quoted.to_owned(), true),
            (format!("W/{quoted}"), true),
            (format!("\"x\", {quoted}"), true),
            ("*".to_owned(), true),
            ("\"x\"".to_owned(), false),
            (quoted.trim_matches('"').to_owned(), false),
            (String::new(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().expect("a header value"));
            assert_eq!(not_modified(&headers, &tag), expected, "{value}");
        }
        assert!(!not_modified(&HeaderMap::new(), &tag));
    }
}
