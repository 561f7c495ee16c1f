//! Which version of a thing is to be changed: `If-Match` (RFC 9110 §13.1.1) with the tag that it was read with.

use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::problem::{Code, Problem};

/// The entity tag of a version.
pub(crate) fn tag(version: u32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// `If-Match`, which must be there.
pub(crate) struct IfMatch(Expected);

/// `If-Match`, which may be there.
pub(crate) struct MaybeIfMatch(Expected);

/// What is expected to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Whichever version there is.
    Any,
    /// This one. There is no version 0: what is none of our tags is the tag of nothing.
    Version(u32),
}

impl Expected {
    /// Reads the header; `None` when it is not there.
    fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let (value, another) = (values.next(), values.next());
        let Some(value) = value else { return Ok(None) };
        let text = value.to_str().ok().filter(|text| another.is_none() && !text.contains(','));
        let Some(text) = text.map(str::trim) else {
            return Err(Problem::detailed(Code::MalformedRequest, "If-Match is one entity tag, or *"));
        };
        if text == "*" {
            return Ok(Some(Self::Any));
        }
        // RFC 9110 §13.1.1: compared strongly, so that a weak tag is nobody's.
        let Some(opaque) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return match text.strip_prefix("W/\"") {
                Some(_) => Ok(Some(Self::Version(0))),
                None => Err(Problem::detailed(Code::MalformedRequest, "If-Match is an entity tag in quotes, or *")),
            };
        };
        let version = opaque.parse::<u32>().ok().filter(|version| version.to_string() == opaque);
        Ok(Some(Self::Version(version.unwrap_or(0))))
    }

    const fn version(self) -> Option<u32> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(version),
        }
    }

    fn explain(self, problem: Problem) -> Problem {
        match self {
            Self::Version(_) if problem.code == Code::EditConflict => Problem::new(Code::VersionMismatch),
            _ => problem,
        }
    }
}

impl IfMatch {
    /// The version that is to be changed; `None` for whichever there is.
    pub(crate) const fn version(&self) -> Option<u32> {
        self.0.version()
    }

    /// What a refusal means to whoever named a version: that it was changed in between is what they wanted to know.
    pub(crate) fn explain(&self, refusal: impl Into<Problem>) -> Problem {
        self.0.explain(refusal.into())
    }
}

impl MaybeIfMatch {
    /// The version that is to be changed; `None` for whichever there is.
    pub(crate) const fn version(&self) -> Option<u32> {
        self.0.version()
    }

    /// What a refusal means, as [`IfMatch::explain`] says.
    pub(crate) fn explain(&self, refusal: impl Into<Problem>) -> Problem {
        self.0.explain(refusal.into())
    }
}

macro_rules! extracted {
    ($($name:ident, $required:literal, $absent:expr;)*) => {$(
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            const PARAM_IS_REQUIRED: bool = $required;

            type ParamType = ();
            type ParamRawType = ();

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Header)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))))
            }

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok(Self(match Expected::read(request.headers())? {
                    Some(expected) => expected,
                    None => $absent?,
                }))
            }
        }
    )*};
}

extracted! {
    IfMatch, true, Err(Problem::new(Code::PreconditionRequired));
    MaybeIfMatch, false, Ok::<_, Problem>(Expected::Any);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<Expected>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().expect("a header value"));
        }
        Expected::read(&headers).map_err(|problem| problem.code)
    }

    #[test]
    fn a_version_is_named_by_its_tag() {
        assert_eq!(tag(7), "\"7\"");
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(Expected::Any)));
        assert_eq!(read(&["\"7\""]), Ok(Some(Expected::Version(7))));
    }

    #[test]
    fn what_is_none_of_our_tags_is_no_version() {
        for tag in ["\"x\"", "\"\"", "\"07\"", "\"-1\"", "\"+7\"", "\"4294967296\"", "W/\"7\""] {
            assert_eq!(read(&[tag]), Ok(Some(Expected::Version(0))), "{tag}");
        }
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for values in [&["7"][..], &["\"7"], &["\"1\", \"2\""], &["\"1\"", "\"1\""], &["", ""], &[""]] {
            assert_eq!(read(values), Err(Code::MalformedRequest), "{values:?}");
        }
    }

    #[test]
    fn a_change_in_between_is_a_mismatch_to_whoever_named_a_version() {
        let code = |expected: Expected, code| expected.explain(Problem::new(code)).code;
        assert_eq!(code(Expected::Version(1), Code::EditConflict), Code::VersionMismatch);
        assert_eq!(code(Expected::Any, Code::EditConflict), Code::EditConflict);
        assert_eq!(code(Expected::Version(1), Code::NotFound), Code::NotFound);
    }
}
