//! Pages of lists: `?limit=` and `?cursor=`. Other query parameters are ignored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::ids::{SessionId, UserId};

use crate::problem::{Code, Place, Problem, Reason};

/// How many items a page has when nobody says.
const DEFAULT_LIMIT: u32 = 50;
/// How many items a page has at most.
const MAX_LIMIT: u32 = 200;

/// `?limit=`: at most so many items.
pub(crate) struct Limit(pub(crate) u32);

impl<'a> ApiExtractor<'a> for Limit {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            minimum: Some(1.0),
            maximum: Some(f64::from(MAX_LIMIT)),
            default: Some(DEFAULT_LIMIT.into()),
            ..MetaSchema::new_with_format("integer", "int32")
        })))
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let limit = match parameter(request, "limit")? {
            Some(text) => read_limit(text)?,
            None => DEFAULT_LIMIT,
        };
        Ok(Self(limit))
    }
}

/// `?cursor=`: where the page before ended, unread.
pub(crate) struct Cursor(Option<String>);

impl<'a> ApiExtractor<'a> for Cursor {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            min_length: Some(1),
            max_length: Some(128),
            pattern: Some("^[A-Za-z0-9_-]+$".to_owned()),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Self(parameter(request, "cursor")?.map(str::to_owned)))
    }
}

impl Cursor {
    /// The cursor after `last` in a list that belongs to `owner`.
    pub(crate) fn after(owner: UserId, last: SessionId) -> String {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(owner.as_uuid().as_bytes());
        bytes[16..].copy_from_slice(last.as_uuid().as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The last item of the page before; a cursor of somebody else's list is as wrong as a broken one.
    pub(crate) fn read(&self, owner: UserId) -> Result<Option<SessionId>, Problem> {
        let Some(text) = &self.0 else { return Ok(None) };
        let decoded = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let wrong = || invalid("cursor", "malformed", "a cursor is the `next_cursor` of the page before");
        let bytes = decoded.ok_or_else(wrong)?;
        let (of, last) = bytes.split_at(16);
        if of != owner.as_uuid().as_bytes() {
            return Err(wrong());
        }
        let last = uuid::Uuid::from_slice(last).map_err(|_| wrong())?;
        Ok(Some(SessionId::from_uuid(last)))
    }
}

fn read_limit(text: &str) -> Result<u32, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(limit) if digits && (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(invalid("limit", "out-of-range", "a limit is a number from 1 to 200")),
    }
}

/// The raw value of a query parameter that may be given once. No value that is accepted needs percent-encoding.
pub(crate) fn parameter<'a>(request: &'a Request, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(invalid(name, "repeated", "this parameter is given once")),
    }
}

/// A query parameter that has a value it cannot have.
pub(crate) fn invalid(name: &'static str, code: &'static str, detail: &'static str) -> Problem {
    Problem::violations(Code::InvalidParameter, vec![Reason::new(code, detail).at(Place::Parameter(name))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (UserId, SessionId) {
        (UserId::from_uuid(uuid::Uuid::from_u128(1)), SessionId::from_uuid(uuid::Uuid::from_u128(2)))
    }

    #[test]
    fn a_cursor_leads_back_to_where_it_was_made() {
        let (user, session) = ids();
        let cursor = Cursor(Some(Cursor::after(user, session)));
        assert_eq!(cursor.read(user).expect("reads"), Some(session));
        assert_eq!(Cursor(None).read(user).expect("reads"), None);
    }

    #[test]
    fn b10_broken_and_foreign_cursors_are_refused() {
        let (user, session) = ids();
        let good = Cursor::after(user, session);
        let other = UserId::from_uuid(uuid::Uuid::from_u128(3));
        assert!(Cursor(Some(good.clone())).read(other).is_err());
        for broken in ["", "x", "%27", "AAAA", &good[1..], &format!("{good}="), &format!("{good}AAAA")] {
            assert!(Cursor(Some(broken.to_owned())).read(user).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_200() {
        assert_eq!(read_limit("1").expect("fine"), 1);
        assert_eq!(read_limit("200").expect("fine"), 200);
        for wrong in ["", "0", "-1", "+1", "201", "1.0", "9223372036854775808", "x", "1%20", " 1"] {
            assert!(read_limit(wrong).is_err(), "{wrong}");
        }
    }
}
