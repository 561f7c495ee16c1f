//! Request bodies in JSON: read strictly, described in the OpenAPI document.

mod bytes;
mod fields;
mod json;

use std::marker::PhantomData;

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::schema::{Documented, reference, register};

pub(crate) use bytes::{read, read_any};
pub(crate) use fields::Fields;
pub(crate) use json::Json;

/// `application/json`.
pub(crate) const JSON: &str = "application/json";
/// A merge patch (RFC 7396).
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// The members of a JSON body of the documented form `T`.
pub(crate) struct Body<T> {
    pub(crate) fields: Fields,
    form: PhantomData<T>,
}

/// No body, where an operation asks for none: an empty object will do, and any member is an unknown one.
pub(crate) struct NoBody;

impl<'a> FromRequest<'a> for NoBody {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let bytes = read_any(request, body).await?;
        if !bytes.trim_ascii().is_empty() {
            Fields::of(Json::parse(&bytes)?)?.finish()?;
        }
        Ok(Self)
    }
}

/// A documented form of request bodies.
pub(crate) trait Form: Documented {
    /// The media types in which it is accepted.
    const MEDIA_TYPES: &'static [&'static str] = &[JSON];
}

impl<'a, T: Form> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register::<T>(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let media = |&content_type| MetaMediaType { content_type, schema: MetaSchemaRef::Reference(reference::<T>()) };
        Some(MetaRequest { description: None, content: T::MEDIA_TYPES.iter().map(media).collect(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = read(request, body, T::MEDIA_TYPES).await?;
        let fields = Fields::of(Json::parse(&bytes)?)?;
        Ok(Self { fields, form: PhantomData })
    }
}
