//! Parameters of paths.

use std::str::FromStr;
use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::access::RoleName;
use portcullis_domain::clients::ClientId;
use portcullis_domain::ids::{ApiKeyId, SessionId, UserId};

use crate::problem::{Code, Problem};
use crate::routes::Matched;

/// The parameter of the path that is called as the argument is: what cannot be one names nothing.
pub(crate) struct PathWord<T>(pub(crate) T);

/// What can stand in a path, in one spelling that needs no percent-encoding.
pub(crate) trait Word: FromStr + Send {
    /// What it looks like.
    fn schema() -> MetaSchema;
}

macro_rules! ids {
    ($($name:ident),*) => {$(
        impl Word for $name {
            fn schema() -> MetaSchema {
                MetaSchema::new_with_format("string", "uuid")
            }
        }
    )*};
}

ids!(UserId, SessionId, ApiKeyId);

impl Word for RoleName {
    fn schema() -> MetaSchema {
        named("^[a-z][a-z0-9._-]*$", 1, Self::MAX)
    }
}

impl Word for ClientId {
    fn schema() -> MetaSchema {
        named("^[a-z0-9][a-z0-9._-]*$", 3, 64)
    }
}

fn named(pattern: &str, shortest: usize, longest: usize) -> MetaSchema {
    MetaSchema {
        pattern: Some(pattern.to_owned()),
        min_length: Some(shortest),
        max_length: Some(longest),
        ..MetaSchema::new("string")
    }
}

impl<'a, T: Word> ApiExtractor<'a> for PathWord<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(T::schema())))
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let matched = request.data::<Arc<Matched>>();
        let segment = matched.and_then(|matched| matched.parameter(request.uri().path(), options.name));
        let word = segment.and_then(|segment| segment.parse().ok());
        Ok(Self(word.ok_or_else(|| Problem::new(Code::NotFound))?))
    }
}
