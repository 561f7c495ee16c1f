//! The members of a request body: everything that is wrong with them is found before anything is refused.

use std::collections::BTreeMap;

use crate::problem::{Code, Place, Problem, Reason, Violation};

use super::Json;

/// The most unknown members that one answer lists.
const UNKNOWN_LISTED: usize = 32;

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
                self.refuse(name, Reason::new("required", "this member is required"));
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
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for name in self.unread.keys().take(UNKNOWN_LISTED) {
            let reason = Reason::new("unknown-field", "there is no such member here");
            self.violations.push(reason.at(Place::member(name)));
        }
        if self.violations.is_empty() {
            return Ok(());
        }
        Err(Problem::violations(Code::ValidationFailed, self.violations))
    }

    fn text<T, E: Into<Reason>>(
        &mut self,
        name: &'static str,
        value: Json,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = match value {
            Json::String(text) => parse(text).map_err(Into::into),
            other => Err(Reason::new("wrong-type", format!("this is {}, not a string", other.kind()))),
        };
        parsed.map_err(|reason| self.refuse(name, reason)).ok()
    }
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
