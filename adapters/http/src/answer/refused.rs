//! What operations refuse with, and how the OpenAPI document says so.

use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};

use crate::problem::{Code, PROBLEM_JSON, Problem};
use crate::schema::{register, schema_ref};

/// The problems that an operation can answer with.
pub(crate) trait Refusals: Send + Sync + 'static {
    /// Groups of codes.
    const CODES: &'static [&'static [Code]];
}

/// What can go wrong anywhere.
pub(crate) const ALWAYS: &[Code] = &[Code::Internal, Code::Unavailable, Code::Timeout];
/// What can go wrong where a proxy asks who calls.
pub(crate) const IDENTIFIED: &[Code] =
    &[Code::Unauthenticated, Code::MalformedRequest, Code::ReadOnly, Code::AddressNotAllowed, Code::RateLimited];
/// What can go wrong where an access token has to be a user's.
pub(crate) const SIGNED: &[Code] = &[Code::Unauthenticated, Code::MalformedRequest, Code::UserRequired];
/// What can go wrong where an access token has to be presented by its user.
pub(crate) const PERSONAL: &[Code] =
    &[Code::Unauthenticated, Code::MalformedRequest, Code::UserRequired, Code::Impersonated];
/// What can go wrong where an API key or an access token will do; a key may have a limit of its own.
pub(crate) const CALLING: &[Code] =
    &[Code::Unauthenticated, Code::MalformedRequest, Code::NotPermitted, Code::AddressNotAllowed, Code::RateLimited];
/// What can go wrong where only a user will do, in person.
pub(crate) const IN_PERSON: &[Code] =
    &[Code::Unauthenticated, Code::MalformedRequest, Code::UserRequired, Code::Impersonated, Code::NotPermitted];
/// What can go wrong where only an API key will do.
pub(crate) const BY_KEY: &[Code] =
    &[Code::Unauthenticated, Code::MalformedRequest, Code::AddressNotAllowed, Code::RateLimited];
/// What can go wrong where a cookie may not be enough.
pub(crate) const CSRF: &[Code] = &[Code::CsrfFailed];
/// What can go wrong where something is changed: a cookie may not be enough, and somebody who acts as another user may
/// only look.
pub(crate) const CHANGING: &[Code] = &[Code::CsrfFailed, Code::ReadOnly];
/// What can go wrong where a version is named.
pub(crate) const VERSIONED: &[Code] = &[Code::VersionMismatch, Code::EditConflict];
/// What can go wrong where passwords are hashed.
pub(crate) const HASHING: &[Code] = &[Code::Overloaded];
/// What can go wrong with a JSON body.
pub(crate) const BODY: &[Code] = &[
    Code::MalformedJson,
    Code::MalformedRequest,
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::ValidationFailed,
];

/// A refusal with one of the problems that `R` lists.
pub(crate) struct Refused<R>(Problem, PhantomData<R>);

impl<R, E: Into<Problem>> From<E> for Refused<R> {
    fn from(error: E) -> Self {
        Self(error.into(), PhantomData)
    }
}

impl<R> From<Refused<R>> for poem::Error {
    fn from(refused: Refused<R>) -> Self {
        refused.0.into()
    }
}

impl<R: Refusals> ApiResponse for Refused<R> {
    fn meta() -> MetaResponses {
        let mut codes: Vec<Code> = R::CODES.iter().flat_map(|group| group.iter().copied()).collect();
        codes.sort_unstable();
        codes.dedup();
        let responses = codes.chunk_by(|a, b| a.status() == b.status()).map(refusal).collect();
        MetaResponses { responses }
    }

    fn register(registry: &mut Registry) {
        register::<Problem>(registry);
    }
}

fn refusal(codes: &[Code]) -> MetaResponse {
    let code =
        MetaSchema { enum_items: codes.iter().map(|code| code.slug().into()).collect(), ..MetaSchema::new("string") };
    let narrowed =
        MetaSchema { properties: vec![("code", MetaSchemaRef::Inline(Box::new(code)))], ..MetaSchema::new("object") };
    let schema = MetaSchema {
        all_of: vec![schema_ref::<Problem>(), MetaSchemaRef::Inline(Box::new(narrowed))],
        ..MetaSchema::ANY
    };
    let content = vec![MetaMediaType { content_type: PROBLEM_JSON, schema: MetaSchemaRef::Inline(Box::new(schema)) }];
    let status = codes.first().map(|code| code.status().as_u16());
    // The document gets the titles of the codes at the end.
    MetaResponse { description: "Refused.", status, status_range: None, content, headers: Vec::new() }
}
