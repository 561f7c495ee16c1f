//! The members of a request body: everything that is wrong with them is found before anything is refused.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::problem::{Code, Place, Problem, Reason, Violation};

use super::Json;

/// The most unknown members that one answer lists.
const UNKNOWN_LISTED: usize = 32;
/// The number of violations from which on no more items of a list are looked at.
const WRONG_LISTED: usize = 32;

/// The members that are still unread, and what was wrong with the others.
#[derive(Debug)]
pub(crate) struct Fields {
    unread: BTreeMap<String, Json>,
    violations: Vec<Violation>,
}

impl Fields {
    /// The members of a document that must be an object.
    pub(crate) fn of(document: Json) -> Result<Self, Problem> {
        match document {
            Json::Object(unread) => Ok(Self { unread, violations: Vec::new() }),
            other => {
                let reason = Reason::new("wrong-type", format!("the body is {}, not an object", other.kind()));
                Err(Problem::violations(Code::ValidationFailed, vec![reason.at(Place::Pointer(String::new()))]))
            }
        }
    }

    /// A text that must be there; `None` when it is not there or `parse` refuses it.
    pub(crate) fn required<T, E: Into<Reason>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        match self.unread.remove(name) {
            Some(value) => self.text(name, value, parse),
            None => {
                self.miss(name);
                None
            }
        }
    }

    /// A text that may be absent.
    pub(crate) fn optional<T, E: Into<Reason>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.unread.remove(name)?;
        self.text(name, value, parse)
    }

    /// A text that may be absent (`None`) or null (`Some(None)`).
    pub(crate) fn nullable<T, E: Into<Reason>>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.unread.remove(name)? {
            Json::Null => Some(None),
            value => self.text(name, value, parse).map(Some),
        }
    }

    /// A boolean that may be absent.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        match self.unread.remove(name)? {
            Json::Bool(value) => Some(value),
            other => {
                self.refuse(name, wrong_type(&other, "a boolean"));
                None
            }
        }
    }

    /// A whole number in `range` that may be absent.
    pub(crate) fn whole(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.unread.remove(name)?;
        self.number(name, &value, &range)
    }

    /// An array of `length` texts that may be absent; what is wrong with an item is said at its place. An item that
    /// `parse` refuses is left out.
    pub(crate) fn list<T, E: Into<Reason>>(
        &mut self,
        name: &'static str,
        length: RangeInclusive<usize>,
        mut parse: impl FnMut(String) -> Result<T, E>,
    ) -> Option<Vec<T>> {
        let items = match self.unread.remove(name)? {
            Json::Array(items) => items,
            other => {
                self.refuse(name, wrong_type(&other, "an array"));
                return None;
            }
        };
        if items.len() > *length.end() {
            self.refuse(name, Reason::new("too-long", format!("at most {} items", length.end())));
            return None;
        }
        if items.len() < *length.start() {
            self.refuse(name, Reason::new("too-short", format!("at least {} items", length.start())));
            return None;
        }
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let parsed = match item {
                Json::String(text) => parse(text).map_err(Into::into),
                other => Err(wrong_type(&other, "a string")),
            };
            match parsed {
                Ok(value) => read.push(value),
                Err(reason) if self.violations.len() < WRONG_LISTED => {
                    self.violations.push(reason.at(Place::Pointer(format!("/{name}/{index}"))));
                }
                Err(_) => {}
            }
        }
        Some(read)
    }

    /// An object that may be absent (`None`) or null (`Some(None)`): `read` reads its members, and what is wrong with them
    /// is said at their places.
    pub(crate) fn object_nullable<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        let unread = match self.unread.remove(name)? {
            Json::Null => return Some(None),
            Json::Object(unread) => unread,
            other => {
                self.refuse(name, wrong_type(&other, "an object"));
                return None;
            }
        };
        let mut inner = Self { unread, violations: Vec::new() };
        let value = read(&mut inner);
        let violations = inner.all_violations();
        let flawed = !violations.is_empty();
        self.violations.extend(violations.into_iter().map(|violation| violation.under(name)));
        value.filter(|_| !flawed).map(Some)
    }

    /// Notes that a member must be there.
    pub(crate) fn miss(&mut self, name: &str) {
        self.refuse(name, Reason::new("required", "this member is required"));
    }

    /// Whether the member is there and unread.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.unread.contains_key(name)
    }

    /// Whether anything is wrong so far, unknown members included.
    pub(crate) fn is_flawed(&self) -> bool {
        !self.violations.is_empty() || !self.unread.is_empty()
    }

    /// Notes what is wrong with a member.
    pub(crate) fn refuse(&mut self, name: &str, reason: Reason) {
        self.violations.push(reason.at(Place::member(name)));
    }

    /// Refuses the body if anything is wrong with it; what nobody asked for is wrong too.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let violations = self.all_violations();
        if violations.is_empty() { Ok(()) } else { Err(Problem::violations(Code::ValidationFailed, violations)) }
    }

    /// What was wrong with the members that were read, and those that nobody read.
    fn all_violations(mut self) -> Vec<Violation> {
        for name in self.unread.keys().take(UNKNOWN_LISTED) {
            let reason = Reason::new("unknown-field", "there is no such member here");
            self.violations.push(reason.at(Place::member(name)));
        }
        self.violations
    }

    fn text<T, E: Into<Reason>>(
        &mut self,
        name: &'static str,
        value: Json,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = match value {
            Json::String(text) => parse(text).map_err(Into::into),
            other => Err(wrong_type(&other, "a string")),
        };
        parsed.map_err(|reason| self.refuse(name, reason)).ok()
    }

    fn number(&mut self, name: &'static str, value: &Json, range: &RangeInclusive<u64>) -> Option<u64> {
        let reason = match value {
            Json::Number(Some(number)) if range.contains(number) => return Some(*number),
            Json::Number(_) => {
                let (least, most) = (range.start(), range.end());
                Reason::new("out-of-range", format!("this is a whole number from {least} to {most}"))
            }
            other => wrong_type(other, "a number"),
        };
        self.refuse(name, reason);
        None
    }
}

fn wrong_type(found: &Json, needed: &str) -> Reason {
    Reason::new("wrong-type", format!("this is {}, not {needed}", found.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(Json::parse(text.as_bytes()).expect("JSON")).expect("an object")
    }

    fn any(text: String) -> Result<String, Reason> {
        Ok(text)
    }

    fn none(_: String) -> Result<String, Reason> {
        Err(Reason::new("malformed", "no"))
    }

    #[test]
    fn all_violations_are_found_at_once() {
        let mut fields = fields(r#"{"number":1,"null":null,"bad":"x","good":"y","z/~":1,"extra":{}}"#);
        assert_eq!(fields.required("missing", any), None);
        assert_eq!(fields.required("number", any), None);
        assert_eq!(fields.required("null", any), None);
        assert_eq!(fields.required("bad", none), None);
        assert_eq!(fields.required("good", any).as_deref(), Some("y"));
        let problem = fields.finish().expect_err("is refused");
        let rendered = serde_json::to_string(&problem.errors()).expect("serializes");
        let expected = [
            r#"{"pointer":"/missing","code":"required","detail":"this member is required"}"#,
            r#"{"pointer":"/number","code":"wrong-type","detail":"this is a number, not a string"}"#,
            r#"{"pointer":"/null","code":"wrong-type","detail":"this is null, not a string"}"#,
            r#"{"pointer":"/bad","code":"malformed","detail":"no"}"#,
            r#"{"pointer":"/extra","code":"unknown-field","detail":"there is no such member here"}"#,
            r#"{"pointer":"/z~1~0","code":"unknown-field","detail":"there is no such member here"}"#,
        ];
        assert_eq!(rendered, format!("[{}]", expected.join(",")));
    }

    #[test]
    fn absent_null_and_text_are_three_things() {
        let mut fields = fields(r#"{"null":null,"text":"x"}"#);
        assert_eq!(fields.nullable("absent", any), None);
        assert_eq!(fields.nullable("null", any), Some(None));
        assert_eq!(fields.nullable("text", any), Some(Some("x".to_owned())));
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn booleans_numbers_and_lists_are_read_as_what_they_are() {
        let mut good = fields(r#"{"flag":true,"number":3,"list":["x","y"]}"#);
        assert_eq!(good.flag("flag"), Some(true));
        assert_eq!(good.flag("absent"), None);
        assert_eq!(good.whole("number", 1..=3), Some(3));
        assert_eq!(good.list("list", 1..=2, any), Some(vec!["x".to_owned(), "y".to_owned()]));
        assert!(good.finish().is_ok());
    }

    #[test]
    fn what_is_wrong_in_an_object_is_said_at_its_place() {
        let number = |inner: &mut Fields| inner.whole("number", 1..=3);
        let mut good = fields(r#"{"null":null,"object":{"number":3}}"#);
        assert_eq!(good.object_nullable("null", number), Some(None));
        assert_eq!(good.object_nullable("absent", number), None);
        assert_eq!(good.object_nullable("object", number), Some(Some(3)));
        assert!(good.finish().is_ok());
        let mut wrong = fields(r#"{"text":"x","object":{"number":4,"a/b":1},"more":{"number":1,"extra":1}}"#);
        for name in ["text", "object", "more"] {
            assert_eq!(wrong.object_nullable(name, number), None, "{name}");
        }
        let problem = wrong.finish().expect_err("is refused");
        let found: Vec<_> = problem.errors().iter().map(|error| (error.place.clone(), error.code)).collect();
        let at = |place: &str, code| (Place::Pointer(place.to_owned()), code);
        let expected = [
            at("/text", "wrong-type"),
            at("/object/number", "out-of-range"),
            at("/object/a~1b", "unknown-field"),
            at("/more/extra", "unknown-field"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_wrong_with_an_item_is_said_at_its_place() {
        let text = r#"{"flag":"true","number":4,"half":1.5,"list":["x",1],"long":["x","y","z"],"short":[],"text":"x"}"#;
        let mut fields = fields(text);
        assert_eq!(fields.flag("flag"), None);
        assert_eq!(fields.whole("number", 1..=3), None);
        assert_eq!(fields.whole("half", 1..=3), None);
        assert_eq!(fields.list("list", 1..=2, any), Some(vec!["x".to_owned()]));
        assert_eq!(fields.list("long", 0..=2, any), None);
        assert_eq!(fields.list("short", 1..=2, any), None);
        assert_eq!(fields.list("text", 0..=2, any), None);
        let problem = fields.finish().expect_err("is refused");
        let found: Vec<_> = problem.errors().iter().map(|error| (error.place.clone(), error.code)).collect();
        let at = |place: &str, code| (Place::Pointer(place.to_owned()), code);
        let expected = [
            at("/flag", "wrong-type"),
            at("/number", "out-of-range"),
            at("/half", "out-of-range"),
            at("/list/1", "wrong-type"),
            at("/long", "too-long"),
            at("/short", "too-short"),
            at("/text", "wrong-type"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_as_a_whole() {
        for text in ["null", "[]", "\"x\"", "1", "true"] {
            let problem = Fields::of(Json::parse(text.as_bytes()).expect("JSON")).expect_err("is refused");
            assert_eq!(problem.code, Code::ValidationFailed);
            assert_eq!(problem.errors()[0].place, Place::Pointer(String::new()));
        }
    }

    #[test]
    fn the_list_of_unknown_members_is_bounded() {
        let members: Vec<String> = (0..5_000).map(|n| format!("\"m{n}\":0")).collect();
        let problem = fields(&format!("{{{}}}", members.join(","))).finish().expect_err("is refused");
        assert_eq!(problem.errors().len(), UNKNOWN_LISTED);
    }
}
