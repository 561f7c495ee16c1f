//! Pages of lists: `?limit=` and `?cursor=`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use portcullis_domain::ports::security::Mac;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Code, Place, Problem, Reason, Violation};
use crate::routes::Matched;
use crate::schema::Documented;

/// How many items a page has when nobody says.
const DEFAULT_LIMIT: u32 = 50;
/// How many items a page has at most.
pub(crate) const MAX_LIMIT: u32 = 200;

/// The most unknown parameters that one answer lists, and the longest name that is repeated.
const UNKNOWN_LISTED: usize = 16;
const UNKNOWN_LENGTH: usize = 32;

/// The most characters of a cursor.
const MAX_CURSOR: usize = 1024;
/// How many bytes of a cursor prove that it is ours.
const TAG_BYTES: usize = 32;
/// What the master key proves there.
const PURPOSE: &str = "list cursor";

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
            max_length: Some(MAX_CURSOR),
            pattern: Some("^[A-Za-z0-9_-]+$".to_owned()),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Self(parameter(request, "cursor")?.map(str::to_owned)))
    }
}

impl Cursor {
    /// The place after which the page begins; `None` for the first one. A cursor of another list, of other filters or of
    /// another order is as wrong as a broken one.
    pub(crate) fn read<P: DeserializeOwned>(&self, list: &List<'_>) -> Result<Option<P>, Problem> {
        let Some(text) = &self.0 else { return Ok(None) };
        let wrong =
            || invalid("cursor", "malformed", "a cursor is the `next_cursor` of the page before, of the same list");
        let bytes =
            Some(text).filter(|text| text.len() <= MAX_CURSOR).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let bytes = bytes.ok_or_else(wrong)?;
        let (tag, place) = bytes.split_at_checked(TAG_BYTES).ok_or_else(wrong)?;
        if !list.mac.verify(PURPOSE, &list.bound(place), tag) {
            return Err(wrong());
        }
        serde_json::from_slice(place).map(Some).map_err(|_| wrong())
    }
}

/// A list, as far as a cursor belongs to it: its name, and whatever else decides what is in it and in which order.
pub(crate) struct List<'a> {
    mac: &'a dyn Mac,
    bound: Vec<u8>,
}

impl<'a> List<'a> {
    /// The list of this name.
    pub(crate) fn new(name: &'static str, mac: &'a dyn Mac) -> Self {
        Self { mac, bound: Vec::new() }.of(name)
    }

    /// Only what this says: whose it is, a filter, the order. What is said in another order is another list.
    #[must_use]
    pub(crate) fn of(mut self, part: impl AsRef<str>) -> Self {
        let part = part.as_ref().as_bytes();
        self.bound.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.bound.extend_from_slice(part);
        self
    }

    /// The same with a filter that need not be there: without it is not the same as with an empty one.
    #[must_use]
    pub(crate) fn of_maybe(self, part: Option<impl AsRef<str>>) -> Self {
        match part {
            Some(part) => self.of("+").of(part),
            None => self.of("-"),
        }
    }

    /// The cursor behind a place. Nobody can make one without the master key.
    pub(crate) fn cursor<P: Serialize>(&self, place: &P) -> Result<String, Problem> {
        let place = serde_json::to_vec(place).map_err(Problem::internal)?;
        let tag = self.mac.tag(PURPOSE, &self.bound(&place));
        Ok(URL_SAFE_NO_PAD.encode([&tag[..], &place].concat()))
    }

    fn bound(&self, place: &[u8]) -> Vec<u8> {
        [&self.bound, place].concat()
    }
}

/// A page of a set that is small enough to be read in whole: what comes after the cursor, in the order of `key`.
pub(crate) fn cut<T, K: Ord + Serialize + DeserializeOwned>(
    mut items: Vec<T>,
    key: impl Fn(&T) -> K,
    list: &List<'_>,
    limit: &Limit,
    cursor: &Cursor,
) -> Result<Paged<Vec<T>>, Problem> {
    if let Some(after) = cursor.read::<K>(list)? {
        items.retain(|item| key(item) > after);
    }
    items.sort_by_cached_key(&key);
    let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
    let is_last = items.len() <= limit;
    items.truncate(limit);
    let last = items.last().filter(|_| !is_last);
    let next_cursor = last.map(|last| list.cursor(&key(last))).transpose()?;
    Ok(Paged { list: items, next_cursor })
}

/// What a page lists, and where the next one begins.
#[derive(Serialize)]
pub(crate) struct Paged<L> {
    #[serde(flatten)]
    list: L,
    next_cursor: Option<String>,
}

impl<L> Paged<L> {
    /// The same page, its list told otherwise.
    pub(crate) fn map<M>(self, told: impl FnOnce(L) -> M) -> Paged<M> {
        Paged { list: told(self.list), next_cursor: self.next_cursor }
    }
}

impl<L: Documented> Documented for Paged<L> {
    const NAME: &'static str = L::NAME;

    fn schema() -> Value {
        L::schema()
    }
}

fn read_limit(text: &str) -> Result<u32, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(limit) if digits && (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(invalid("limit", "out-of-range", "a limit is a number from 1 to 200")),
    }
}

/// The raw value of a query parameter that may be given once. No value that is accepted needs percent-encoding. Where an
/// operation has parameters, one that it does not have is refused: a filter with a slip in its name would let everything through.
pub(crate) fn parameter<'a>(request: &'a Request, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let pairs = || query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    if let Some(matched) = request.data::<Arc<Matched>>() {
        let unknown = pairs().map(|(key, _)| key).filter(|key| !key.is_empty() && !matched.may_have(key));
        let unknown: Vec<Violation> = unknown.take(UNKNOWN_LISTED).map(unknown_parameter).collect();
        if !unknown.is_empty() {
            return Err(Problem::violations(Code::InvalidParameter, unknown));
        }
    }
    let mut values = pairs().filter(|(key, _)| *key == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(invalid(name, "repeated", "this parameter is given once")),
    }
}

/// Named only when it may be the name of a parameter: nothing else of a request is repeated.
fn unknown_parameter(key: &str) -> Violation {
    let named = key.len() <= UNKNOWN_LENGTH && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let name = if named { key.to_owned() } else { "?".to_owned() };
    Reason::new("unknown-parameter", "there is no such parameter here").at(Place::Parameter(name.into()))
}

/// A query parameter that has a value it cannot have.
pub(crate) fn invalid(name: &'static str, code: &'static str, detail: &'static str) -> Problem {
    Problem::violations(Code::InvalidParameter, vec![Reason::new(code, detail).at(Place::Parameter(name.into()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not a good one: the key, the purpose and the message folded together.
    struct Folded(u8);

    impl Mac for Folded {
        fn tag(&self, purpose: &'static str, message: &[u8]) -> [u8; 32] {
            let mut tag = [self.0; 32];
            for (index, byte) in purpose.bytes().chain(message.iter().copied()).enumerate() {
                let place = &mut tag[index % 32];
                *place = place.rotate_left(3) ^ byte;
            }
            tag
        }
    }

    #[test]
    fn a_cursor_leads_back_to_where_it_was_made() {
        let list = List::new("things", &Folded(1)).of("owner").of_maybe(Some("filter"));
        for place in [("2026-01-31T12:00:00Z", 7), ("Größe\u{0}", 0)] {
            let cursor = Cursor(Some(list.cursor(&place).expect("a cursor")));
            let read: Option<(String, i32)> = cursor.read(&list).expect("reads");
            assert_eq!(read, Some((place.0.to_owned(), place.1)));
        }
        assert_eq!(Cursor(None).read::<i32>(&list).expect("reads"), None);
    }

    #[test]
    fn b10_broken_and_foreign_cursors_are_refused() {
        let mac = Folded(1);
        let list = || List::new("things", &mac);
        let good = list().of("a").cursor(&7).expect("a cursor");
        let read = |text: &str, list: &List<'_>| Cursor(Some(text.to_owned())).read::<i32>(list);
        assert_eq!(read(&good, &list().of("a")).expect("reads"), Some(7));
        let others = [
            list(),
            list().of("b"),
            list().of("a").of(""),
            list().of_maybe(Some("a")),
            list().of_maybe(None::<&str>),
            List::new("thing", &mac).of("sa"),
            List::new("things", &Folded(2)).of("a"),
        ];
        for other in &others {
            assert!(read(&good, other).is_err());
        }
        let list = list().of("a");
        assert!(Cursor(Some(good.clone())).read::<String>(&list).is_err(), "a place of another kind");
        let long = "A".repeat(MAX_CURSOR + 1);
        for broken in ["", "x", "%27", "AAAA", &good[1..], &format!("{good}="), &format!("{good}AAAA"), &long] {
            assert!(read(broken, &list).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_set_that_is_read_in_whole_is_told_in_pages_whatever_order_it_came_in() {
        let mac = Folded(1);
        let list = List::new("things", &mac);
        let (mut cursor, mut told) = (Cursor(None), Vec::new());
        loop {
            let things = ["d", "a", "c", "e", "b"].map(str::to_owned).to_vec();
            let page = cut(things, Clone::clone, &list, &Limit(2), &cursor).expect("a page");
            assert!((1..=2).contains(&page.list.len()));
            told.extend(page.list);
            match page.next_cursor {
                Some(next) => cursor = Cursor(Some(next)),
                None => break,
            }
        }
        assert_eq!(told, ["a", "b", "c", "d", "e"]);
        let all = cut(vec![2, 1], |thing| *thing, &list, &Limit(2), &Cursor(None)).expect("a page");
        assert_eq!((all.list, all.next_cursor), (vec![1, 2], None));
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
