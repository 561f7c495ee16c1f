//! The pages behind links, and their script and style: our own files, and nothing from elsewhere.

use std::sync::{Arc, LazyLock};

use poem::endpoint::{make, make_sync};
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use serde_json::{Value, json};

use crate::documents::{CACHED, HTML, OWN_FILES, answer, tag_of};
use crate::openapi::{faults, refused};
use crate::problem::{Code, Problem};
use crate::routes::Routes;
use crate::state::State;

/// The page of the first administrator.
const SETUP: &str = "/setup";
/// The page on which somebody chooses a password.
pub(crate) const SET_PASSWORD: &str = "/set-password";

/// The files that the pages need: path, media type, text.
const FILES: [(&str, &str, &str); 2] = [
    ("/setup/link.js", "text/javascript; charset=utf-8", include_str!("link.js")),
    ("/setup/link.css", "text/css; charset=utf-8", include_str!("link.css")),
];

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const NO_ROBOTS: HeaderValue = HeaderValue::from_static("noindex, nofollow");

/// Adds the pages.
pub(super) fn add_routes(routes: &mut Routes, state: &Arc<State>) {
    let state = state.clone();
    let setup = make(move |_| {
        let state = state.clone();
        async move { setup_page(&state).await }
    });
    routes.add(Method::GET, SETUP, setup);
    let set_password = make_sync(|_| page(StatusCode::OK, include_str!("set_password.html")));
    routes.add(Method::GET, SET_PASSWORD, set_password);
    for (path, media_type, text) in FILES {
        let known = LazyLock::new(move || (text.to_owned(), tag_of(text.as_bytes())));
        routes.add(Method::GET, path, make_sync(move |request: Request| file(&request, media_type, &known)));
    }
}

/// The form while there is no administrator; afterwards nothing but the word that it is over.
async fn setup_page(state: &State) -> poem::Result<Response> {
    let is_open = state.app.administration.needs_set_up().await.map_err(Problem::from)?;
    Ok(if is_open {
        page(StatusCode::OK, include_str!("setup.html"))
    } else {
        page(StatusCode::GONE, include_str!("closed.html"))
    })
}

/// A page that nobody keeps and no search engine lists.
fn page(status: StatusCode, html: &'static str) -> Response {
    let mut response = Response::builder().status(status).content_type(HTML).body(html);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, OWN_FILES);
    headers.insert(ROBOTS, NO_ROBOTS);
    response
}

fn file(request: &Request, media_type: &str, known: &(String, HeaderValue)) -> Response {
    let mut response = answer(request, media_type, known);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    response
}

/// The pages in the OpenAPI document.
pub(crate) fn paths() -> Value {
    let html = |description: &str| json!({ "description": description, "content": { "text/html": { "schema": { "type": "string" } } } });
    let operation = |id: &str, summary: &str, description: &str| {
        let mut responses = faults();
        responses["200"] = html("The page.");
        json!({
            "tags": ["Setup"], "operationId": id, "summary": summary, "description": description, "responses": responses,
        })
    };
    let about = "For people: the secret of the link is in its fragment, which no browser sends.";
    let mut setup = operation("setUpPage", "The page of the first administrator", about);
    setup["responses"]["410"] = html("There is an administrator already.");
    setup["responses"]["503"] = refused(&[Code::Timeout, Code::Unavailable]);
    json!({
        SETUP: { "get": setup },
        SET_PASSWORD: { "get": operation("setPasswordPage", "The page on which somebody chooses a password", about) },
    })
}
