//! What operations answer, and how the OpenAPI document says so.

mod refused;

use poem::http::header::{ETAG, LOCATION, SET_COOKIE};
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use portcullis_domain::sessions::RefreshOutcome;
use serde::Serialize;

use crate::body::JSON;
use crate::caller::Transport;
use crate::cookies::Cookies;
use crate::precondition::tag;
use crate::problem::Problem;
use crate::schema::{Documented, register, schema_ref};

pub(crate) use refused::{
    ALWAYS, BODY, BY_KEY, CALLING, CHANGING, CSRF, HASHING, IDENTIFIED, IN_PERSON, PERSONAL, Refusals, Refused, SIGNED,
    VERSIONED,
};

/// `200` with a body.
pub(crate) struct Found<T>(pub(crate) T);

/// `201` with a body, and where it is.
pub(crate) struct Created<T> {
    pub(crate) body: T,
    pub(crate) location: &'static str,
}

/// `200` with a body, and of which version it is.
pub(crate) struct Versioned<T>(pub(crate) T, pub(crate) u32);

/// `201` with a body, where it is, and of which version.
pub(crate) struct CreatedAt<T> {
    pub(crate) body: T,
    pub(crate) location: String,
    pub(crate) version: Option<u32>,
}

/// `204`.
pub(crate) struct Done;

/// `204` at the end of the session that calls: a browser forgets its cookies.
pub(crate) struct Ended(pub(crate) Option<Cookies>);

impl Ended {
    /// The end of a session whose token came this way.
    pub(crate) fn of(transport: Transport, cookies: Cookies) -> Self {
        Self((transport == Transport::Cookie).then_some(cookies))
    }
}

/// How the successor of a refresh token came about: `rotated`, `replayed`, or `reuse` when there is none.
pub(crate) const REFRESH_OUTCOME: HeaderName = HeaderName::from_static("x-refresh-outcome");
/// By this a device is known that has logged in before.
pub(crate) const DEVICE_TOKEN: HeaderName = HeaderName::from_static("x-device-token");

/// The value of [`REFRESH_OUTCOME`] on success.
pub(crate) const fn refresh_outcome(outcome: RefreshOutcome) -> HeaderValue {
    HeaderValue::from_static(match outcome {
        RefreshOutcome::Rotated => "rotated",
        RefreshOutcome::Replayed => "replayed",
    })
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => Response::builder().status(status).content_type(JSON).body(bytes),
        Err(error) => poem::Error::from(Problem::internal(error)).into_response(),
    }
}

/// A header of an answer, in the OpenAPI document.
pub(crate) fn header(name: &str, description: &str, required: bool) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    }
}

/// What `Set-Cookie` is, where a session begins, goes on or ends.
pub(crate) fn set_cookie(description: &str) -> MetaHeader {
    header("Set-Cookie", description, false)
}

fn described<T: Documented>(status: u16, description: &'static str, headers: Vec<MetaHeader>) -> MetaResponses {
    let content = vec![MetaMediaType { content_type: JSON, schema: schema_ref::<T>() }];
    let response = MetaResponse { description, status: Some(status), status_range: None, content, headers };
    MetaResponses { responses: vec![response] }
}

impl<T: Serialize + Send> IntoResponse for Found<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

impl<T: Serialize + Documented> ApiResponse for Found<T> {
    fn meta() -> MetaResponses {
        described::<T>(200, "Done; this is what there is.", Vec::new())
    }

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::CREATED, &self.body);
        response.headers_mut().insert(LOCATION, HeaderValue::from_static(self.location));
        response
    }
}

impl<T: Serialize + Documented> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        described::<T>(201, "It exists now.", vec![header("Location", "Where it is.", true)])
    }

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }
}

/// The tag of a version, in the OpenAPI document.
fn etag() -> MetaHeader {
    header("ETag", "Which version it is, for `If-Match`: it grows with every change.", true)
}

impl<T: Serialize + Send> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::OK, &self.0);
        response.headers_mut().insert(ETAG, tag(self.1));
        response
    }
}

impl<T: Serialize + Documented> ApiResponse for Versioned<T> {
    fn meta() -> MetaResponses {
        described::<T>(200, "Done; this is what there is.", vec![etag()])
    }

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for CreatedAt<T> {
    fn into_response(self) -> Response {
        let mut response = json(StatusCode::CREATED, &self.body);
        let headers = response.headers_mut();
        match HeaderValue::from_str(&self.location) {
            Ok(location) => headers.insert(LOCATION, location),
            Err(error) => return poem::Error::from(Problem::internal(error)).into_response(),
        };
        if let Some(version) = self.version {
            headers.insert(ETAG, tag(version));
        }
        response
    }
}

impl<T: Serialize + Documented> ApiResponse for CreatedAt<T> {
    fn meta() -> MetaResponses {
        let version = MetaHeader { required: false, ..etag() };
        described::<T>(201, "It exists now.", vec![header("Location", "Where it is.", true), version])
    }

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        Response::builder().status(StatusCode::NO_CONTENT).finish()
    }
}

impl ApiResponse for Done {
    fn meta() -> MetaResponses {
        done(Vec::new())
    }

    fn register(_: &mut Registry) {}
}

impl IntoResponse for Ended {
    fn into_response(self) -> Response {
        let mut response = Done.into_response();
        for cookie in self.0.iter().flat_map(|cookies| cookies.forget()) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

impl ApiResponse for Ended {
    fn meta() -> MetaResponses {
        done(vec![set_cookie(
            "The cookies of the session, empty and expired, when the request was authenticated by one.",
        )])
    }

    fn register(_: &mut Registry) {}
}

fn done(headers: Vec<MetaHeader>) -> MetaResponses {
    let content = Vec::new();
    let response = MetaResponse { description: "Done.", status: Some(204), status_range: None, content, headers };
    MetaResponses { responses: vec![response] }
}
