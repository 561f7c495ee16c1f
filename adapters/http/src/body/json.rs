//! JSON, read strictly: RFC 8259 in UTF-8, names unique in their object (RFC 7493 §2.3), depth limited.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::problem::{Code, Problem};

/// A JSON value, as far as a request body can need it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number; `None` when it is not a whole one from 0 on that 64 bits hold.
    Number(Option<u64>),
    String(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// Never shows what a client sent.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl Json {
    /// Reads one document and nothing after it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(bytes).map_err(|error| {
            // Messages of the parser name what it expected and where, never what it found.
            Problem::detailed(Code::MalformedJson, format!("{error}"))
        })
    }

    /// What it is, for a sentence.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

struct Strict;

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(u64::try_from(value).ok()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(Some(value)))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number(None))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element::<Json>()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((name, value)) = members.next_entry::<String, Json>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("an object has the same name twice"));
            }
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> bool {
        matches!(Json::parse(bytes), Err(problem) if problem.code == Code::MalformedJson)
    }

    #[test]
    fn what_is_not_strict_json_is_refused() {
        let deep = "[".repeat(100_000);
        let closed = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for text in [
            "",
            " ",
            "nul",
            "{",
            "{}}",
            "{} {}",
            "\u{FEFF}{}",
            "{\"a\":NaN}",
            "[1,]",
            "{'a':1}",
            "{a:1}",
            "// x\n{}",
            "01",
            "\"\t\"",
            "{\"a\":1,\"a\":2}",
            "{\"a\":{\"b\":1,\"b\":1}}",
            "\"\\ud800\"",
            deep.as_str(),
            closed.as_str(),
        ] {
            assert!(refused(text.as_bytes()), "{text:.40}");
        }
        assert!(refused(b"\"\xff\""));
        assert!(refused(b"\xfe\xff\0{\0}"));
    }

    #[test]
    fn names_are_compared_after_unescaping() {
        assert!(refused(br#"{"a":1,"\u0061":2}"#));
    }

    #[test]
    fn what_was_sent_is_never_repeated() {
        for text in [r#"{"password":"hunter2" "x"}"#, r#"{"hunter2":1,"hunter2":2}"#, "hunter2", "\"hunter2"] {
            let problem = Json::parse(text.as_bytes()).expect_err("is refused");
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
        assert_eq!(format!("{:?}", Json::String("hunter2".to_owned())), "a string");
    }

    #[test]
    fn values_keep_their_kind() {
        let json = Json::parse(br#" {"s":"\ud83d\ude00","n":-1.5e3,"z":null,"b":true,"l":[1,{"x":[]}],"o":{}} "#);
        let Ok(Json::Object(object)) = json else { panic!("an object") };
        assert_eq!(object["s"], Json::String("😀".to_owned()));
        let kinds: Vec<_> = object.values().map(Json::kind).collect();
        assert_eq!(kinds, ["a boolean", "an array", "a number", "an object", "a string", "null"]);
    }
}
