//! One large JSON document with a list of users in it, read user by user.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, Read};

use portcullis_domain::accounts::Import;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::members::Object;
use super::{Broken, MAX_ROW, Place, Row, Taker};

type Reader<'a> = &'a dyn Fn(&Object) -> Result<Import, String>;

/// Reads the users of a document: the list `member` of an object, or the document itself when that is a list.
pub(super) fn read(
    input: impl BufRead,
    member: &'static str,
    account: Reader<'_>,
    take: Taker<'_>,
) -> Result<(), Broken> {
    let allowance = Cell::new(None);
    let state = State { user: Cell::new(0), stopped: Cell::new(false), found: Cell::new(false), allowance: &allowance };
    let mut json = serde_json::Deserializer::from_reader(Bounded { input, allowance: &allowance });
    let read = Document { state: &state, member, account, take }.deserialize(&mut json).and_then(|()| {
        allowance.set(None);
        json.end()
    });
    let user = state.user.get();
    match read {
        _ if state.stopped.get() => Err(Broken::Stopped),
        Ok(()) if !state.found.get() => Err(Broken::Structure(format!("there is no list {member} in this document"))),
        Ok(()) => Ok(()),
        Err(error) => Err(match (error.classify(), error.io_error_kind()) {
            (_, Some(io::ErrorKind::FileTooLarge)) => Broken::Structure(format!("user {user}: is longer than 1 MiB")),
            (Category::Io, _) => Broken::Io(error.into()),
            (Category::Eof, _) => Broken::Structure(format!("the document ends too early, after user {user}")),
            // Of our own making, without a value.
            (Category::Data, _) if error.to_string().starts_with(OURS) => {
                Broken::Structure(error.to_string().trim_start_matches(OURS).to_owned())
            }
            (Category::Data | Category::Syntax, _) => {
                let (line, column) = (error.line(), error.column());
                Broken::Structure(format!("this is not the JSON that is expected, from line {line} column {column} on"))
            }
        }),
    }
}

/// Marks complaints that repeat no value.
const OURS: &str = "portcullis: ";

struct State<'a> {
    user: Cell<u64>,
    stopped: Cell<bool>,
    found: Cell<bool>,
    allowance: &'a Cell<Option<usize>>,
}

struct Document<'a, 'b> {
    state: &'a State<'a>,
    member: &'static str,
    account: Reader<'a>,
    take: Taker<'b>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with a list of {}", self.member)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { state, member, account, take } = self;
        loop {
            state.allowance.set(Some(MAX_ROW));
            let Some(name) = map.next_key::<String>()? else { return Ok(()) };
            state.allowance.set(None);
            if name != member {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if state.found.replace(true) {
                return Err(Error::custom(format!("{OURS}the list {member} is there twice")));
            }
            map.next_value_seed(List { state, account, take: &mut *take })?;
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let Self { state, account, take, .. } = self;
        state.found.set(true);
        List { state, account, take }.visit_seq(seq)
    }
}

struct List<'a, 'b> {
    state: &'a State<'a>,
    account: Reader<'a>,
    take: Taker<'b>,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of users")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let user = self.state.user.get() + 1;
            self.state.allowance.set(Some(MAX_ROW));
            self.state.user.set(user);
            let Some(value) = seq.next_element::<Value>()? else {
                self.state.user.set(user - 1);
                return Ok(());
            };
            let account = match &value {
                Value::Object(object) => (self.account)(object),
                _ => Err("is not an object".to_owned()),
            };
            if !(self.take)(Row { place: Place::User(user), account }) {
                self.state.stopped.set(true);
                return Err(Error::custom("stopped"));
            }
        }
    }
}

/// Lets through what a user may have.
struct Bounded<'a, R> {
    input: R,
    allowance: &'a Cell<Option<usize>>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buf)?;
        if let Some(left) = self.allowance.get() {
            let left = left.checked_sub(read).ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
            self.allowance.set(Some(left));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Format, read as read_format};

    fn rows(bytes: &[u8]) -> (Vec<String>, Result<(), String>) {
        let mut rows = Vec::new();
        let read = read_format(bytes, Format::Keycloak, None, &mut |row| {
            let account = row.account.map(|account| account.email.as_str().to_owned());
            rows.push(format!("{}: {}", row.place, account.unwrap_or_else(|why| why)));
            true
        });
        (rows, read.map_err(|error| error.to_string()))
    }

    #[test]
    fn users_are_found_wherever_they_stand_and_one_that_is_refused_does_not_end_it() {
        let document = br#"{"realm": "r", "groups": [{"users": 1}],
            "users": [{"email": "a@example.com"}, 7, {"email": 8}, {"email": "b@example.com"}], "more": {"x": [1]}}"#;
        let (found, read) = rows(document);
        assert_eq!(read, Ok(()));
        assert_eq!(
            found,
            [
                "user 1: a@example.com",
                "user 2: is not an object",
                "user 3: email: must be a text",
                "user 4: b@example.com"
            ]
        );
        assert_eq!(rows(br#"[{"email": "a@example.com"}]"#), (vec!["user 1: a@example.com".to_owned()], Ok(())));
    }

    #[test]
    fn a_broken_document_is_told_by_place_and_never_by_value() {
        for (document, complaint) in [
            (&br#"{"realm": "r"}"#[..], "there is no list users in this document"),
            (br#"{"users": {"email": 1}}"#, "this is not the JSON that is expected, from line 1 column 11 on"),
            (br#""hunter2""#, "this is not the JSON that is expected, from line 1 column 9 on"),
            (br#"{"users": [{"email": "a@example.com"}, {"ema"#, "the document ends too early, after user 2"),
            (br#"{"users": [], "users": []}"#, "the list users is there twice at line 1 column 22"),
        ] {
            assert_eq!(rows(document).1, Err(complaint.to_owned()));
        }
        let mut long = br#"{"users": [{"email": "a@example.com"}, {"email": ""#.to_vec();
        long.extend(vec![b'x'; 2 * MAX_ROW]);
        assert_eq!(rows(&long).1, Err("user 2: is longer than 1 MiB".to_owned()));
    }

    #[test]
    fn what_stands_beside_the_users_may_be_as_long_as_it_likes() {
        let long = format!(r#"{{"themes": "{}", "users": []}}"#, "x".repeat(3 * MAX_ROW));
        assert_eq!(rows(long.as_bytes()), (Vec::new(), Ok(())));
    }
}
